import type { ResponseContext, SessionEnvironment } from './environment.js';
import { SessionFormatError } from './errors.js';
import { hasMoved, MOST_MOVES } from './changes.js';
import { ManagedSession } from './session.js';
import { allIdle } from './operation-queue.js';
import { PeekedSession } from './peeked-session.js';
import type { BroughtSession, SessionHandle } from './state.js';
import type { LoadOptions, LoadOutcome } from './store.js';
import type { UserSessions } from './user-sessions.js';
import { idOf, isSessionId, type SessionId, type SessionToken } from './token.js';

/** Tokens of one request that are looked at. A browser has one or two; more than this is somebody's attack. */
export const MAX_TOKENS = 16;

/** A session and the token by which a request has brought it. */
type Brought = SessionHandle & BroughtSession;

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
   * them is the user's cannot be told; they are not extended, and end with the next login or logout. More than
   * {@link MAX_TOKENS} tokens are nobody's, and are not looked at.
   */
  open(tokens: readonly SessionToken[], client: ResponseContext): Promise<ManagedSession> {
    const [token] = tokens;
    if (token === undefined) return Promise.resolve(this.#fresh(client, 'new'));
    return tokens.length === 1 ? this.#openOne(token, client) : this.#openAny(tokens, client);
  }

  async #openOne(token: SessionToken, client: ResponseContext): Promise<ManagedSession> {
    const { name, outcome } = await this.#findInUse(token);
    const loaded = this.#opened(name, outcome, client);
    if (typeof loaded !== 'string') return loaded;
    return this.#fresh(client, loaded === 'ended' ? 'detached' : 'new', token);
  }

  async #openAny(tokens: readonly SessionToken[], client: ResponseContext): Promise<ManagedSession> {
    if (tokens.length > MAX_TOKENS) return this.#ambiguous(client, []);
    // Looked at, not used: a session whose cookie stands beside another's is not kept alive by that.
    const looks = await Promise.all(tokens.map((token) => this.#find(token, { touch: false })));
    // Tokens of before and after an id change, during its grace, are those of one session.
    const live = new Map<SessionId, Brought>();
    for (const { name, outcome } of looks)
      if (outcome.status === 'found' && !(name.inGrace === true && live.has(name.id)))
        live.set(name.id, name);
    const [only] = live.values();
    if (live.size > 1) return this.#ambiguous(client, [...live.values()]);
    for (const { name, outcome } of looks) this.#tell(name.id, outcome);
    if (only !== undefined) return this.#openOne(only.token, client);
    const ended = looks.find(({ outcome }) => isRecentEnd(outcome));
    return this.#fresh(client, ended === undefined ? 'new' : 'detached', ended?.name.token);
  }

  #ambiguous(client: ResponseContext, live: readonly BroughtSession[]): ManagedSession {
    this.#environment.events.emit({ type: 'rejected', reason: 'ambiguous', id: undefined });
    return ManagedSession.fresh(this.#environment, client, 'new', { rivals: live });
  }

  /** What the store has for a token, under its new id if that has just been changed with a grace. */
  async #find(token: SessionToken, options?: LoadOptions): Promise<{ name: Brought; outcome: LoadOutcome }> {
    const { store } = this.#environment;
    let name: Brought = { id: idOf(token), token };
    let outcome = await store.load(name.id, options);
    for (let moves = 0; hasMoved(outcome) && outcome.inGrace && moves < MOST_MOVES; moves += 1) {
      name = { id: outcome.movedTo, token, inGrace: true };
      outcome = await store.load(name.id, options);
    }
    return { name, outcome };
  }

  /** The same, for use. */
  async #findInUse(token: SessionToken): Promise<{ name: Brought; outcome: LoadOutcome }> {
    const { name, outcome } = await this.#find(token);
    return (await this.#isOver(name.id, outcome)) ? { name, outcome: { status: 'ended' } } : { name, outcome };
  }

  /** Whether a session that is there has been ended with all of its user before it was known to be one of them. */
  async #isOver(id: SessionId, outcome: LoadOutcome): Promise<boolean> {
    if (outcome.status !== 'found') return false;
    const known = this.#environment.users?.used(id, outcome);
    return known !== undefined && !(await known);
  }

  #fresh(client: ResponseContext, phase: 'new' | 'detached', endedToken?: SessionToken): ManagedSession {
    return ManagedSession.fresh(this.#environment, client, phase, { endedToken });
  }

  /** What a store's answer means to a request. */
  #opened(
    name: SessionHandle,
    outcome: LoadOutcome,
    client: ResponseContext,
  ): ManagedSession | 'absent' | 'ended' {
    const { id } = name;
    this.#tell(id, outcome);
    if (outcome.status !== 'found') return isRecentEnd(outcome) ? 'ended' : 'absent';
    this.#assertReadable(outcome.record.codec, id);
    this.#environment.log.verbose(`Session ${id}: loaded.`);
    return ManagedSession.stored(this.#environment, name, outcome, client);
  }

  /** Tells of a token that opens nothing. */
  #tell(id: SessionId, outcome: LoadOutcome): void {
    const { events } = this.#environment;
    switch (outcome.status) {
      case 'found':
        return;
      case 'absent':
        return events.emit({ type: 'rejected', reason: 'unknown', id });
      case 'ended':
        return events.emit({ type: 'rejected', reason: isRecentEnd(outcome) ? 'gone' : 'unknown', id });
      case 'unreadable':
        return events.emit({ type: 'rejected', reason: 'corrupt', id, detail: outcome.reason });
    }
  }

  /** A stored session outside any request, by its public id; undefined if there is none. */
  async openById(id: string): Promise<ManagedSession | undefined> {
    if (!isSessionId(id)) return undefined;
    const outcome = await this.#environment.store.load(id);
    if (outcome.status !== 'found' || (await this.#isOver(id, outcome))) return undefined;
    this.#assertReadable(outcome.record.codec, id);
    return ManagedSession.stored(this.#environment, { id }, outcome, undefined);
  }

  /** The same, only to be looked at: it is not used by that, and cannot be changed. */
  async peekById(id: string): Promise<PeekedSession | undefined> {
    if (!isSessionId(id)) return undefined;
    const outcome = await this.#environment.store.load(id, { touch: false });
    if (outcome.status !== 'found') return undefined;
    this.#assertReadable(outcome.record.codec, id);
    return new PeekedSession(ManagedSession.stored(this.#environment, { id }, outcome, undefined));
  }

  /** Which sessions users have. */
  get users(): UserSessions | undefined {
    return this.#environment.users;
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

/** Whether requests that were under way when the session ended may still be. */
function isRecentEnd(outcome: LoadOutcome): boolean {
  return outcome.status === 'ended' && outcome.longAgo !== true;
}
