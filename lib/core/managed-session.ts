import type { Attributes } from './attributes.js';
import { isCsrfTokenOf, newCsrfToken } from './csrf.js';
import type { SessionClient, SessionEnvironment } from './environment.js';
import { assertNever } from './assert-never.js';
import { httpSessionOf } from './http-session.js';
import type { HttpSession } from './members.js';
import { OperationQueue } from './operation-queue.js';
import {
  assertCookieCanLeave,
  assertUsable,
  goneError,
  outsideRequest,
  wholeSeconds,
} from './session-refusals.js';
import { SessionIdentity } from './session-identity.js';
import { SessionState, type SessionPhase } from './session-state.js';
import { timesOf } from './session-times.js';
import { SessionWriter } from './session-writer.js';
import type { Found } from './store.js';
import type { SessionId, SessionToken } from './token.js';
import { updateAttribute } from './update-attribute.js';

/**
 * One session in one request (or outside any): what may be done with it, in which order, and what its request
 * owes at the end. Writes of one object go one after the other; what failed stays pending, so that the commit
 * tries it again.
 */
export class ManagedSession {
  readonly #environment: SessionEnvironment;
  readonly #client: SessionClient | undefined;
  readonly #state: SessionState;
  readonly #writer: SessionWriter;
  readonly #identity: SessionIdentity;
  readonly #queue = new OperationQueue();
  #writeScheduled = false;
  #httpSession: HttpSession | undefined;

  private constructor(
    environment: SessionEnvironment,
    client: SessionClient | undefined,
    state: SessionState,
  ) {
    this.#environment = environment;
    this.#client = client;
    this.#state = state;
    this.#writer = new SessionWriter(environment, state, () => this.#isAuthenticated());
    this.#identity = new SessionIdentity(environment, client, state, this.#writer);
  }

  /** A new, empty session. `detached`: see {@link SessionPhase}. */
  static fresh(
    environment: SessionEnvironment,
    client: SessionClient,
    phase: 'new' | 'detached',
  ): ManagedSession {
    const now = environment.now();
    const { maxInactiveInterval, absoluteTimeout } = environment.rules;
    const deadline = absoluteTimeout > 0 ? now + absoluteTimeout * 1000 : undefined;
    const times = { createdAt: now, lastAccessedAt: now, accessedAt: now, maxInactiveInterval, deadline };
    return new ManagedSession(environment, client, new SessionState(environment, { phase, times }));
  }

  /** A session that a store has. Without a client it is one outside any request: its id cannot change. */
  static stored(
    environment: SessionEnvironment,
    name: { readonly id: SessionId; readonly token?: SessionToken | undefined },
    found: Found,
    client: SessionClient | undefined,
  ): ManagedSession {
    const state = new SessionState(environment, { phase: 'stored', ...name, times: timesOf(found) });
    state.adopt(found);
    return new ManagedSession(environment, client, state);
  }

  /** What applications get. */
  get httpSession(): HttpSession {
    return (this.#httpSession ??= httpSessionOf(this));
  }

  /** What is known of it. */
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

  setMaxInactiveInterval(value: unknown): void {
    const maxInactiveInterval = wholeSeconds(value);
    this.#assertUsable();
    if (maxInactiveInterval === this.#state.times.maxInactiveInterval) return;
    this.#state.times = { ...this.#state.times, maxInactiveInterval };
    this.#state.intervalChanged = true;
    this.#noticeChange();
  }

  setAttribute(name: string, value: unknown): void {
    const { manualDirtyAttribute, persistOnDemandAttribute } = this.#environment.rules;
    this.#assertUsable();
    if (name === manualDirtyAttribute) return this.markDirty();
    if (name === persistOnDemandAttribute) return this.#writeInBackground(true);
    if (this.phase === 'new') this.#assertCookieCanLeave('write to a new session');
    if (this.attributes.set(name, value)) this.#noticeChange();
  }

  deleteAttribute(name: string): void {
    this.#assertUsable();
    if (this.attributes.delete(name)) this.#noticeChange();
  }

  markDirty(): void {
    this.#assertUsable();
    this.#state.dirty = true;
  }

  save(): Promise<void> {
    return this.#queue.run(async () => {
      this.#assertUsable();
      if (this.phase === 'gone' || this.phase === 'detached') throw goneError('save', this.id);
      await this.#write(true, 'save() was called');
      if (this.#hasEnded()) throw goneError('save', this.id);
    });
  }

  /**
   * What a request owes the store at its end. Returns undefined if that is nothing, so that such a response
   * need not wait at all.
   */
  commit(): Promise<void> | undefined {
    if (this.#queue.busy) return this.#queue.idle().then(() => this.commit());
    if (this.phase === 'destroying') return this.destroy();
    if (this.#identity.failure !== undefined) return Promise.reject(this.#identity.failure);
    switch (this.phase) {
      case 'destroyed':
        return undefined;
      case 'gone':
      case 'detached':
        // Nothing to say of the many that wrote nothing.
        if (this.attributes.isEmpty) return undefined;
        this.#environment.log.debug(`Session ${this.id}: not saved because it ended meanwhile.`);
        return undefined;
      case 'new':
      case 'stored':
        return this.#commitChanges();
      default:
        return assertNever(this.phase);
    }
  }

  authenticate(principal: string | number): Promise<void> {
    return this.#queue.run(() => this.#identity.authenticate(principal));
  }

  regenerateId(): Promise<void> {
    return this.#queue.run(() => this.#identity.regenerateId());
  }

  destroy(): Promise<void> {
    return this.#queue.run(() => this.#identity.destroy());
  }

  reload(): Promise<void> {
    return this.#queue.run(async () => {
      const state = this.#state;
      this.#assertUsable();
      if (state.phase === 'new') return state.attributes.clear();
      const outcome = state.phase === 'stored' ? await this.#environment.store.load(state.id) : undefined;
      if (outcome?.status !== 'found') {
        state.phase = 'gone';
        throw goneError('reload', state.id);
      }
      state.times = { ...timesOf(outcome), lastAccessedAt: state.times.lastAccessedAt };
      state.adopt(outcome);
    });
  }

  update(name: string, change: (current: unknown) => unknown): Promise<unknown> {
    // One at a time in this process: only contenders of other nodes are left to race with.
    const turn = this.#environment.locks.run(`${this.id} ${name}`, () => this.#update(name, change));
    return this.#queue.beside(turn);
  }

  async #update(name: string, change: (current: unknown) => unknown): Promise<unknown> {
    const state = this.#state;
    this.#assertUsable();
    // An own change that is still pending comes first, or the atomic one would start from what it replaces.
    if (this.#hasPending(name)) await this.#queue.run(() => this.#write(false, 'update() was called'));
    if (this.phase === 'new') {
      const value = await change(this.attributes.get(name));
      this.setAttribute(name, value);
      await this.save();
      return value;
    }
    if (this.phase !== 'stored') throw goneError('update', this.id);
    const { store, sleep } = this.#environment;
    const { attributes } = state;
    const context = {
      store,
      sleep,
      attributes,
      id: () => state.id,
      authenticated: () => this.#isAuthenticated(),
    };
    const { outcome, value } = await updateAttribute(context, name, change);
    if (outcome.status !== 'written') {
      state.lost(outcome);
      throw goneError('update', state.id);
    }
    state.used(outcome);
    return value;
  }

  csrfToken(): string {
    const state = this.#state;
    this.#assertUsable();
    if (this.#client === undefined) throw outsideRequest('give out a CSRF token');
    if (state.phase === 'new') {
      this.#assertCookieCanLeave('give out a CSRF token');
      state.needed = true;
    }
    return newCsrfToken(state.token, this.#environment.random);
  }

  /** Whether a client's text is a CSRF token of this session. */
  isCsrfToken(given: unknown): boolean {
    return this.phase === 'stored' && this.#client !== undefined && isCsrfTokenOf(this.#state.token, given);
  }

  #commitChanges(): Promise<void> | undefined {
    const state = this.#state;
    if (state.phase === 'new' && state.attributes.isEmpty && !state.needed) return undefined;
    // Asked several times on a response's way out; what has been saved owes no second save without a change.
    const always = this.#environment.rules.alwaysSave && !state.written;
    const force = state.dirty || state.needed || always;
    const difference = this.attributes.difference();
    if (difference === undefined && !state.intervalChanged && !force) return undefined;
    const written = this.#queue.run(() => this.#writer.write(force, 'the request ended', difference));
    // What was begun meanwhile without being awaited (a login, say) belongs to this response too.
    return written.then(() => (this.#queue.busy ? this.commit() : undefined));
  }

  async #write(force: boolean, why: string): Promise<void> {
    const difference = this.attributes.difference();
    if (this.phase === 'new' && difference !== undefined) this.#assertCookieCanLeave('save a new session');
    await this.#writer.write(force, why, difference);
  }

  #noticeChange(): void {
    if (!this.#environment.rules.saveOnChange || this.#writeScheduled) return;
    this.#writeScheduled = true;
    // Not at once: the assignments of one tick are one write.
    queueMicrotask(() => {
      this.#writeScheduled = false;
      this.#writeInBackground(false);
    });
  }

  /** A write nobody awaits. What fails stays pending; the commit of the request tries it again and reports it. */
  #writeInBackground(force: boolean): void {
    const why = force ? 'persist on demand was asked for' : 'an attribute changed';
    this.#queue
      .run(() => this.#write(force, why))
      .catch((error: unknown) => {
        const message = error instanceof Error ? error.message : 'unknown failure';
        this.#environment.log.warn(`Session ${this.id}: a save in the background failed: ${message}`);
      });
  }

  #isAuthenticated(): boolean {
    return this.#state.authenticated || (this.#environment.isAuthenticated?.(this.httpSession) ?? false);
  }

  #hasPending(name: string): boolean {
    const difference = this.attributes.difference();
    return difference !== undefined && (difference.set.has(name) || difference.remove.includes(name));
  }

  /** Asked after an await, when the phase may have become another. */
  #hasEnded(): boolean {
    return this.phase === 'gone';
  }

  #assertCookieCanLeave(what: string): void {
    assertCookieCanLeave(this.#client, what);
  }

  #assertUsable(): void {
    assertUsable(this.phase);
  }
}
