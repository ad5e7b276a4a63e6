import {
  answered,
  assertCookieCanLeave,
  assertIsWaitedFor,
  assertNever,
  assertUsable,
  canStillBegin,
  cookieSeconds,
  goneError,
  notAwaited,
  wholeSeconds,
} from './assertions.js';
import type { Attributes } from './attributes.js';
import { following, SessionChanges, type Write } from './changes.js';
import { isCsrfTokenOf, issueCsrfToken } from './csrf.js';
import type { ResponseContext, SessionEnvironment } from './environment.js';
import { SessionIdentity } from './identity.js';
import type { AuthenticateOptions, HttpSession, RegenerateOptions } from './members.js';
import { OperationQueue } from './operation-queue.js';
import { httpSessionOf, type PromisedMember } from './proxy.js';
import { SessionState, type SessionHandle, type SessionPhase } from './state.js';
import type { Found } from './store.js';
import { newTimes, timesOf } from './times.js';
import type { SessionId } from './token.js';
import { assertStorable, settled, updateAttribute, updateInsideItself, updateRefusal } from './update.js';
import { UnseenFailures, type WatchedPromise } from './watched-promise.js';

type OwedWrite = Pick<Write, 'difference' | 'force'>;

/**
 * One session as one request has it, or code outside any request: which operations are allowed, in which order they run,
 * and what is still to be written when the request ends. Operations of one object run one after the other. A change that
 * could not be written stays pending, and the commit at the end of the request tries it again.
 */
export class ManagedSession {
  /** Counts what the application has read or changed. As long as it stays the same, there is nothing new to write. */
  useCount = 0;
  readonly #environment: SessionEnvironment;
  readonly #client: ResponseContext | undefined;
  readonly #state: SessionState;
  readonly #queue: OperationQueue;
  // These three are made when they are first needed, since most sessions are only read.
  #madeChanges: SessionChanges | undefined;
  #madeIdentity: SessionIdentity | undefined;
  #httpSession: HttpSession | undefined;
  /** `destroy()` was called and waits for its turn. Until then nothing may be assigned: it would end with the session. */
  #leaving = false;
  #unsaved: Error | undefined;
  #unseen: UnseenFailures | undefined;
  /** A write is going to begin, and will take with it whatever has changed by then. */
  #isWriteScheduled = false;

  private constructor(
    environment: SessionEnvironment,
    client: ResponseContext | undefined,
    state: SessionState,
  ) {
    this.#environment = environment;
    this.#client = client;
    this.#state = state;
    this.#queue = new OperationQueue(environment.busy);
  }

  /**
   * A new, empty session. `detached`: see {@link SessionPhase}.
   * @param brought What is known of the tokens that came with the request and have opened no session.
   */
  static fresh(
    environment: SessionEnvironment,
    client: ResponseContext,
    phase: 'new' | 'detached',
    brought: Partial<Pick<SessionState, 'endedToken' | 'isEndKnown' | 'rivals'>> = {},
  ): ManagedSession {
    const times = newTimes(environment.now(), environment.rules);
    const state = Object.assign(new SessionState(environment, phase, times), brought);
    return new ManagedSession(environment, client, state);
  }

  /** A session that the store has. Without a `client` it is used outside any request, and its id cannot change. */
  static stored(
    environment: SessionEnvironment,
    handle: SessionHandle,
    found: Found,
    client: ResponseContext | undefined,
  ): ManagedSession {
    const state = new SessionState(environment, 'stored', timesOf(found), handle);
    state.adopt(found);
    return new ManagedSession(environment, client, state);
  }

  get httpSession(): HttpSession {
    return (this.#httpSession ??= httpSessionOf(this));
  }

  get state(): Readonly<SessionState> {
    return this.#state;
  }

  get attributes(): Attributes {
    return this.#state.attributes;
  }

  get id(): SessionId {
    return this.#state.id;
  }

  get phase(): SessionPhase {
    return this.#state.phase;
  }

  /** Whether somebody is logged in now: by `authenticate()`, or by the application's own idea of it. */
  get isLoggedIn(): boolean {
    return this.#state.principal !== undefined || this.#isAuthenticatedByApplication();
  }

  setMaxInactiveInterval(value: unknown): void {
    const seconds = wholeSeconds(value);
    this.#assertWritable();
    if (this.#state.setMaxInactiveInterval(seconds)) this.#noticeChange();
  }

  setCookieMaxAge(value: unknown): void {
    const seconds = cookieSeconds(value);
    this.#assertWritable();
    if (this.#state.setCookieMaxAge(seconds)) this.#noticeChange();
  }

  setAttribute(name: string, value: unknown): void {
    const { manualDirtyAttribute, persistOnDemandAttribute } = this.#environment.rules;
    this.#assertWritable();
    if (name === manualDirtyAttribute) return this.markDirty();
    if (name === persistOnDemandAttribute)
      return this.#writeInBackground(true, 'persist on demand was asked for');
    if (this.phase === 'new' && !canStillBegin(this.#client, name, this.#environment.log)) return;
    if (this.attributes.set(name, value)) this.#noticeChange();
  }

  deleteAttribute(name: string): void {
    this.#assertWritable();
    if (this.attributes.delete(name)) this.#noticeChange();
  }

  /** Sends the cookie with this response: the session was just taken over, and its browser does not have its token yet. */
  offerCookie(): void {
    if (this.phase === 'stored' && this.#state.hasCurrentToken) this.#state.offerCookie();
  }

  markDirty(): void {
    this.#assertWritable();
    this.#state.dirty = true;
  }

  keep(): void {
    this.#assertWritable();
    if (this.phase === 'new') assertCookieCanLeave(this.#client, 'keep a new session');
    if (this.#state.keep()) this.#noticeChange();
  }

  save(): Promise<void> {
    const isLate = this.phase === 'new' && !this.attributes.isEmpty && this.#client?.isClosing === true;
    return this.#queue.run(async () => {
      assertIsWaitedFor(isLate, 'save a new session');
      assertUsable(this.phase);
      if (this.phase === 'gone' || this.phase === 'detached') throw goneError('save', this.id);
      await this.#write(true, 'save() was called');
      if (this.#hasEnded()) throw goneError('save', this.id);
    });
  }

  /**
   * Writes what is still to be written at the end of a request. Returns undefined if there is nothing, so that such a
   * response need not wait at all.
   */
  commit(): Promise<void> | undefined {
    // Waits for operations that have begun, but not for those that begin from now on: a background job may never stop.
    if (this.#queue.busy) return this.#queue.settled().then(() => this.#commitNow());
    return this.#commitNow();
  }

  authenticate(principal: string | number, options?: AuthenticateOptions): Promise<void> {
    const isLate = this.#client?.isClosing === true;
    return this.#queue.run(async () => {
      assertIsWaitedFor(isLate, 'log in');
      return this.#identity.authenticate(principal, options);
    });
  }

  regenerateId(options?: RegenerateOptions): Promise<void> {
    const isLate = this.#client?.isClosing === true;
    return this.#queue.run(async () => {
      assertIsWaitedFor(isLate, 'change its id');
      return this.#identity.regenerateId(this.#isAuthenticated(), options);
    });
  }

  destroy(): Promise<void> {
    const isLate = this.#client?.isClosing === true;
    this.#leaving = true;
    return this.#queue.run(async () => {
      this.#leaving = false;
      // The response has ended and waits for what it owes: an end that comes behind it must not let that be forgotten.
      if (isLate)
        await this.#writeOwed(this.#owedWrite()).catch((error: unknown) => (this.#unsaved = error as Error));
      return this.#identity.destroy();
    });
  }

  reload(): Promise<void> {
    return this.#queue.run(async () => {
      const state = this.#state;
      assertUsable(state.phase);
      if (state.phase === 'new') return state.attributes.clear();
      const { store } = this.#environment;
      const outcome = state.phase === 'stored' ? await following(state, (id) => store.load(id)) : undefined;
      if (outcome?.status !== 'found') {
        state.phase = 'gone';
        throw goneError('reload', state.id);
      }
      state.times = { ...timesOf(outcome), lastAccessedAt: state.times.lastAccessedAt };
      state.adopt(outcome);
    });
  }

  update(name: string, change: (current: unknown) => unknown): Promise<unknown> {
    const refusal = updateRefusal(name, change, this.#environment.rules);
    if (refusal !== undefined) return Promise.reject(refusal);
    const { locks } = this.#environment;
    const key = `${this.id} ${name}`;
    // One at a time in this process: only contenders of other nodes are left to race with.
    const turn = locks.holds(key)
      ? Promise.reject(updateInsideItself(name))
      : locks.run(key, () => this.#update(name, change));
    return this.#queue.beside(turn);
  }

  csrfToken(): string {
    return issueCsrfToken(this.#state, this.#client, this.#environment.random);
  }

  isCsrfToken(given: unknown): boolean {
    return this.#client !== undefined && isCsrfTokenOf(this.#state, given);
  }

  asThrown(error: unknown): unknown {
    return this.#environment.asThrown === undefined ? error : this.#environment.asThrown(error);
  }

  /** See {@link UnseenFailures}. What `save()` has not written is still to be written, and `reload()` writes nothing. */
  failedUnseen(method: PromisedMember, promise: WatchedPromise<unknown>): void {
    this.#unseen ??= new UnseenFailures(this.#environment.log);
    const name = (): string => (this.phase === 'new' ? 'A new session' : `Session ${this.id}`);
    this.#unseen.add(method, promise, method === 'save' || method === 'reload', name);
  }

  #commitNow(): Promise<void> | undefined {
    // A login or logout that failed is reported, and not tried again: whoever was told that it failed must not find it done.
    const failure = this.#unsaved ?? this.#madeIdentity?.failure ?? this.#unseen?.first;
    if (failure !== undefined) return Promise.reject(failure);
    switch (this.phase) {
      case 'destroyed':
        return undefined;
      case 'gone':
        this.#tellDropped();
        return this.#environment.rules.alwaysSave ? Promise.reject(goneError('save', this.id)) : undefined;
      case 'detached':
        this.#tellDropped();
        return undefined;
      case 'new':
      case 'stored':
        return this.#commitChanges();
      default:
        return assertNever(this.phase);
    }
  }

  #commitChanges(): Promise<void> | undefined {
    const state = this.#state;
    const owed = this.#owedWrite();
    if (owed === undefined) {
      if (state.phase === 'new' || !state.isCookieDue || !this.#changes.owesCookie) return undefined;
      return this.#queue.run(async () => this.#changes.sendCookieAgain(this.#isAuthenticated()));
    }
    const hasItsTurn = !this.#queue.busy;
    // An operation that is still under way may save the change, change the id or end the session. What is to be written is
    // then asked for anew, so that it does not go into the session that follows.
    const written = this.#queue.run(() => this.#writeOwed(hasItsTurn ? owed : this.#owedWrite()));
    // A session that has ended meanwhile is an error under the policy that saves each request: see #commitNow.
    return written.then(() =>
      this.#hasEnded() || this.#unsaved !== undefined ? this.#commitNow() : undefined,
    );
  }

  #owedWrite(): OwedWrite | undefined {
    const state = this.#state;
    if (state.phase !== 'new' && state.phase !== 'stored') return undefined;
    if (state.phase === 'new' && state.attributes.isEmpty && !state.mustPersist) return undefined;
    // This is asked several times while a response leaves. What was saved once is not saved again without a change.
    const always = this.#environment.rules.alwaysSave && !state.written;
    const force = state.dirty || state.mustPersist || always;
    const difference = state.attributes.difference();
    return state.owesWrite(difference, force) ? { difference, force } : undefined;
  }

  #writeOwed(owed: OwedWrite | undefined): Promise<void> {
    if (owed === undefined) return Promise.resolve();
    const authenticated = this.#isAuthenticated();
    return this.#changes.write({ ...owed, authenticated, why: 'the request ended', last: true });
  }

  /** Writes now. For operations of the queue, which have waited for their turn. */
  async #write(force: boolean, why: string): Promise<void> {
    const difference = this.attributes.difference();
    if (this.phase === 'new' && difference !== undefined)
      assertCookieCanLeave(this.#client, 'save a new session');
    await this.#changes.write({ difference, force, authenticated: this.#isAuthenticated(), why });
  }

  /** A write that nobody awaits. If it fails, its changes stay pending, and the commit tries them again and reports it. */
  #writeInBackground(force: boolean, why: string): void {
    this.#queue
      .run(() => {
        if (!force) this.#isWriteScheduled = false;
        return this.#write(force, why);
      })
      .catch((error: unknown) => {
        const message = error instanceof Error ? error.message : 'unknown failure';
        const kind = `background ${error instanceof Error ? error.name : ''}`;
        this.#environment.log.warn(`Session ${this.id}: a save in the background failed: ${message}`, kind);
      });
  }

  /** Called after each change: under the policy SAVE_ON_CHANGE, a write begins. */
  #noticeChange(): void {
    if (!this.#environment.rules.saveOnChange || this.#isWriteScheduled) return;
    this.#isWriteScheduled = true;
    // Not at once: all assignments of one tick are one write, and so are all that come while a write is under way. Otherwise
    // a job that changes something faster than it is saved would queue ever more writes, and everybody would wait for them.
    queueMicrotask(() => this.#writeInBackground(false, 'an attribute changed'));
  }

  async #update(name: string, change: (current: unknown) => unknown): Promise<unknown> {
    assertUsable(this.phase);
    const { attributes } = this;
    const begun = attributes.assignments;
    // A pending change of this attribute is written first: the atomic change starts from what the store has.
    if (this.#isPending(name)) await this.#queue.run(() => this.#write(false, 'update() was called'));
    if (this.phase === 'new') {
      assertCookieCanLeave(this.#client, 'write to a new session');
      const value = await settled(name, change(attributes.get(name)), this.#environment.timer);
      assertStorable(attributes, name, value);
      if (!attributes.isAssignedSince(begun, name)) this.setAttribute(name, value);
      await this.save();
      return value;
    }
    if (this.phase !== 'stored') throw goneError('update', this.id);
    return updateAttribute(this.#environment, this.#state, this.#isAuthenticated(), { name, change, begun });
  }

  /** Whether a change of this attribute waits to be saved. */
  #isPending(name: string): boolean {
    const difference = this.attributes.difference();
    return difference !== undefined && (difference.set.has(name) || difference.remove.includes(name));
  }

  #tellDropped(): void {
    const difference = this.attributes.difference();
    if (difference !== undefined) this.#state.dropped(difference);
  }

  get #changes(): SessionChanges {
    return (this.#madeChanges ??= new SessionChanges(this.#environment, this.#client, this.#state));
  }

  get #identity(): SessionIdentity {
    return (this.#madeIdentity ??= new SessionIdentity(
      this.#environment,
      this.#client,
      this.#state,
      this.#changes,
    ));
  }

  #isAuthenticated(): boolean {
    return this.#state.authenticated || this.#isAuthenticatedByApplication();
  }

  #isAuthenticatedByApplication(): boolean {
    return answered(this.#environment.isAuthenticated?.(this.httpSession));
  }

  /** For use after an await, when the phase may have changed. A method, since TypeScript would remember the phase of before. */
  #hasEnded(): boolean {
    return this.phase === 'gone';
  }

  #assertWritable(): void {
    assertUsable(this.phase);
    if (this.#leaving) throw notAwaited();
  }
}
