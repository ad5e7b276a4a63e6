import { RESERVED_MEMBERS, type HttpSession } from '../core/members.js';
import { reservedMember, SessionHandler } from '../core/session-handler.js';
import type { SessionCookieView } from './cookie-view.js';

const INSPECT = Symbol.for('nodejs.util.inspect.custom');

/** What a view shows. */
export interface ViewedSession {
  /** Undefined: the session has been left, and what it held then is all that there is. */
  readonly live: HttpSession<Record<string, unknown>> | undefined;
  /** Of one that has been left. */
  readonly left: Record<string, unknown>;
  readonly id: string;
  readonly cookie: SessionCookieView;
  /** As messages call it. */
  readonly name: string;
  isMember(name: string): boolean;
  /** The value of a member. */
  member(name: string): unknown;
  isMethod(name: string): boolean;
  /** A method by its name. */
  method(name: string): unknown;
  /** An attribute is written by way of the view. */
  wrote(): void;
}

/**
 * A proxy whose string keys are the session's attributes and, as with express-session and @fastify/session, `cookie`. Its members
 * are not enumerable. Attributes that are named as a member are not seen here.
 */
export function viewOf(session: ViewedSession): object {
  const target = new ViewTarget(session);
  const view = new Proxy<object>(target, HANDLER);
  target.proxy = view;
  return view;
}

class ViewTarget {
  readonly session: ViewedSession;
  /** What applications have of it. */
  proxy: object | undefined;
  /** Methods that the application has replaced. */
  readonly own = new Map<string, unknown>();

  constructor(session: ViewedSession) {
    this.session = session;
  }

  /** Names only: values do not belong in logs. */
  [INSPECT](this: { readonly id: string }): string {
    const attributes = Object.keys(this).filter((name) => name !== 'cookie');
    return `Session ${JSON.stringify({ id: this.id, attributes })}`;
  }
}

class ViewHandler extends SessionHandler<ViewTarget> implements ProxyHandler<ViewTarget> {
  get({ session, own }: ViewTarget, key: PropertyKey, receiver: unknown): unknown {
    if (typeof key !== 'string') return Reflect.get(ViewTarget.prototype, key, receiver);
    if (own.has(key)) return own.get(key);
    if (key === 'cookie') return session.cookie;
    if (session.isMethod(key)) return session.method(key);
    if (session.isMember(key)) return session.member(key);
    const attributes = attributesOf(session);
    if (Object.hasOwn(attributes, key) || RESERVED_MEMBERS.has(key)) return attributes[key];
    return Reflect.get(Object.prototype, key, receiver);
  }

  protected override assign({ session, own }: ViewTarget, key: string, value: unknown): void {
    if (key === 'cookie') session.cookie.adopt(value);
    else if (session.isMethod(key) && typeof value === 'function') own.set(key, value);
    else if (isReserved(session, key)) throw reservedMember(key, session.name);
    else {
      attributesOf(session)[key] = value;
      session.wrote();
    }
  }

  has({ session }: ViewTarget, key: PropertyKey): boolean {
    if (typeof key !== 'string') return false;
    return isReserved(session, key) || Object.hasOwn(attributesOf(session), key) || key in Object.prototype;
  }

  deleteProperty({ session, own }: ViewTarget, key: PropertyKey): boolean {
    if (typeof key !== 'string' || own.delete(key)) return true;
    if (isReserved(session, key)) throw reservedMember(key, session.name);
    session.wrote();
    return Reflect.deleteProperty(attributesOf(session), key);
  }

  ownKeys({ session }: ViewTarget): string[] {
    return ['cookie', ...Object.keys(attributesOf(session)).filter((name) => !isReserved(session, name))];
  }

  getOwnPropertyDescriptor({ session }: ViewTarget, key: PropertyKey): PropertyDescriptor | undefined {
    if (key === 'cookie')
      return { value: session.cookie, writable: true, enumerable: true, configurable: true };
    if (typeof key !== 'string' || isReserved(session, key)) return undefined;
    return Reflect.getOwnPropertyDescriptor(attributesOf(session), key);
  }
}

const HANDLER = new ViewHandler();

function attributesOf({ live, left }: ViewedSession): Record<string, unknown> {
  return live ?? left;
}

function isReserved(session: ViewedSession, key: string): boolean {
  return key === 'cookie' || session.isMethod(key) || session.isMember(key);
}
