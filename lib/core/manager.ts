import type { ResponseContext, SessionEnvironment } from './environment.js';
import { SessionFormatError } from './errors.js';
import { hasMoved, MOST_MOVES } from './changes.js';
import { ManagedSession } from './session.js';
import { allIdle } from './operation-queue.js';
import { PeekedSession } from './peeked-session.js';
import type { BroughtSession, SessionHandle } from './state.js';
import type { LoadOptions, LoadOutcome } from './store.js';
import { linkIn, type OldSession } from './old-sessions.js';
import { Takeover } from './takeover.js';
import type { UserSessions } from './user-sessions.js';
import { idOf, isSessionId, type SessionId, type SessionToken } from './token.js';

/** Tokens of one request that are looked at. A browser has one or two; more than this is somebody's attack. */
export const MAX_TOKENS = 16;

const ONLY_LOOKED_AT =
  'This session is only looked at (SessionService.peek) and cannot be changed. Use SessionService.open(id) to change it, ' +
  'or destroy(id) to end it.';

/** The cookies of another library that a request has. They are read, and their signatures checked, only when this is called. */
export type OldCookies = () => Iterable<OldSession | 'forged'>;

/** Is given a session in the very tick in which it is loaded, where a promise would take one more. */
export interface SessionOpener<T> {
  /** The session is there. @returns What is made of it. */
  opened(session: ManagedSession): T;
  /** It cannot be loaded. @returns What is thrown. */
  failed(error: unknown): unknown;
}

const HANDED_OUT: SessionOpener<ManagedSession> = {
  opened: (session) => session,
  failed: (error) => error,
};

/** A stored session, with the token by which a request has asked for it. */
type Brought = SessionHandle & BroughtSession;

/** Creates and loads sessions. All that happens to them afterwards is in {@link ManagedSession}. */
export class SessionManager {
  readonly #environment: SessionEnvironment;
  /** Undefined where no sessions of another library are taken over. */
  readonly #takeover: Takeover | undefined;

  constructor(environment: SessionEnvironment) {
    this.#environment = environment;
    const { oldSessions } = environment;
    this.#takeover = oldSessions && new Takeover(environment, oldSessions);
  }

  /**
   * The session of a request, by the tokens it brings: none or one as a rule; several where somebody set a cookie
   * of the same name on another path or domain. A token the store does not know is never adopted: the request gets
   * a new, empty session, which will have a token of its own. Of two live sessions at once neither is used, since
   * which of them is the user's cannot be told; they are not extended, and end with the next login or logout. Of more
   * than {@link MAX_TOKENS} tokens none is even looked at.
   * @param old The sessions of another library that the request names, looked at only where its tokens open nothing, or a guest's
   * session, which gives way to one that names a user.
   */
  open(tokens: readonly SessionToken[], client: ResponseContext, old?: OldCookies): Promise<ManagedSession> {
    return this.openFor(tokens, client, HANDED_OUT, old);
  }

  /** The same, but hands the session to `opener` at once, and resolves to what that makes of it. Saves a promise a request. */
  async openFor<T>(
    tokens: readonly SessionToken[],
    client: ResponseContext,
    opener: SessionOpener<T>,
    old?: OldCookies,
  ): Promise<T> {
    let session: ManagedSession;
    try {
      const [token, ...others] = tokens;
      if (token === undefined) session = await Promise.resolve(this.#fresh(client));
      else if (others.length > 0) session = await this.#openAny(tokens, client);
      else {
        const handle = { id: idOf(token), token };
        const opened = this.#opened(handle, await this.#environment.store.load(handle.id), client);
        session = opened instanceof Promise ? await opened : opened;
      }
      const takeover = this.#takeover;
      if (old !== undefined && takeover !== undefined && givesWay(session))
        session = await this.#openOld(old, session, takeover, client);
    } catch (error) {
      throw opener.failed(error);
    }
    return opener.opened(session);
  }

  async #openOld(
    old: OldCookies,
    own: ManagedSession,
    takeover: Takeover,
    client: ResponseContext,
  ): Promise<ManagedSession> {
    const isGuests = own.phase === 'stored';
    for (const named of old()) {
      if (named === 'forged') {
        this.#environment.events.emit({ type: 'rejected', reason: 'forged', id: undefined });
        continue;
      }
      // The guest's own took its place, and has been told by now whom the old one names.
      if (own.state.from !== undefined && linkIn(own.state.from).name === named.name) continue;
      const token = await takeover.tokenFor(named, isGuests);
      if (token === undefined) continue;
      const session = await this.#openOne(token, client);
      if (isGuests ? session.state.principal === undefined : session.phase === 'new') continue;
      session.offerCookie();
      if (isGuests) await this.destroyById(own.id);
      return session;
    }
    return own;
  }

  async #openOne(token: SessionToken, client: ResponseContext): Promise<ManagedSession> {
    const handle = { id: idOf(token), token };
    return this.#opened(handle, await this.#environment.store.load(handle.id), client);
  }

  /** The session that a token opens, given the store's answer for its id. A promise only where the store is asked again. */
  #opened(
    handle: Brought,
    outcome: LoadOutcome,
    client: ResponseContext,
  ): ManagedSession | Promise<ManagedSession> {
    if (hasMoved(outcome))
      return this.#followed(handle, outcome).then(([followed, found]) =>
        this.#entered(followed, found, client),
      );
    return this.#entered(handle, outcome, client);
  }

  /** As {@link #opened}, once an id that has changed has been followed. */
  #entered(
    handle: Brought,
    outcome: LoadOutcome,
    client: ResponseContext,
  ): ManagedSession | Promise<ManagedSession> {
    const known = this.#enteredBy(handle.id, outcome);
    if (known === undefined) return this.#made(handle, outcome, client);
    return known.then((isKnown) => this.#made(handle, isKnown ? outcome : { status: 'ended' }, client));
  }

  #made(handle: Brought, outcome: LoadOutcome, client: ResponseContext): ManagedSession {
    const { id, token } = handle;
    this.#tell(id, outcome);
    if (outcome.status !== 'found') return this.#fresh(client, token, outcome);
    this.#assertReadable(outcome.record.codec, id);
    this.#environment.log.verbose(`Session ${id}: loaded.`);
    return ManagedSession.stored(this.#environment, handle, outcome, client);
  }

  async #openAny(tokens: readonly SessionToken[], client: ResponseContext): Promise<ManagedSession> {
    if (tokens.length > MAX_TOKENS) return this.#ambiguous(client, []);
    const looks = await Promise.all(tokens.map((token) => this.#look(token)));
    // Tokens of before and after an id change, during its grace, are those of one session.
    const live = new Map<SessionId, Brought>();
    for (const [handle, outcome] of looks)
      if (outcome.status === 'found' && !(handle.inGrace === true && live.has(handle.id)))
        live.set(handle.id, handle);
    const [only] = live.values();
    if (live.size > 1) return this.#ambiguous(client, [...live.values()]);
    for (const [{ id }, outcome] of looks) this.#tell(id, outcome);
    if (only !== undefined) return this.#openOne(only.token, client);
    const ended = looks.find(([, outcome]) => isRecentEnd(outcome));
    return this.#fresh(client, ended?.[0].token, ended?.[1]);
  }

  /** Loads without using: a session whose cookie is sent beside another one's must not be kept alive by that. */
  async #look(token: SessionToken): Promise<readonly [Brought, LoadOutcome]> {
    const handle = { id: idOf(token), token };
    const outcome = await this.#environment.store.load(handle.id, { touch: false });
    return hasMoved(outcome) ? this.#followed(handle, outcome, { touch: false }) : [handle, outcome];
  }

  /** Follows a session to the id that it has by now, as long as the old token is still accepted. */
  async #followed(
    brought: Brought,
    moved: LoadOutcome,
    options?: LoadOptions,
  ): Promise<[Brought, LoadOutcome]> {
    let handle = brought;
    let outcome = moved;
    for (let moves = 0; hasMoved(outcome) && outcome.inGrace && moves < MOST_MOVES; moves += 1) {
      handle = { id: outcome.movedTo, token: brought.token, inGrace: true };
      outcome = await this.#environment.store.load(handle.id, options);
    }
    return [handle, outcome];
  }

  #ambiguous(client: ResponseContext, live: readonly BroughtSession[]): ManagedSession {
    this.#environment.events.emit({ type: 'rejected', reason: 'ambiguous', id: undefined });
    return ManagedSession.fresh(this.#environment, client, 'new', { rivals: live });
  }

  /** See {@link UserSessions.used}. */
  #enteredBy(id: SessionId, outcome: LoadOutcome): Promise<boolean> | undefined {
    return outcome.status === 'found' ? this.#environment.users?.used(id, outcome) : undefined;
  }

  /** @param endedToken The token that the request came with, for which the store has no session, only this `outcome`. */
  #fresh(client: ResponseContext, endedToken?: SessionToken, outcome?: LoadOutcome): ManagedSession {
    const phase = outcome !== undefined && isRecentEnd(outcome) ? 'detached' : 'new';
    const isEndKnown = outcome?.status === 'ended';
    return ManagedSession.fresh(this.#environment, client, phase, { endedToken, isEndKnown });
  }

  /** Emits an event where a token opens no session. */
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
    if (outcome.status !== 'found' || (await this.#enteredBy(id, outcome)) === false) return undefined;
    this.#assertReadable(outcome.record.codec, id);
    return ManagedSession.stored(this.#environment, { id }, outcome, undefined);
  }

  /** The same, only to look at: it cannot be changed, and its expiry stays what it was. */
  async peekById(id: string): Promise<PeekedSession | undefined> {
    if (!isSessionId(id)) return undefined;
    const outcome = await this.#environment.store.load(id, { touch: false });
    if (outcome.status !== 'found') return undefined;
    this.#assertReadable(outcome.record.codec, id);
    const session = ManagedSession.stored(this.#environment, { id }, outcome, undefined);
    return new PeekedSession(session, ONLY_LOOKED_AT);
  }

  /**
   * The session of a client that has opened it before and goes on with it: a socket, at each of its messages. Where another
   * request has changed its id, it is followed to that. Undefined: it has ended.
   */
  async reopen(from: SessionId, client: ResponseContext): Promise<ManagedSession | undefined> {
    const { store } = this.#environment;
    let id = from;
    let outcome = await store.load(id);
    for (let moves = 0; hasMoved(outcome) && moves < MOST_MOVES; moves += 1) {
      id = outcome.movedTo;
      outcome = await store.load(id);
    }
    if (outcome.status !== 'found' || (await this.#enteredBy(id, outcome)) === false) return undefined;
    this.#assertReadable(outcome.record.codec, id);
    return ManagedSession.stored(this.#environment, { id }, outcome, client);
  }

  /** Which sessions users have. */
  get users(): UserSessions | undefined {
    return this.#environment.users;
  }

  /** See {@link SessionEnvironment.asThrown}. */
  asThrown(error: unknown): unknown {
    const { asThrown } = this.#environment;
    return asThrown === undefined ? error : asThrown(error);
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

/** Whether the tokens of a request have opened no session at all, or a guest's. */
function givesWay(session: ManagedSession): boolean {
  return session.phase === 'stored' ? !session.isLoggedIn : session.state.rivals.length === 0;
}

/** Whether the session ended so recently that requests from before may still be under way. */
function isRecentEnd(outcome: LoadOutcome): boolean {
  return outcome.status === 'ended' && outcome.longAgo !== true;
}
