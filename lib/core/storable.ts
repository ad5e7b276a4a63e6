import { types } from 'node:util';

/** Nesting that is still stored. Deeper values are refused, so that no codec can run out of stack on them. */
export const MAX_NESTING = 500;

/** Holes an array may have. They come back as undefined; a sparser array is not worth its length. */
export const MAX_HOLES = 1000;

/** Views that structured clone knows, by the name of their class. */
export const VIEW_CLASSES = [
  'Int8Array',
  'Uint8Array',
  'Uint8ClampedArray',
  'Int16Array',
  'Uint16Array',
  'Int32Array',
  'Uint32Array',
  'Float32Array',
  'Float64Array',
  'BigInt64Array',
  'BigUint64Array',
  'DataView',
] as const;

/** Errors that structured clone knows, by the name of their class. */
export const ERROR_CLASSES = [
  'Error',
  'EvalError',
  'RangeError',
  'ReferenceError',
  'SyntaxError',
  'TypeError',
  'URIError',
] as const;

/** One of {@link VIEW_CLASSES}. */
export type ViewClass = (typeof VIEW_CLASSES)[number];
/** One of {@link ERROR_CLASSES}. */
export type ErrorClass = (typeof ERROR_CLASSES)[number];

/**
 * What an object is to a codec. `className` tells an error's or a view's class; `refused` says why it cannot
 * be stored.
 */
export type ObjectKind =
  | { readonly kind: 'object' | 'array' | 'date' | 'regexp' | 'map' | 'set' | 'buffer' | 'arraybuffer' }
  | { readonly kind: 'error'; readonly className: ErrorClass }
  | { readonly kind: 'view'; readonly className: ViewClass }
  | { readonly kind: 'refused'; readonly reason: string };

const PLAIN: ObjectKind = { kind: 'object' };
const ARRAY: ObjectKind = { kind: 'array' };

/**
 * Tells what an object is, whichever realm it comes from (worker, vm context, test environment). Runs none of
 * its code: no getter, no Proxy trap. Instances of subclasses are refused, since their class would be lost.
 */
export function kindOfObject(value: object): ObjectKind {
  if (types.isProxy(value)) return refused('a Proxy');
  const prototype = Object.getPrototypeOf(value) as object | null;
  if (prototype === null || prototype === Object.prototype)
    return Array.isArray(value) ? refused(instanceReason(prototype)) : PLAIN;
  if (Array.isArray(value)) {
    return prototype === Array.prototype || height(prototype) === 2
      ? ARRAY
      : refused(instanceReason(prototype));
  }
  if (height(prototype) === 1 && classNameOf(prototype) === 'Object') return PLAIN;
  return builtInKind(value, prototype) ?? refused(instanceReason(prototype));
}

/**
 * Why a value cannot be stored, in a few words that hold nothing of the value; undefined if it can be.
 *
 * Storable is what structured clone knows and a codec brings back whole: primitives, Date, RegExp, Map, Set,
 * the built-in errors (class and message; not stack, cause or own properties), ArrayBuffer, DataView, typed
 * arrays, Buffer, plain objects and arrays, nested up to {@link MAX_NESTING} levels, shared and cyclic
 * references included. As with structured clone, symbol keys, non-enumerable properties and own properties
 * of built-ins are not part of the value, nor is whether a plain object's prototype is null. Holes in
 * an array (at most 1000) count as undefined.
 *
 * Runs in time linear in the value. Getters of objects are refused without running them.
 */
export function findUnstorable(value: unknown): string | undefined {
  return inspect(value, 0, typeof value === 'object' && value !== null ? new Set() : NONE);
}

const NONE = new Set<object>();

function inspect(value: unknown, depth: number, seen: Set<object>): string | undefined {
  switch (typeof value) {
    case 'string':
      return isWellFormed(value) ? undefined : 'a string with a lone surrogate';
    case 'function':
      return 'a function';
    case 'symbol':
      return 'a symbol';
    case 'object':
      return value === null || seen.has(value) ? undefined : inspectObject(value, depth, seen);
    default:
      return undefined;
  }
}

function inspectObject(value: object, depth: number, seen: Set<object>): string | undefined {
  seen.add(value);
  const found = kindOfObject(value);
  switch (found.kind) {
    case 'refused':
      return found.reason;
    case 'date':
    case 'buffer':
    case 'arraybuffer':
    case 'view':
    case 'regexp':
      return found.kind === 'regexp' ? inspect((value as RegExp).source, depth, seen) : undefined;
    case 'error':
      return inspectMessage(value, seen);
    case 'object':
    case 'array':
    case 'map':
    case 'set':
      if (depth >= MAX_NESTING) return `nested too deeply (more than ${MAX_NESTING} levels)`;
      if (found.kind === 'object') return inspectPlain(value, depth + 1, seen);
      if (found.kind === 'array') return inspectArray(value as unknown[], depth + 1, seen);
      return inspectEntries(value as Map<unknown, unknown> | Set<unknown>, depth + 1, seen);
  }
}

function inspectPlain(value: object, depth: number, seen: Set<object>): string | undefined {
  for (const key of Object.keys(value)) {
    if (key === '__proto__') return 'an object with an own property named __proto__';
    if (!isWellFormed(key)) return 'a key with a lone surrogate';
    const property = Object.getOwnPropertyDescriptor(value, key);
    if (!property || !('value' in property)) return 'an accessor property';
    const reason = inspect(property.value, depth, seen);
    if (reason) return reason;
  }
  return undefined;
}

function inspectArray(array: unknown[], depth: number, seen: Set<object>): string | undefined {
  let holes = 0;
  for (let index = 0; index < array.length; index++) {
    const element = array[index];
    if (element === undefined && !(index in array) && ++holes > MAX_HOLES) {
      return `a sparse array (more than ${MAX_HOLES} holes)`;
    }
    const reason = inspect(element, depth, seen);
    if (reason) return reason;
  }
  return undefined;
}

function inspectEntries(
  entries: Map<unknown, unknown> | Set<unknown>,
  depth: number,
  seen: Set<object>,
): string | undefined {
  // The prototypes' own methods, so that an own property of the same name is not called.
  if (types.isSet(entries)) {
    for (const member of Set.prototype.values.call(entries)) {
      const reason = inspect(member, depth, seen);
      if (reason) return reason;
    }
    return undefined;
  }
  for (const [key, member] of Map.prototype.entries.call(entries)) {
    const reason = inspect(key, depth, seen) ?? inspect(member, depth, seen);
    if (reason) return reason;
  }
  return undefined;
}

function inspectMessage(error: object, seen: Set<object>): string | undefined {
  const message = Object.getOwnPropertyDescriptor(error, 'message');
  if (!message) return undefined;
  if (!('value' in message)) return 'an accessor property';
  return typeof message.value === 'string'
    ? inspect(message.value, 0, seen)
    : 'an error whose message is not a string';
}

/** Built-ins other than arrays and plain objects. The height of the prototype chain tells a subclass. */
function builtInKind(value: object, prototype: object): ObjectKind | undefined {
  const levels = height(prototype);
  if (types.isNativeError(value)) {
    const className = ERROR_CLASSES.find((name) => name === classNameOf(prototype));
    // Only the built-in prototypes carry a name of their own, so a subclass that borrowed one is told apart.
    const builtIn = levels === (className === 'Error' ? 2 : 3) && Object.hasOwn(prototype, 'name');
    return className && builtIn ? { kind: 'error', className } : undefined;
  }
  if (types.isDate(value)) return levels === 2 ? { kind: 'date' } : undefined;
  if (types.isMap(value)) return levels === 2 ? { kind: 'map' } : undefined;
  if (types.isSet(value)) return levels === 2 ? { kind: 'set' } : undefined;
  if (types.isRegExp(value)) return levels === 2 ? { kind: 'regexp' } : undefined;
  if (types.isArrayBuffer(value)) return levels === 2 ? { kind: 'arraybuffer' } : undefined;
  if (types.isSharedArrayBuffer(value)) return refused('a SharedArrayBuffer');
  return ArrayBuffer.isView(value) ? viewKind(value, prototype, levels) : undefined;
}

function viewKind(view: ArrayBufferView, prototype: object, levels: number): ObjectKind | undefined {
  if (types.isSharedArrayBuffer(view.buffer)) return refused('a view of a SharedArrayBuffer');
  if (prototype === Buffer.prototype) return { kind: 'buffer' };
  const className = VIEW_CLASSES.find((name) => name === classNameOf(prototype));
  return className && levels === (className === 'DataView' ? 2 : 3) ? { kind: 'view', className } : undefined;
}

/** How many prototypes there are from this one to the end of the chain: 1 for Object.prototype. At most 4. */
function height(prototype: object | null): number {
  let levels = 0;
  for (let at = prototype; at !== null && levels < 4; at = Object.getPrototypeOf(at) as object | null) {
    if (types.isProxy(at)) return Infinity;
    levels++;
  }
  return levels;
}

function classNameOf(prototype: object): string | undefined {
  const constructor: unknown = Object.getOwnPropertyDescriptor(prototype, 'constructor')?.value;
  if (typeof constructor !== 'function' || types.isProxy(constructor)) return undefined;
  const name: unknown = Object.getOwnPropertyDescriptor(constructor, 'name')?.value;
  return typeof name === 'string' && /^[\w$]{1,60}$/.test(name) ? name : undefined;
}

function instanceReason(prototype: object | null): string {
  const name = prototype && !types.isProxy(prototype) ? classNameOf(prototype) : undefined;
  if (name === 'Promise' || name === 'WeakMap' || name === 'WeakSet' || name === 'WeakRef')
    return `a ${name}`;
  return name ? `an instance of class ${name}` : 'an instance of a class';
}

function refused(reason: string): ObjectKind {
  return { kind: 'refused', reason };
}

/** Whether UTF-8 can hold the text. */
export function isWellFormed(text: string): boolean {
  // ES2024, which every supported Node has and the ES2023 typings lack.
  return (text as string & { isWellFormed(): boolean }).isWellFormed();
}
