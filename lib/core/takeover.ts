import { Attributes } from './attributes.js';
import type { SessionEnvironment } from './environment.js';
import { SessionLimitError } from './errors.js';
import { RESERVED_MEMBERS } from './members.js';
import { nameInLog, reasonFor } from './storable.js';
import { textOfLink, type OldRecord, type OldSession, type OldSessions } from './old-sessions.js';
import type { LoadOutcome } from './store.js';
import { idOf, type SessionId, type SessionToken } from './token.js';

/**
 * When somebody logged in whose login was another library's: nobody knows, so that it never counts as recent, and an end of
 * all sessions of a user holds for those that are taken over later.
 */
const LONG_AGO = 1;

/** An old session that is to be taken over. */
interface LiveOld {
  readonly record: OldRecord;
  readonly turn: number;
}

/** Takes over sessions of another library: one for each, whoever asks and how often. See docs/migration.md. */
export class Takeover {
  readonly #environment: SessionEnvironment;
  readonly #old: OldSessions;

  constructor(environment: SessionEnvironment, old: OldSessions) {
    this.#environment = environment;
    this.#old = old;
  }

  /**
   * Makes sure that the session which takes the place of an old one is there. Resolves to the token that opens it; undefined: the
   * old session is nobody's.
   * @param onlyUsers An old session that names nobody is left as it is.
   */
  async tokenFor(old: OldSession, onlyUsers: boolean): Promise<SessionToken | undefined> {
    for (let isAgain = false; ; isAgain = true) {
      const outcome = await this.#old.read(old.name);
      if (outcome.status === 'gone') return undefined;
      if (outcome.status === 'unreadable')
        return this.#refuse(idOf(old.tokenOf(0)), old.name, outcome.reason);
      const token = old.tokenOf(outcome.turn);
      const id = idOf(token);
      if (outcome.status === 'live') {
        if (onlyUsers && outcome.record.principal === undefined) return undefined;
        return (await this.#write(id, old.name, outcome)) ? token : undefined;
      }
      // Looking ends it where its old session has come to name somebody else, who has the next turn.
      const status = await this.#look(id);
      // By another request a moment ago, or its token has been replaced since: then the request is a late one.
      if (status !== 'ended' || isAgain) return status === 'absent' ? undefined : token;
    }
  }

  async #look(id: SessionId): Promise<LoadOutcome['status']> {
    return (await this.#environment.store.load(id, { touch: false, only: [] })).status;
  }

  async #write(id: SessionId, name: string, { record, turn }: LiveOld): Promise<boolean> {
    const { store, rules, log, events } = this.#environment;
    const { principal, cookieMaxAge, idleSeconds, absoluteSeconds = rules.absoluteTimeout } = record;
    let encoded: { attributes: ReadonlyMap<string, Uint8Array>; codec: string };
    try {
      encoded = this.#encoded(id, record.attributes);
    } catch (error) {
      if (!(error instanceof SessionLimitError)) throw error;
      this.#refuse(id, name, error.message);
      return false;
    }
    const { status } = await store.create(id, {
      ...encoded,
      maxInactiveInterval: idleSeconds ?? rules.maxInactiveInterval,
      absoluteTimeout: Math.min(rules.absoluteTimeout, absoluteSeconds),
      principal,
      authenticated: principal !== undefined,
      // A guest's stays where every node finds it, as with the library before.
      ...(principal === undefined && { kept: true }),
      cookie: cookieMaxAge === undefined ? undefined : { maxAge: cookieMaxAge, sent: true },
      from: textOfLink({ name, turn, wasGuest: principal === undefined }),
      ...(principal !== undefined && { authenticatedAt: LONG_AGO }),
    });
    if (status !== 'written') return true;
    log.debug(`Session ${id}: taken over from another library.`);
    events.emit({ type: 'created', id });
    if (principal !== undefined) events.emit({ type: 'authenticated', id, previousId: undefined, principal });
    return true;
  }

  /** @throws SessionLimitError */
  #encoded(
    id: SessionId,
    values: ReadonlyMap<string, unknown>,
  ): { attributes: ReadonlyMap<string, Uint8Array>; codec: string } {
    const { codec, rules, log } = this.#environment;
    const refused = (name: string, reason: string): void =>
      log.warn(
        `Session ${id}: attribute ${nameInLog(name)} is not taken over: ${reason}.`,
        `takeover ${nameInLog(name)}`,
      );
    const attributes = new Attributes(codec, rules, {
      refused,
      unstorable: (name, what) => refused(name, reasonFor(name, what)),
      outdated: () => undefined, // nothing is updated here
    });
    const own = new Set([...RESERVED_MEMBERS, rules.manualDirtyAttribute, rules.persistOnDemandAttribute]);
    for (const [name, value] of values) {
      if (own.has(name)) refused(name, 'a session has a member of its own with that name');
      else if (value !== null) attributes.set(name, value);
    }
    return { attributes: attributes.difference()?.set ?? new Map(), codec: attributes.codecName };
  }

  #refuse(id: SessionId, name: string, reason: string): undefined {
    const detail = `of the library before: ${reason}`;
    if (this.#old.isNews(name))
      this.#environment.events.emit({ type: 'rejected', reason: 'corrupt', id, detail });
    return undefined;
  }
}
