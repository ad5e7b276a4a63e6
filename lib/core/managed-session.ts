import { Attributes, type AttributeDifference } from './attributes.js';
import type { SessionClient, SessionEnvironment } from './environment.js';
import {
  SessionDestroyedError,
  SessionFormatError,
  SessionGoneError,
  SessionHeadersSentError,
  SessionStoreUnavailableError,
  SessionUsageError,
  type SessionError,
} from './errors.js';
import { httpSessionOf } from './http-session.js';
import type { HttpSession } from './members.js';
import { OperationQueue } from './operation-queue.js';
import { expiryOf, type SessionTimes } from './session-times.js';
import type { Found, NotThere, SessionChange, Written } from './store.js';
import { idOf, newToken, tagOf, type SessionId, type SessionToken } from './token.js';
import { updateAttribute } from './update-attribute.js';

/**
 * Where a session stands with its store.
 *
 * - `new`: the store does not know it.
 * - `stored`: the store has it.
 * - `detached`: the request came with the token of a session that was renewed or ended a moment ago. It sees an
 *   empty session; nothing of it is stored and no cookie is sent, so that a straggler cannot replace the cookie
 *   of a newer login. Only `authenticate()` leads out.
 * - `gone`: it was stored and ended meanwhile by somebody else's doing. Never brought back.
 * - `destroying`, `destroyed`: through this object.
 */
export type SessionPhase = 'new' | 'stored' | 'detached' | 'gone' | 'destroying' | 'destroyed';

/** What the response owes the browser. */
export type CookieInstruction =
  | { readonly action: 'set'; readonly token: SessionToken; readonly maxInactiveInterval: number }
  | { readonly action: 'clear' };

/** Who a session object is for; see the named constructors. */
interface Origin {
  readonly phase: SessionPhase;
  readonly client: SessionClient | undefined;
  readonly token?: SessionToken | undefined;
  readonly id?: SessionId | undefined;
  readonly times: SessionTimes;
}

/**
 * One session in one request (or outside any): its attributes, where it stands, and the operations on it.
 * Writes of one object go one after the other; what failed stays pending, so that the commit tries it again.
 */
export class ManagedSession {
  readonly attributes: Attributes;
  readonly #environment: SessionEnvironment;
  readonly #client: SessionClient | undefined;
  readonly #queue = new OperationQueue();
  #phase: SessionPhase;
  #token: SessionToken | undefined;
  #id: SessionId | undefined;
  #times: SessionTimes;
  #isNew: boolean;
  #intervalChanged = false;
  #dirty = false;
  #writeScheduled = false;
  #principal: string | undefined;
  #authenticated = false;
  #cookie: CookieInstruction | undefined;
  #identityFailure: Error | undefined;
  #httpSession: HttpSession | undefined;

  private constructor(environment: SessionEnvironment, origin: Origin) {
    this.#environment = environment;
    this.#client = origin.client;
    this.#phase = origin.phase;
    this.#token = origin.token;
    this.#id = origin.id;
    this.#times = origin.times;
    this.#isNew = origin.phase !== 'stored';
    this.attributes = new Attributes(environment.codec, environment.rules, (name, reason) => {
      environment.log.warn(`Session ${this.id}: attribute ${JSON.stringify(name)} is left out: ${reason}.`);
    });
  }

  /** A new, empty session. `detached`: see {@link SessionPhase}. */
  static fresh(environment: SessionEnvironment, client: SessionClient, phase: 'new' | 'detached'): ManagedSession {
    const now = environment.now();
    const { maxInactiveInterval, absoluteTimeout } = environment.rules;
    const deadline = absoluteTimeout > 0 ? now + absoluteTimeout * 1000 : undefined;
    const times = { createdAt: now, lastAccessedAt: now, accessedAt: now, maxInactiveInterval, deadline };
    return new ManagedSession(environment, { phase, client, times });
  }

  /** A session that a store has. Without a client it is one outside any request: its id cannot change. */
  static stored(
    environment: SessionEnvironment,
    name: { readonly id: SessionId; readonly token?: SessionToken | undefined },
    found: Found,
    client: SessionClient | undefined,
  ): ManagedSession {
    const session = new ManagedSession(environment, { phase: 'stored', client, ...name, times: timesOf(found) });
    session.#adopt(found);
    return session;
  }

  /** What applications get. */
  get httpSession(): HttpSession {
    return (this.#httpSession ??= httpSessionOf(this));
  }

  get id(): SessionId {
    return (this.#id ??= idOf(this.#ownToken()));
  }

  get isNew(): boolean {
    return this.#isNew;
  }

  get createdAt(): Date {
    return new Date(this.#times.createdAt);
  }

  get lastAccessedAt(): Date {
    return new Date(this.#times.lastAccessedAt);
  }

  get expiresAt(): Date | undefined {
    return expiryOf(this.#times);
  }

  get maxInactiveInterval(): number {
    return this.#times.maxInactiveInterval;
  }

  get principal(): string | undefined {
    return this.#principal;
  }

  get phase(): SessionPhase {
    return this.#phase;
  }

  /** What the response owes the browser as things stand. */
  get cookie(): CookieInstruction | undefined {
    return this.#cookie;
  }

  setMaxInactiveInterval(seconds: unknown): void {
    if (typeof seconds !== 'number' || !Number.isSafeInteger(seconds)) {
      throw new SessionUsageError('maxInactiveInterval is a whole number of seconds; 0 or less means no idle timeout.');
    }
    this.#assertUsable();
    if (seconds === this.#times.maxInactiveInterval) return;
    this.#times = { ...this.#times, maxInactiveInterval: seconds };
    this.#intervalChanged = true;
    this.#noticeChange();
  }

  setAttribute(name: string, value: unknown): void {
    const { manualDirtyAttribute, persistOnDemandAttribute } = this.#environment.rules;
    this.#assertUsable();
    if (name === manualDirtyAttribute) return this.markDirty();
    if (name === persistOnDemandAttribute) return this.#writeInBackground(true);
    if (this.#phase === 'new' && this.#headersSent) throw headersSent('write to a new session');
    if (this.attributes.set(name, value)) this.#noticeChange();
  }

  deleteAttribute(name: string): void {
    this.#assertUsable();
    if (this.attributes.delete(name)) this.#noticeChange();
  }

  markDirty(): void {
    this.#assertUsable();
    this.#dirty = true;
  }

  save(): Promise<void> {
    return this.#operation(async () => {
      this.#assertUsable();
      if (this.#phase === 'gone' || this.#phase === 'detached') throw this.#goneError('save');
      await this.#write(true, 'save() was called');
      // Asked again: the write may have learnt that the session is gone.
      if (this.phase === 'gone') throw this.#goneError('save');
    });
  }

  /**
   * What a request owes the store at its end. Returns undefined if that is nothing, so that such a response
   * need not wait at all.
   */
  commit(): Promise<void> | undefined {
    if (this.#queue.busy) return this.#queue.idle().then(() => this.commit());
    if (this.#identityFailure !== undefined && this.#phase !== 'destroying') return Promise.reject(this.#identityFailure);
    switch (this.#phase) {
      case 'destroyed':
        return undefined;
      case 'destroying':
        return this.destroy();
      case 'gone':
      case 'detached':
        this.#environment.log.debug(`Session ${this.id}: not saved because it ended meanwhile.`);
        return undefined;
      case 'new':
      case 'stored':
        if (!this.#owesWrite()) return undefined;
        return this.#operation(() => this.#write(this.#mustWrite(), 'the request ended'));
      default:
        return assertNever(this.#phase);
    }
  }

  authenticate(principal: string | number): Promise<void> {
    return this.#identityOperation(async () => {
      const name = principalOf(principal);
      this.#assertUsable();
      this.#assertCookieCanLeave('log in');
      const login = { principal: name, absoluteTimeout: this.#environment.rules.absoluteTimeout };
      this.#principal = name;
      this.#authenticated = true;
      try {
        if (this.#phase === 'stored' && (await this.#renew(login))) return;
        await this.#loginAsNew();
      } catch (error) {
        this.#principal = undefined;
        this.#authenticated = false;
        throw error;
      }
    });
  }

  regenerateId(): Promise<void> {
    return this.#identityOperation(async () => {
      this.#assertUsable();
      this.#assertCookieCanLeave('change its id');
      if (this.#phase === 'new') {
        this.#token = undefined;
        this.#id = undefined;
        return;
      }
      if (this.#phase !== 'stored' || !(await this.#renew(undefined))) throw this.#goneError('change its id');
    });
  }

  destroy(): Promise<void> {
    return this.#identityOperation(async () => {
      if (this.#phase === 'destroyed') return;
      const known = this.#phase === 'stored' || this.#phase === 'destroying' || this.#phase === 'gone';
      this.#cookie = undefined;
      if (known) {
        // Asked of the store even when the session is gone for us: it may live on under the id it was renewed to.
        const wasGone = this.#phase === 'gone';
        this.#phase = 'destroying';
        await this.#environment.store.destroy(this.id);
        if (!wasGone) this.#cookie = { action: 'clear' };
        this.#environment.log.debug(`Session ${this.id}: destroyed.`);
      }
      this.#phase = 'destroyed';
      this.attributes.clear();
      this.#principal = undefined;
    });
  }

  reload(): Promise<void> {
    return this.#operation(async () => {
      this.#assertUsable();
      if (this.#phase === 'new') return this.attributes.clear();
      const outcome = this.#phase === 'stored' ? await this.#environment.store.load(this.id) : undefined;
      if (outcome?.status !== 'found') {
        this.#phase = 'gone';
        throw this.#goneError('reload');
      }
      const { lastAccessedAt } = this.#times;
      this.#times = { ...timesOf(outcome), lastAccessedAt };
      this.#intervalChanged = false;
      this.#adopt(outcome);
    });
  }

  /** See {@link SessionMembers.update}. */
  update(name: string, change: (current: unknown) => unknown): Promise<unknown> {
    const { store, locks, sleep } = this.#environment;
    const lockKey = `${this.id} ${name}`;
    return this.#queue.beside(
      locks.run(lockKey, async () => {
        this.#assertUsable();
        if (this.#hasPending(name)) await this.#operation(() => this.#write(false, 'update() was called'));
        if (this.#phase === 'new') return this.#updateNew(name, change);
        if (this.#phase !== 'stored') throw this.#goneError('update');
        const result = await updateAttribute(
          { store, sleep, attributes: this.attributes, id: () => this.id, authenticated: () => this.#isAuthenticated() },
          name,
          change,
        );
        if (result.outcome.status === 'written') {
          this.#acknowledge(result.outcome);
          return result.value;
        }
        this.#lose(result.outcome);
        throw this.#goneError('update');
      }),
    );
  }

  async #updateNew(name: string, change: (current: unknown) => unknown): Promise<unknown> {
    const value = await change(this.attributes.get(name));
    this.setAttribute(name, value);
    await this.save();
    return value;
  }

  // --- writing

  async #write(force: boolean, why: string): Promise<void> {
    const { store, rules, log } = this.#environment;
    const difference = this.attributes.difference();
    if (this.#phase === 'new') {
      if (difference === undefined || difference.set.size === 0) return;
      if (this.#headersSent) throw headersSent('save a new session');
      const { maxInactiveInterval } = this.#times;
      const written = await store.create(this.id, {
        attributes: difference.set,
        codec: this.attributes.codecName,
        maxInactiveInterval,
        absoluteTimeout: rules.absoluteTimeout,
        principal: this.#principal,
        authenticated: this.#isAuthenticated(),
      });
      this.#created(difference, written);
      log.debug(`Session ${this.id}: created because ${why}.`);
      return;
    }
    if (this.#phase !== 'stored') return;
    if (difference === undefined && !this.#intervalChanged && !force) return;
    const outcome = await store.save(this.id, this.#change(difference));
    if (outcome.status !== 'written') return this.#lose(outcome);
    this.#settle(difference, outcome);
    log.debug(`Session ${this.id}: saved because ${why}.`);
  }

  /** Returns false if there was nothing to renew any more. */
  async #renew(login: { principal: string; absoluteTimeout: number } | undefined): Promise<boolean> {
    const { store, random, log } = this.#environment;
    const difference = this.attributes.difference();
    const token = newToken(random, tagOf(this.id));
    const newId = idOf(token);
    const outcome = await store.renew(this.id, { ...this.#change(difference), newId, login });
    if (outcome.status !== 'written') {
      this.#lose(outcome);
      return false;
    }
    log.debug(`Session ${this.id}: renewed as ${newId}${login === undefined ? '' : ' by a login'}.`);
    this.#token = token;
    this.#id = newId;
    this.#settle(difference, outcome);
    this.#offerCookie();
    return true;
  }

  /** A login on a session that is new, or whose record ended meanwhile: what that record held is not brought back. */
  async #loginAsNew(): Promise<void> {
    const { store, rules, log } = this.#environment;
    if (this.#phase !== 'new') this.attributes.forgetStored();
    const difference = this.attributes.difference() ?? NOTHING;
    this.#token = newToken(this.#environment.random);
    this.#id = idOf(this.#token);
    const written = await store.create(this.#id, {
      attributes: difference.set,
      codec: this.attributes.codecName,
      maxInactiveInterval: this.#times.maxInactiveInterval,
      absoluteTimeout: rules.absoluteTimeout,
      principal: this.#principal,
      authenticated: true,
    });
    this.#created(difference, written);
    log.debug(`Session ${this.#id}: created by a login.`);
  }

  #change(difference: AttributeDifference | undefined): SessionChange {
    return {
      ...(difference ?? NOTHING),
      maxInactiveInterval: this.#intervalChanged ? this.#times.maxInactiveInterval : undefined,
      authenticated: this.#isAuthenticated(),
    };
  }

  #created(difference: AttributeDifference, written: Written): void {
    this.#phase = 'stored';
    this.#times = { ...this.#times, createdAt: written.now, lastAccessedAt: written.now };
    this.#settle(difference, written);
    this.#offerCookie();
  }

  #settle(difference: AttributeDifference | undefined, written: Written): void {
    if (difference !== undefined) this.attributes.settle(difference);
    this.#intervalChanged = false;
    this.#dirty = false;
    this.#acknowledge(written);
  }

  #acknowledge(written: Written): void {
    this.#times = { ...this.#times, accessedAt: written.now, deadline: written.absoluteDeadline };
  }

  #lose(outcome: NotThere): void {
    this.#phase = 'gone';
    this.#cookie = undefined;
    this.#environment.log.debug(`Session ${this.id}: it ended meanwhile (${outcome.status}); changes are dropped.`);
  }

  #offerCookie(): void {
    const { maxInactiveInterval } = this.#times;
    this.#cookie = { action: 'set', token: this.#ownToken(), maxInactiveInterval };
  }

  // --- when to write

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
    this.#operation(() => this.#write(force, why)).catch((error: unknown) => {
      const message = error instanceof Error ? error.message : 'unknown failure';
      this.#environment.log.warn(`Session ${this.id}: a save in the background failed: ${message}`);
    });
  }

  #mustWrite(): boolean {
    return this.#dirty || this.#environment.rules.alwaysSave;
  }

  #owesWrite(): boolean {
    if (this.#phase === 'new') return !this.attributes.isEmpty;
    return this.#mustWrite() || this.#intervalChanged || this.attributes.difference() !== undefined;
  }

  #hasPending(name: string): boolean {
    const difference = this.attributes.difference();
    return difference !== undefined && (difference.set.has(name) || difference.remove.includes(name));
  }

  // --- operations

  #operation<T>(task: () => Promise<T>): Promise<T> {
    return this.#queue.run(task);
  }

  /**
   * A login, an id change or a logout. One that failed must not pass as a success because nobody awaited it:
   * the commit reports it again.
   */
  #identityOperation(task: () => Promise<void>): Promise<void> {
    return this.#operation(async () => {
      try {
        await task();
        this.#identityFailure = undefined;
      } catch (error) {
        if (error instanceof SessionStoreUnavailableError || error instanceof SessionFormatError) {
          this.#identityFailure = error;
        }
        throw error;
      }
    });
  }

  #isAuthenticated(): boolean {
    if (this.#authenticated) return true;
    return this.#environment.isAuthenticated?.(this.httpSession) ?? false;
  }

  #adopt({ record }: Found): void {
    const { codecByName, codec } = this.#environment;
    this.attributes.load(record.attributes, codecByName(record.codec) ?? codec);
    this.#principal = record.principal;
    this.#authenticated = record.authenticated;
  }

  #ownToken(): SessionToken {
    return (this.#token ??= newToken(this.#environment.random));
  }

  get #headersSent(): boolean {
    return this.#client === undefined || this.#client.headersSent;
  }

  #assertCookieCanLeave(what: string): void {
    if (this.#client === undefined) {
      throw new SessionUsageError(`A session opened outside a request cannot ${what}: no response carries its cookie.`);
    }
    if (this.#client.headersSent) throw headersSent(what);
  }

  #assertUsable(): void {
    if (this.#phase === 'destroyed' || this.#phase === 'destroying') {
      throw new SessionDestroyedError(
        'The session was destroyed in this request and can be neither written nor saved. ' +
          'Do it before destroy(), or use regenerateId() to keep it under another id.',
      );
    }
  }

  #goneError(what: string): SessionError {
    return new SessionGoneError(
      `Could not ${what}: session ${this.id} was destroyed, expired or renewed meanwhile. It is not brought back.`,
    );
  }
}

const NOTHING: AttributeDifference = { set: new Map(), remove: [] };

function timesOf({ record, now }: Found): SessionTimes {
  return {
    createdAt: record.createdAt,
    lastAccessedAt: record.lastAccessedAt,
    accessedAt: now,
    maxInactiveInterval: record.maxInactiveInterval,
    deadline: record.absoluteDeadline,
  };
}

function principalOf(principal: unknown): string {
  if (typeof principal === 'string' && principal !== '') return principal;
  if (typeof principal === 'number' && Number.isFinite(principal)) return String(principal);
  throw new SessionUsageError(
    `authenticate() takes who logs in as a non-empty string or a finite number, not ${typeof principal}.`,
  );
}

function headersSent(what: string): SessionHeadersSentError {
  return new SessionHeadersSentError(
    `Cannot ${what}: the response's headers have left, so its cookie cannot be sent. ` +
      'Write to the session before the response starts.',
  );
}

function assertNever(value: never): never {
  throw new Error(`Unhandled session phase: ${String(value)}`);
}
