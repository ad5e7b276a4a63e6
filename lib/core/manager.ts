import type { SessionClient, SessionEnvironment } from './environment.js';
import { SessionFormatError } from './errors.js';
import { hasMoved, MOST_MOVES } from './following.js';
import { ManagedSession } from './managed-session.js';
import { allIdle } from './operation-queue.js';
import type { SessionName } from './session-state.js';
import type { LoadOutcome } from './store.js';
import { idOf, isSessionId, type SessionToken } from './token.js';

/** Creates and loads sessions. What becomes of them is their own doing: see {@link ManagedSession}. */
export class SessionManager {
  readonly #environment: SessionEnvironment;

  constructor(environment: SessionEnvironment) {
    this.#environment = environment;
  }

  /**
   * The session of a request, by the tokens it brings: none or one as a rule; several where somebody set a cookie
   * of the same name on another path or domain. A token the store does not know is never adopted: the request gets
   * a new, empty session, which will have a token of its own. Two live sessions at once are nobody's: which of
   * them is the user's cannot be told.
   */
  open(tokens: readonly SessionToken[], client: SessionClient): Promise<ManagedSession> {
    const [token] = tokens;
    if (token === undefined) return Promise.resolve(this.#fresh(client, 'new'));
    return tokens.length === 1 ? this.#openOne(token, client) : this.#openAny(tokens, client);
  }

  async #openOne(token: SessionToken, client: SessionClient): Promise<ManagedSession> {
    const loaded = await this.#load(token, client);
    if (typeof loaded !== 'string') return loaded;
    return this.#fresh(client, loaded === 'ended' ? 'detached' : 'new', token);
  }

  async #openAny(tokens: readonly SessionToken[], client: SessionClient): Promise<ManagedSession> {
    let found: ManagedSession | undefined;
    let ended: SessionToken | undefined;
    for (const token of tokens) {
      const loaded = await this.#load(token, client);
      if (loaded === 'ended') ended ??= token;
      if (typeof loaded === 'string') continue;
      // Tokens of before and after an id change, during its grace, are those of one session.
      if (found?.id === loaded.id) {
        if (loaded.state.hasCurrentToken) found = loaded;
      } else if (found !== undefined) {
        this.#environment.events.emit({ type: 'rejected', reason: 'ambiguous', id: undefined });
        return this.#fresh(client, 'new');
      } else found = loaded;
    }
    return found ?? this.#fresh(client, ended === undefined ? 'new' : 'detached', ended);
  }

  /** The session of a token, under its new id if that has just been changed with a grace; or why there is none. */
  async #load(token: SessionToken, client: SessionClient): Promise<ManagedSession | 'absent' | 'ended'> {
    const { store } = this.#environment;
    let name: SessionName = { id: idOf(token), token };
    let outcome = await store.load(name.id);
    for (let moves = 0; hasMoved(outcome) && outcome.inGrace && moves < MOST_MOVES; moves += 1) {
      name = { id: outcome.movedTo, token, inGrace: true };
      outcome = await store.load(name.id);
    }
    return this.#opened(name, outcome, client);
  }

  #fresh(client: SessionClient, phase: 'new' | 'detached', endedToken?: SessionToken): ManagedSession {
    return ManagedSession.fresh(this.#environment, client, phase, endedToken);
  }

  /** What a store's answer means to a request. */
  #opened(
    name: SessionName,
    outcome: LoadOutcome,
    client: SessionClient,
  ): ManagedSession | 'absent' | 'ended' {
    const { events, log } = this.#environment;
    const { id } = name;
    switch (outcome.status) {
      case 'found':
        this.#assertReadable(outcome.record.codec, id);
        log.verbose(`Session ${id}: loaded.`);
        return ManagedSession.stored(this.#environment, name, outcome, client);
      case 'absent':
        events.emit({ type: 'rejected', reason: 'unknown', id });
        return 'absent';
      case 'ended':
        events.emit({ type: 'rejected', reason: outcome.longAgo ? 'unknown' : 'gone', id });
        return outcome.longAgo ? 'absent' : 'ended';
      case 'unreadable':
        events.emit({ type: 'rejected', reason: 'corrupt', id, detail: outcome.reason });
        return 'absent';
    }
  }

  /** A stored session outside any request, by its public id; undefined if there is none. */
  async openById(id: string): Promise<ManagedSession | undefined> {
    if (!isSessionId(id)) return undefined;
    const outcome = await this.#environment.store.load(id);
    if (outcome.status !== 'found') return undefined;
    this.#assertReadable(outcome.record.codec, id);
    return ManagedSession.stored(this.#environment, { id }, outcome, undefined);
  }

  /** Ends a session by its public id, wherever it is used. Unknown ids are not an error. */
  async destroyById(id: string): Promise<void> {
    if (!isSessionId(id)) return;
    const { status } = await this.#environment.store.destroy(id);
    if (status === 'removed') this.#environment.events.emit({ type: 'destroyed', id });
  }

  /**
   * Resolves when nothing is under way that was begun with any session: saves, logins, updates, also those that nobody
   * awaits. Never rejects.
   */
  idle(): Promise<void> {
    return allIdle(this.#environment.busy);
  }

  #assertReadable(codec: string, id: string): void {
    if (this.#environment.codecByName(codec) !== undefined) return;
    throw new SessionFormatError(
      `Session ${id} was written with the codec '${codec}', which this node does not have. ` +
        'It is left as it is. Give that codec to the module, or finish the roll-out that brings it.',
    );
  }
}
