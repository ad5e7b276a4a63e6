import type { SessionSettings } from '../config/settings.js';
import type { SessionLog } from '../core/environment.js';
import { SessionDestroyedError, SessionUsageError } from '../core/errors.js';
import type { HttpSession } from '../core/members.js';
import { SessionCookieView } from './cookie-view.js';
import { notLoggedIn, type PrincipalReader } from './principal.js';
import { viewOf, type ViewedSession } from './session-proxy.js';
import type { SessionCallback, ShownSession, ViewInterface } from './view-interface.js';

/** What the views of all requests share. `View`: what an application gets as the session. */
export interface ViewOptions<View extends object> {
  readonly interface: ViewInterface;
  readonly settings: SessionSettings;
  readonly principal: PrincipalReader<View>;
  /** Which guests' sessions are kept, of those that were written to by way of the view. */
  readonly keep: boolean | ((session: View) => boolean);
  readonly log: SessionLog;
}

/** What a view stands on. */
interface ViewedRequest {
  readonly session: HttpSession<Record<string, unknown>>;
  /** The framework's. */
  readonly request: object;
  /** Whether that came over TLS, by the framework's trust in proxies. */
  readonly isSecure: () => boolean;
  /** Whether the session has changes that are not saved. */
  readonly isModified: () => boolean;
}

/** What a framework's `session` is for a request: one object after the other, all of the one session that there is. */
export class RequestView<View extends object> {
  readonly #viewed: ViewedRequest;
  readonly #options: ViewOptions<View>;
  #current: SessionView<View> | undefined;

  constructor(viewed: ViewedRequest, options: ViewOptions<View>) {
    this.#viewed = viewed;
    this.#options = options;
    this.#begin(false);
  }

  /** The framework's `session`; undefined after `destroy()`. */
  get current(): View | undefined {
    return this.#current?.view;
  }

  /** The session's public id. */
  get id(): string {
    return this.#viewed.session.id;
  }

  /**
   * What is to be done before the session is saved at the end of the request. A guest's session that was written to is kept; a
   * user whom the request has taken out of the session is logged out; one who was put there without a login is told of.
   */
  beforeCommit(): Promise<void> | undefined {
    return this.#current?.beforeCommit();
  }

  #begin(isRegenerated: boolean): void {
    const { session, isSecure } = this.#viewed;
    const { settings, interface: shown } = this.#options;
    this.#current = new SessionView(this.#viewed, this.#options, {
      cookie: new SessionCookieView({
        name: shown.session,
        session,
        settings: settings.cookie,
        idleSeconds: settings.idleTimeoutSeconds,
        isSecure,
        now: Date.now,
      }),
      isRegenerated,
      begun: (regenerated) => this.#begin(regenerated),
      over: () => (this.#current = undefined),
    });
  }
}

interface ViewHooks {
  readonly cookie: SessionCookieView;
  /** It has begun with `regenerate()`. */
  readonly isRegenerated: boolean;
  /** The request's session is seen by another object from now on. */
  readonly begun: (isRegenerated: boolean) => void;
  /** The request has no session any more. */
  readonly over: () => void;
}

/** One object that the framework's `session` was, and what its methods do. */
class SessionView<View extends object> implements ViewedSession, ShownSession {
  readonly view: View;
  readonly cookie: SessionCookieView;
  isSaved = false;
  readonly #viewed: ViewedRequest;
  readonly #options: ViewOptions<View>;
  readonly #hooks: ViewHooks;
  /** Once it has been left. */
  #held: { readonly id: string; readonly attributes: Record<string, unknown> } | undefined;
  /** Whom the session named when this began, where that one is logged in. */
  #principal: string | undefined;
  #written = false;
  /** A login that is under way. */
  #login: { readonly principal: string; readonly done: Promise<void> } | undefined;
  /** Why a login has failed whose user the session still names: nothing of it may be saved. */
  #failure: Error | undefined;
  #methods: Readonly<Record<string, unknown>> | undefined;

  constructor(viewed: ViewedRequest, options: ViewOptions<View>, hooks: ViewHooks) {
    this.#viewed = viewed;
    this.#options = options;
    this.#hooks = hooks;
    this.cookie = hooks.cookie;
    this.view = viewOf(this) as View;
    if (this.#session.principal !== undefined) this.#principal = this.#named();
  }

  get live(): HttpSession<Record<string, unknown>> | undefined {
    return this.#held === undefined ? this.#session : undefined;
  }

  get left(): Record<string, unknown> {
    return this.#held?.attributes ?? {};
  }

  get id(): string {
    return this.#held?.id ?? this.#session.id;
  }

  get name(): string {
    return this.#options.interface.session;
  }

  get request(): object {
    return this.#viewed.request;
  }

  get isModified(): boolean {
    return this.#held === undefined && this.#viewed.isModified();
  }

  isMember(name: string): boolean {
    return this.#options.interface.members.has(name);
  }

  member(name: string): unknown {
    return this.#options.interface.members.get(name)?.(this);
  }

  isMethod(name: string): boolean {
    return this.#options.interface.methods.has(name);
  }

  method(name: string): unknown {
    this.#methods ??= this.#options.interface.methodsOf(this);
    return this.#methods[name];
  }

  wrote(): void {
    this.#written = true;
  }

  beforeCommit(): Promise<void> | undefined {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    const { principal } = this.#session;
    const named = this.#named();
    if (named === undefined && principal !== undefined && principal === this.#principal) {
      this.#principal = undefined;
      return this.#session.destroy();
    }
    if (named !== undefined && named !== principal && named !== this.#login?.principal) {
      if (this.#hooks.isRegenerated && this.#options.interface.logsInAtEnd) return this.#logIn(named);
      this.#warn(notLoggedIn(this.id, principal, this.#options.interface));
    }
    this.#keepWritten();
    return undefined;
  }

  async regenerate(keep: readonly string[] = [], keepLife = false): Promise<void> {
    this.#assertLive('regenerate()');
    const session = this.#session;
    const kept = Object.fromEntries(
      keep.filter((name) => Object.hasOwn(session, name)).map((name) => [name, session[name]]),
    );
    if (keepLife && session.cookieMaxAge !== undefined) {
      const { cookieMaxAge, maxInactiveInterval } = session;
      Object.assign(kept, { cookieMaxAge, maxInactiveInterval });
    }
    this.#leave();
    try {
      await session.destroy();
    } finally {
      this.#hooks.begun(true);
    }
    Object.assign(session, kept);
  }

  async destroy(): Promise<void> {
    if (this.#held !== undefined) return;
    this.#leave();
    this.#hooks.over();
    await this.#session.destroy();
  }

  async reload(): Promise<void> {
    this.#assertLive('reload()');
    const held = { id: this.id, attributes: { ...this.#session } };
    await this.#session.reload();
    this.#leave(held);
    this.#hooks.begun(false);
  }

  async save(): Promise<void> {
    this.#assertLive('save()');
    const named = this.#options.principal.of(this.view);
    if (named === undefined || named === this.#session.principal) {
      this.#keepWritten();
      await this.#session.save();
    } else if (named !== this.#login?.principal) await this.#logIn(named);
    else {
      // Saved again before the first is done: that is no second login.
      await this.#login.done;
      await this.#session.save();
    }
    this.isSaved = true;
  }

  answer(work: () => Promise<void>, callback: SessionCallback | undefined): unknown {
    this.assertCallback(callback);
    const done = work();
    if (callback === undefined) {
      // Who calls it express-session's way, without a callback, does not look at what went wrong: the response tells.
      done.catch(() => undefined);
      return done;
    }
    done.then(
      // Not here: what a callback throws is its own.
      () => queueMicrotask(() => callback()),
      (error: unknown) => queueMicrotask(() => callback(error)),
    );
    return this.view;
  }

  assertCallback(callback: unknown): void {
    if (callback === undefined || typeof callback === 'function') return;
    throw new SessionUsageError(
      `A method of ${this.name} takes a callback, (error) => …, or nothing, which makes it return a promise.`,
    );
  }

  get #session(): HttpSession<Record<string, unknown>> {
    return this.#viewed.session;
  }

  async #logIn(principal: string): Promise<void> {
    const login = { principal, done: this.#session.authenticate(principal) };
    this.#login = login;
    try {
      await login.done;
      this.#principal = principal;
      this.#failure = undefined;
    } catch (error) {
      await this.#takeBack(error as Error);
      throw error;
    } finally {
      if (this.#login === login) this.#login = undefined;
    }
  }

  /**
   * Nobody was logged in, and the session still names him, whom Passport would take for logged in from the next request on. A guest's is
   * rid of Passport's user. Where another one is logged in, or only the application knows how its session names a user, what the
   * request has put into it so far is taken back.
   */
  async #takeBack(failure: Error): Promise<void> {
    const session = this.#session;
    try {
      if (session.principal !== undefined || !this.#options.principal.forget(this.view))
        await session.reload();
    } catch {
      this.#failure = failure;
    }
  }

  /** The session goes its own way: this shows what it held, and what is assigned here goes nowhere. */
  #leave(held = { id: this.#session.id, attributes: { ...this.#session } }): void {
    this.cookie.leave();
    this.#held = held;
  }

  #keepWritten(): void {
    const { keep } = this.#options;
    const session = this.#session;
    if (!this.#written || session.principal !== undefined || Object.keys(session).length === 0) return;
    if (typeof keep === 'function' ? keep(this.view) : keep) session.keep();
  }

  /** Whom the session names; undefined also where that cannot be told, which is said by whoever saves it. */
  #named(): string | undefined {
    try {
      return this.#options.principal.of(this.view);
    } catch (error) {
      const { plugin } = this.#options.interface;
      this.#warn(error instanceof Error ? error.message : `The option principal of ${plugin}() has thrown.`);
      return undefined;
    }
  }

  /** Once a minute at most. */
  #warn(line: string): void {
    this.#options.log.warn(line, 'login');
  }

  #assertLive(what: string): void {
    if (this.#held === undefined) return;
    throw new SessionDestroyedError(
      `Cannot ${what}: this object is the session as it was before regenerate(), reload() or destroy(). Use ${this.name}, which is ` +
        'another object since.',
    );
  }
}
