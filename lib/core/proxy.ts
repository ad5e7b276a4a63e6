import type { Attributes } from './attributes.js';
import {
  RESERVED_MEMBERS,
  type AuthenticateOptions,
  type HttpSession,
  type RegenerateOptions,
} from './members.js';
import { reservedMember, SessionHandler } from './session-handler.js';
import type { SessionState } from './state.js';
import { WatchedPromise } from './watched-promise.js';

const INSPECT = Symbol.for('nodejs.util.inspect.custom');

/** What a session must be able to do for an application to see it. What each does is told in members.ts. */
export interface ProxiedSession {
  readonly id: string;
  readonly state: Readonly<SessionState>;
  readonly attributes: Attributes;
  /** Counts what the application does with it: see ManagedSession. */
  useCount: number;
  setAttribute(name: string, value: unknown): void;
  deleteAttribute(name: string): void;
  setMaxInactiveInterval(seconds: unknown): void;
  setCookieMaxAge(seconds: unknown): void;
  authenticate(principal: string | number, options?: AuthenticateOptions): Promise<void>;
  regenerateId(options?: RegenerateOptions): Promise<void>;
  save(): Promise<void>;
  markDirty(): void;
  keep(): void;
  update(name: string, change: (current: unknown) => unknown): Promise<unknown>;
  reload(): Promise<void>;
  destroy(): Promise<void>;
  csrfToken(): string;
  /** See {@link SessionEnvironment.asThrown}. */
  asThrown(error: unknown): unknown;
  /** A method has failed, and nobody has asked for its outcome so far. */
  failedUnseen(method: PromisedMember, promise: WatchedPromise<unknown>): void;
}

/** The members that return promises. */
export type PromisedMember = 'authenticate' | 'regenerateId' | 'save' | 'update' | 'reload' | 'destroy';

/**
 * The session as an application sees it: a proxy whose string keys are attributes, except for the reserved
 * members. It has no prototype, so `toString` and `constructor` are attributes like any other, and since a
 * function cannot be stored, no attribute named `then` or `toJSON` is ever called by `await` or JSON.
 */
export function httpSessionOf(session: ProxiedSession): HttpSession {
  const target = new ProxyTarget(session);
  const proxy = new Proxy<object>(target, HANDLER) as HttpSession;
  target.proxy = proxy;
  return proxy;
}

/** The proxy's target: what the one handler of all sessions needs of this one. */
class ProxyTarget {
  readonly session: ProxiedSession;
  /** What applications have of it. */
  proxy: HttpSession | undefined;
  /** Bound, and the same function at each read, so that they can be taken off the session and compared. */
  #methods: Record<string, unknown> | undefined;

  constructor(session: ProxiedSession) {
    this.session = session;
  }

  get methods(): Record<string, unknown> {
    return (this.#methods ??= methodsOf(this.session));
  }

  /**
   * console.log goes past the traps to find this, and calls it on the proxy, or on the target where it is to show
   * proxies. It shows names only: values do not belong in logs.
   */
  [INSPECT](this: ProxyTarget | HttpSession): string {
    const [id, attributes] =
      #methods in this ? [this.session.id, this.session.attributes.names()] : [this.id, Object.keys(this)];
    return `HttpSession ${JSON.stringify({ id, attributes })}`;
  }
}

class HttpSessionHandler extends SessionHandler<ProxyTarget> implements ProxyHandler<ProxyTarget> {
  get(target: ProxyTarget, key: PropertyKey): unknown {
    if (typeof key !== 'string') return key === Symbol.toPrimitive ? toPrimitive : undefined;
    target.session.useCount += 1;
    return RESERVED_MEMBERS.has(key) ? memberOf(target, key) : target.session.attributes.get(key);
  }

  protected override assign({ session }: ProxyTarget, key: string, value: unknown): void {
    session.useCount += 1;
    if (key === 'maxInactiveInterval') session.setMaxInactiveInterval(value);
    else if (key === 'cookieMaxAge') session.setCookieMaxAge(value);
    else if (RESERVED_MEMBERS.has(key)) throw reservedMember(key, 'HttpSession');
    else session.setAttribute(key, value);
  }

  has({ session }: ProxyTarget, key: PropertyKey): boolean {
    return typeof key === 'string' && session.attributes.has(key);
  }

  deleteProperty({ session }: ProxyTarget, key: PropertyKey): boolean {
    if (typeof key !== 'string') return true;
    session.useCount += 1;
    if (RESERVED_MEMBERS.has(key)) throw reservedMember(key, 'HttpSession');
    session.deleteAttribute(key);
    return true;
  }

  ownKeys({ session }: ProxyTarget): string[] {
    return session.attributes.names();
  }

  getOwnPropertyDescriptor({ session }: ProxyTarget, key: PropertyKey): PropertyDescriptor | undefined {
    if (typeof key !== 'string' || !session.attributes.has(key)) return undefined;
    session.useCount += 1;
    const value = session.attributes.get(key);
    return { value, writable: true, enumerable: true, configurable: true };
  }

  /** None, for the application: the target's own is nobody's business. */
  getPrototypeOf(): null {
    return null;
  }
}

const HANDLER = new HttpSessionHandler();

function memberOf(target: ProxyTarget, name: string): unknown {
  const { session } = target;
  switch (name) {
    case 'id':
      return session.id;
    case 'isNew':
      return session.state.isNew;
    case 'createdAt':
      return session.state.createdAt;
    case 'lastAccessedAt':
      return session.state.lastAccessedAt;
    case 'expiresAt':
      return session.state.expiresAt;
    case 'maxInactiveInterval':
      return session.state.times.maxInactiveInterval;
    case 'cookieMaxAge':
      return session.state.cookieMaxAge;
    case 'principal':
      return session.state.principal;
    case 'authenticatedAt':
      return dateOf(session.state.authenticatedAt);
    default:
      return target.methods[name];
  }
}

function methodsOf(session: ProxiedSession): Record<string, unknown> {
  return {
    authenticate: watched(session, 'authenticate'),
    regenerateId: watched(session, 'regenerateId'),
    save: watched(session, 'save'),
    markDirty: session.markDirty.bind(session),
    keep: session.keep.bind(session),
    update: watched(session, 'update'),
    reload: watched(session, 'reload'),
    destroy: watched(session, 'destroy'),
    csrfToken: session.csrfToken.bind(session),
  };
}

/** A method whose promise rejects with what applications are to get, and may be left alone. */
function watched(session: ProxiedSession, name: PromisedMember): (...args: unknown[]) => Promise<unknown> {
  const method: (...args: never[]) => Promise<unknown> = session[name].bind(session);
  const thrown = session.asThrown.bind(session);
  const left = session.failedUnseen.bind(session, name);
  return (...args) => WatchedPromise.of(method(...(args as never[])), thrown, left);
}

function dateOf(epochMs: number | undefined): Date | undefined {
  return epochMs === undefined ? undefined : new Date(epochMs);
}

function toPrimitive(): string {
  return '[object HttpSession]';
}
