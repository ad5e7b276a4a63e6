import type { IncomingMessage } from 'node:http';
import type { ResolvedSettings } from '../config/settings.js';
import type { SessionLog } from '../core/environment.js';
import { SessionDestroyedError, SessionUsageError } from '../core/errors.js';
import type { HttpSession } from '../core/members.js';
import { SessionCookieView } from './cookie.js';
import { notLoggedIn, type PrincipalReader } from './login.js';
import { viewOf, type ViewedSession } from './session-view.js';
import type { AnyExpressSession, ExpressSessionOptions, SessionCallback } from './types.js';

/** What the views of all requests share. */
export interface ViewOptions {
  readonly settings: ResolvedSettings;
  readonly principal: PrincipalReader;
  readonly keep: NonNullable<ExpressSessionOptions['keep']>;
  readonly log: SessionLog;
}

/** Express's own notion of TLS, by its trust in proxies. */
export type ExpressRequest = IncomingMessage & { readonly secure?: boolean };

/** What express-session calls the session of a request: one object after the other, all of the one session that there is. */
export class RequestView {
  readonly #session: HttpSession<Record<string, unknown>>;
  readonly #request: ExpressRequest;
  readonly #options: ViewOptions;
  #current: SessionView | undefined;

  constructor(session: HttpSession<Record<string, unknown>>, request: ExpressRequest, options: ViewOptions) {
    this.#session = session;
    this.#request = request;
    this.#options = options;
    this.#begin();
  }

  /** `req.session`; undefined after `destroy()`. */
  get current(): AnyExpressSession | undefined {
    return this.#current?.view;
  }

  /** `req.sessionID`. */
  get id(): string {
    return this.#session.id;
  }

  /**
   * What is to be done before the session is saved at the end of the request. A guest's session that was written to is kept; a
   * user whom the request has taken out of the session is logged out; one who was put there without a login is told of.
   */
  beforeCommit(): Promise<void> | undefined {
    return this.#current?.beforeCommit();
  }

  #begin(): void {
    const { settings } = this.#options;
    this.#current = new SessionView(this.#session, this.#request, this.#options, {
      cookie: new SessionCookieView({
        session: this.#session,
        settings: settings.cookie,
        idleSeconds: settings.idleTimeoutSeconds,
        isSecure: () => this.#request.secure === true,
        now: Date.now,
      }),
      begun: () => this.#begin(),
      over: () => (this.#current = undefined),
    });
  }
}

interface ViewHooks {
  readonly cookie: SessionCookieView;
  /** The request's session is seen by another object from now on. */
  readonly begun: () => void;
  /** The request has no session any more. */
  readonly over: () => void;
}

/** One object that `req.session` was, and what its methods do. */
class SessionView implements ViewedSession {
  readonly view: AnyExpressSession;
  readonly request: ExpressRequest;
  readonly cookie: SessionCookieView;
  readonly #session: HttpSession<Record<string, unknown>>;
  readonly #options: ViewOptions;
  readonly #hooks: ViewHooks;
  /** Once it has been left. */
  #held: { readonly id: string; readonly attributes: Record<string, unknown> } | undefined;
  /** Whom the session named when this began, where that one is logged in. */
  #principal: string | undefined;
  #written = false;
  /** A login that is under way. */
  #login: { readonly principal: string; readonly done: Promise<void> } | undefined;
  #methods: ViewedSession['methods'] | undefined;

  constructor(
    session: HttpSession<Record<string, unknown>>,
    request: ExpressRequest,
    options: ViewOptions,
    hooks: ViewHooks,
  ) {
    this.#session = session;
    this.request = request;
    this.#options = options;
    this.#hooks = hooks;
    this.cookie = hooks.cookie;
    this.view = viewOf(this);
    if (session.principal !== undefined) this.#principal = this.#named();
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

  get methods(): ViewedSession['methods'] {
    const touch = (callback?: SessionCallback): AnyExpressSession => {
      assertCallback(callback);
      this.cookie.reset();
      if (callback !== undefined) queueMicrotask(callback);
      return this.view;
    };
    return (this.#methods ??= {
      regenerate: this.#answering(() => this.#regenerate()),
      destroy: this.#answering(() => this.#destroy()),
      reload: this.#answering(() => this.#reload()),
      save: this.#answering(() => this.#save()),
      touch,
      resetMaxAge: touch,
    });
  }

  wrote(): void {
    this.#written = true;
  }

  beforeCommit(): Promise<void> | undefined {
    const { principal } = this.#session;
    const named = this.#named();
    if (named === undefined && principal !== undefined && principal === this.#principal) {
      this.#principal = undefined;
      return this.#session.destroy();
    }
    const isLoggingIn = this.#login !== undefined && this.#login.principal === named;
    if (named !== undefined && named !== principal && !isLoggingIn)
      this.#warn(notLoggedIn(this.id, principal));
    this.#keepWritten();
    return undefined;
  }

  async #regenerate(): Promise<void> {
    this.#assertLive('regenerate()');
    this.#leave();
    try {
      await this.#session.destroy();
    } finally {
      this.#hooks.begun();
    }
  }

  async #destroy(): Promise<void> {
    if (this.#held !== undefined) return;
    this.#leave();
    this.#hooks.over();
    await this.#session.destroy();
  }

  async #reload(): Promise<void> {
    this.#assertLive('reload()');
    const held = { id: this.id, attributes: { ...this.#session } };
    await this.#session.reload();
    this.#leave(held);
    this.#hooks.begun();
  }

  async #save(): Promise<void> {
    this.#assertLive('save()');
    const named = this.#options.principal.of(this.view);
    if (named === undefined || named === this.#session.principal) {
      this.#keepWritten();
      return this.#session.save();
    }
    if (this.#login?.principal !== named) return this.#logIn(named);
    // Saved again before the first is done: that is no second login.
    await this.#login.done;
    await this.#session.save();
  }

  async #logIn(principal: string): Promise<void> {
    const login = { principal, done: this.#session.authenticate(principal) };
    this.#login = login;
    try {
      await login.done;
      this.#principal = principal;
    } finally {
      if (this.#login === login) this.#login = undefined;
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
      this.#warn(
        error instanceof Error ? error.message : 'The option principal of expressSession() has thrown.',
      );
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
      `Cannot ${what}: this object is the session as it was before regenerate(), reload() or destroy(). Use req.session, which is ` +
        'another object since.',
    );
  }

  /** With a callback as express-session has it, which gets what went wrong; without one a promise. */
  #answering(work: () => Promise<void>): (callback?: SessionCallback) => unknown {
    return (callback) => {
      assertCallback(callback);
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
    };
  }
}

/** At once, where it can still be caught, and not when it would be called. */
function assertCallback(callback: unknown): void {
  if (callback === undefined || typeof callback === 'function') return;
  throw new SessionUsageError(
    'A method of req.session takes a callback, (error) => …, or nothing, which makes it return a promise.',
  );
}
