import { SessionReservedMemberError, SessionUsageError } from '../core/errors.js';
import { RESERVED_MEMBERS, type HttpSession } from '../core/members.js';
import type { SessionCookieView } from './cookie.js';
import type { AnyExpressSession } from './types.js';

const INSPECT = Symbol.for('nodejs.util.inspect.custom');

/** What express-session calls methods, all of which an application may replace by its own. */
const METHODS = new Set(['regenerate', 'destroy', 'reload', 'save', 'touch', 'resetMaxAge'] as const);
type MethodName = typeof METHODS extends Set<infer Name> ? Name : never;

/** What a view shows. */
export interface ViewedSession {
  /** Undefined: the session has been left, and what it held then is all that there is. */
  readonly live: HttpSession<Record<string, unknown>> | undefined;
  /** Of one that has been left. */
  readonly left: Record<string, unknown>;
  readonly id: string;
  readonly request: object;
  readonly cookie: SessionCookieView;
  readonly methods: Readonly<Record<MethodName, unknown>>;
  /** An attribute is written by way of the view. */
  wrote(): void;
}

/**
 * `req.session`: a proxy whose string keys are the session's attributes and, as with express-session, `cookie`. Its members are not
 * enumerable. Attributes that are named as a member of express-session are not seen here.
 */
export function viewOf(session: ViewedSession): AnyExpressSession {
  const target = new ViewTarget(session);
  const view = new Proxy<object>(target, HANDLER) as AnyExpressSession;
  target.view = view;
  return view;
}

class ViewTarget {
  readonly session: ViewedSession;
  view: object | undefined;
  /** Methods that the application has replaced. */
  readonly own = new Map<string, unknown>();

  constructor(session: ViewedSession) {
    this.session = session;
  }

  /** Names only: values do not belong in logs. */
  [INSPECT](this: AnyExpressSession): string {
    const attributes = Object.keys(this).filter((name) => name !== 'cookie');
    return `Session ${JSON.stringify({ id: this.id, attributes })}`;
  }
}

class ViewHandler implements ProxyHandler<ViewTarget> {
  get(target: ViewTarget, key: PropertyKey, receiver: unknown): unknown {
    if (typeof key !== 'string') return Reflect.get(ViewTarget.prototype, key, receiver);
    const { session, own } = target;
    if (own.has(key)) return own.get(key);
    switch (key) {
      case 'id':
        return session.id;
      case 'req':
        return session.request;
      case 'cookie':
        return session.cookie;
    }
    if (isMethod(key)) return session.methods[key];
    const attributes = attributesOf(session);
    if (Object.hasOwn(attributes, key) || RESERVED_MEMBERS.has(key)) return attributes[key];
    return Reflect.get(Object.prototype, key, receiver);
  }

  set(target: ViewTarget, key: PropertyKey, value: unknown, receiver: unknown): boolean {
    // What is made of a session (`Object.create`) has properties of its own, as with any object.
    if (receiver !== target.view) return Reflect.set(NOTHING, key, value, receiver);
    return this.#assign(target, key, value);
  }

  #assign({ session, own }: ViewTarget, key: PropertyKey, value: unknown): boolean {
    if (typeof key !== 'string')
      throw new SessionUsageError('A session attribute is named by a string: a symbol cannot be stored.');
    if (key === 'cookie') session.cookie.adopt(value);
    else if (isMethod(key) && typeof value === 'function') own.set(key, value);
    else if (isMember(key)) throw reserved(key);
    else {
      attributesOf(session)[key] = value;
      session.wrote();
    }
    return true;
  }

  has({ session }: ViewTarget, key: PropertyKey): boolean {
    if (typeof key !== 'string') return false;
    return isMember(key) || Object.hasOwn(attributesOf(session), key) || key in Object.prototype;
  }

  deleteProperty({ session, own }: ViewTarget, key: PropertyKey): boolean {
    if (typeof key !== 'string' || own.delete(key)) return true;
    if (isMember(key)) throw reserved(key);
    session.wrote();
    return Reflect.deleteProperty(attributesOf(session), key);
  }

  ownKeys({ session }: ViewTarget): string[] {
    return ['cookie', ...Object.keys(attributesOf(session)).filter((name) => !isMember(name))];
  }

  getOwnPropertyDescriptor({ session }: ViewTarget, key: PropertyKey): PropertyDescriptor | undefined {
    if (key === 'cookie')
      return { value: session.cookie, writable: true, enumerable: true, configurable: true };
    if (typeof key !== 'string' || isMember(key)) return undefined;
    return Reflect.getOwnPropertyDescriptor(attributesOf(session), key);
  }

  defineProperty(target: ViewTarget, key: PropertyKey, descriptor: PropertyDescriptor): boolean {
    if (!('value' in descriptor))
      throw new SessionUsageError('A session attribute cannot be an accessor. Assign a value instead.');
    return this.#assign(target, key, descriptor.value);
  }

  setPrototypeOf(): boolean {
    return false;
  }

  preventExtensions(): boolean {
    return false;
  }
}

const HANDLER = new ViewHandler();
const NOTHING: object = Object.freeze(Object.create(null) as object);

function attributesOf({ live, left }: ViewedSession): Record<string, unknown> {
  return live ?? left;
}

function isMethod(key: string): key is MethodName {
  return (METHODS as ReadonlySet<string>).has(key);
}

function isMember(key: string): boolean {
  return isMethod(key) || key === 'id' || key === 'req' || key === 'cookie';
}

function reserved(name: string): SessionReservedMemberError {
  return new SessionReservedMemberError(
    `'${name}' is a member of req.session and cannot be an attribute. Use another name for the attribute.`,
  );
}
