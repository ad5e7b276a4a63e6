import { SessionReservedMemberError, SessionUsageError } from './errors.js';

/** What proxies of sessions have in common: whatever is set or defined on one is the value of an attribute or a member. */
export abstract class SessionHandler<
  T extends { readonly proxy: object | undefined },
> implements ProxyHandler<T> {
  protected abstract assign(target: T, key: string, value: unknown): void;

  set(target: T, key: PropertyKey, value: unknown, receiver: unknown): boolean {
    // What is made of a session (`Object.create`) has properties of its own, as with any object.
    if (receiver !== target.proxy) return Reflect.set(NOTHING, key, value, receiver);
    this.assign(target, named(key), value);
    return true;
  }

  defineProperty(target: T, key: PropertyKey, descriptor: PropertyDescriptor): boolean {
    if (!('value' in descriptor))
      throw new SessionUsageError('A session attribute cannot be an accessor. Assign a value instead.');
    this.assign(target, named(key), descriptor.value);
    return true;
  }

  setPrototypeOf(): boolean {
    return false;
  }

  preventExtensions(): boolean {
    return false;
  }
}

/** @param session What the message calls it. */
export function reservedMember(name: string, session: string): SessionReservedMemberError {
  return new SessionReservedMemberError(
    `'${name}' is a member of ${session} and cannot be an attribute. Use another name for the attribute.`,
  );
}

/** An object that leaves it to the receiver what becomes of a property that is set. */
const NOTHING: object = Object.freeze(Object.create(null) as object);

function named(key: PropertyKey): string {
  if (typeof key === 'string') return key;
  throw new SessionUsageError('A session attribute is named by a string: a symbol cannot be stored.');
}
