import { Attributes } from './attributes.js';
import type { SessionEnvironment } from './environment.js';
import { SessionLimitError } from './errors.js';
import { RESERVED_MEMBERS } from './members.js';
import { nameInLog, reasonFor } from './storable.js';
import type { OldRecord, OldSession, OldSessions } from './old-sessions.js';
import type { LoadOutcome } from './store.js';
import { idOf, type SessionId } from './token.js';

/**
 * When somebody logged in whose login was another library's: nobody knows, so that it never counts as recent, and an end of
 * all sessions of a user holds for those that are taken over later.
 */
const LONG_AGO = 1;

/** Takes over sessions of another library: one for each, whoever asks and how often. See docs/migration.md. */
export class Takeover {
  readonly #environment: SessionEnvironment;
  readonly #old: OldSessions;

  constructor(environment: SessionEnvironment, old: OldSessions) {
    this.#environment = environment;
    this.#old = old;
  }

  /**
   * Makes sure that the session which takes the place of an old one is there. Resolves to whether its token is to be
   * opened; false: the old session is nobody's.
   */
  async isThere(old: OldSession): Promise<boolean> {
    const id = idOf(old.token);
    const status = await this.#look(id);
    if (status === 'found' || status === 'unreadable') return true;
    const outcome = await this.#old.read(old.name);
    switch (outcome.status) {
      case 'gone':
        return false;
      case 'taken':
        // By another request a moment ago, or its token has been replaced since: then the request is a late one.
        return status === 'ended' || (await this.#look(id)) !== 'absent';
      case 'live':
        return status === 'ended' || (await this.#write(id, old, outcome.record));
      case 'unreadable':
        return this.#refuse(id, old, outcome.reason);
    }
  }

  async #look(id: SessionId): Promise<LoadOutcome['status']> {
    return (await this.#environment.store.load(id, { touch: false, only: [] })).status;
  }

  async #write(id: SessionId, { name, token }: OldSession, record: OldRecord): Promise<boolean> {
    const { store, rules, log, events } = this.#environment;
    const { principal, cookieMaxAge, idleSeconds } = record;
    let encoded: { attributes: ReadonlyMap<string, Uint8Array>; codec: string };
    try {
      encoded = this.#encoded(id, record.attributes);
    } catch (error) {
      if (!(error instanceof SessionLimitError)) throw error;
      return this.#refuse(id, { name, token }, error.message);
    }
    const { status } = await store.create(id, {
      ...encoded,
      maxInactiveInterval: idleSeconds ?? rules.maxInactiveInterval,
      absoluteTimeout: rules.absoluteTimeout,
      principal,
      authenticated: principal !== undefined,
      // A guest's stays where every node finds it, as with the library before.
      ...(principal === undefined && { kept: true }),
      cookie: cookieMaxAge === undefined ? undefined : { maxAge: cookieMaxAge, sent: true },
      from: name,
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

  #refuse(id: SessionId, { name }: OldSession, reason: string): false {
    const detail = `of the library before: ${reason}`;
    if (this.#old.isNews(name))
      this.#environment.events.emit({ type: 'rejected', reason: 'corrupt', id, detail });
    return false;
  }
}
