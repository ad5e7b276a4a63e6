import type { Attributes } from './attributes.js';
import { SessionReservedMemberError, SessionUsageError } from './errors.js';
import { RESERVED_MEMBERS, type HttpSession } from './members.js';
import type { SessionState } from './session-state.js';

const INSPECT = Symbol.for('nodejs.util.inspect.custom');

/** What a session must be able to do for an application to see it. What each does is told in members.ts. */
export interface SessionBehind {
  readonly id: string;
  readonly state: Readonly<SessionState>;
  readonly attributes: Attributes;
  setAttribute(name: string, value: unknown): void;
  deleteAttribute(name: string): void;
  setMaxInactiveInterval(seconds: unknown): void;
  authenticate(principal: string | number): Promise<void>;
  regenerateId(): Promise<void>;
  save(): Promise<void>;
  markDirty(): void;
  update(name: string, change: (current: unknown) => unknown): Promise<unknown>;
  reload(): Promise<void>;
  destroy(): Promise<void>;
  csrfToken(): string;
}

/**
 * The session as an application sees it: a proxy whose string keys are attributes, except for the reserved
 * members. It has no prototype, so `toString` and `constructor` are attributes like any other, and since a
 * function cannot be stored, no attribute named `then` or `toJSON` is ever called by `await` or JSON.
 */
export function httpSessionOf(session: SessionBehind): HttpSession {
  const target = Object.create(null) as Record<PropertyKey, unknown>;
  // console.log goes to the target and past the traps. It shows names only: values do not belong in logs.
  Object.defineProperty(target, INSPECT, {
    value: () => `HttpSession ${JSON.stringify({ id: session.id, attributes: session.attributes.names() })}`,
    configurable: true,
  });
  return new Proxy(target, new HttpSessionHandler(session)) as unknown as HttpSession;
}

class HttpSessionHandler implements ProxyHandler<Record<PropertyKey, unknown>> {
  readonly #session: SessionBehind;
  #methods: Record<string, unknown> | undefined;

  constructor(session: SessionBehind) {
    this.#session = session;
  }

  get(_target: object, key: PropertyKey): unknown {
    if (typeof key !== 'string') return key === Symbol.toPrimitive ? toPrimitive : undefined;
    return RESERVED_MEMBERS.has(key) ? this.#member(key) : this.#session.attributes.get(key);
  }

  set(_target: object, key: PropertyKey, value: unknown): boolean {
    if (typeof key !== 'string') throw new SessionUsageError(SYMBOL_KEY);
    if (key === 'maxInactiveInterval') this.#session.setMaxInactiveInterval(value);
    else if (RESERVED_MEMBERS.has(key)) throw reserved(key);
    else this.#session.setAttribute(key, value);
    return true;
  }

  has(_target: object, key: PropertyKey): boolean {
    return typeof key === 'string' && this.#session.attributes.has(key);
  }

  deleteProperty(_target: object, key: PropertyKey): boolean {
    if (typeof key !== 'string') return true;
    if (RESERVED_MEMBERS.has(key)) throw reserved(key);
    this.#session.deleteAttribute(key);
    return true;
  }

  ownKeys(): string[] {
    return this.#session.attributes.names();
  }

  getOwnPropertyDescriptor(_target: object, key: PropertyKey): PropertyDescriptor | undefined {
    if (typeof key !== 'string' || !this.#session.attributes.has(key)) return undefined;
    const value = this.#session.attributes.get(key);
    return { value, writable: true, enumerable: true, configurable: true };
  }

  defineProperty(target: object, key: PropertyKey, descriptor: PropertyDescriptor): boolean {
    if (!('value' in descriptor)) {
      throw new SessionUsageError('A session attribute cannot be an accessor. Assign a value instead.');
    }
    return this.set(target, key, descriptor.value);
  }

  setPrototypeOf(): boolean {
    return false;
  }

  preventExtensions(): boolean {
    return false;
  }

  #member(name: string): unknown {
    const session = this.#session;
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
      case 'principal':
        return session.state.principal;
      case 'authenticatedAt':
        return dateOf(session.state.authenticatedAt);
      default:
        this.#methods ??= methodsOf(session);
        return this.#methods[name];
    }
  }
}

/** Bound, and the same function at each read, so that they can be taken off the session and compared. */
function methodsOf(session: SessionBehind): Record<string, unknown> {
  return {
    authenticate: session.authenticate.bind(session),
    regenerateId: session.regenerateId.bind(session),
    save: session.save.bind(session),
    markDirty: session.markDirty.bind(session),
    update: session.update.bind(session),
    reload: session.reload.bind(session),
    destroy: session.destroy.bind(session),
    csrfToken: session.csrfToken.bind(session),
  };
}

function dateOf(epochMs: number | undefined): Date | undefined {
  return epochMs === undefined ? undefined : new Date(epochMs);
}

function toPrimitive(): string {
  return '[object HttpSession]';
}

function reserved(name: string): SessionReservedMemberError {
  return new SessionReservedMemberError(
    `'${name}' is a member of HttpSession and cannot be an attribute. Use another name for the attribute.`,
  );
}

const SYMBOL_KEY = 'A session attribute is named by a string: a symbol cannot be stored.';
