import { types } from 'node:util';

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
 * What an object is to a codec. `instance`: it is stored as its `plainForm`. `className` tells an error's or a view's
 * class; `refused` says why it cannot be stored.
 */
export type ObjectKind =
  | { readonly kind: 'object' | 'array' | 'date' | 'regexp' | 'map' | 'set' | 'buffer' | 'arraybuffer' }
  | { readonly kind: 'instance' }
  | { readonly kind: 'error'; readonly className: ErrorClass }
  | { readonly kind: 'view'; readonly className: ViewClass }
  | { readonly kind: 'refused'; readonly reason: string };

const PLAIN: ObjectKind = { kind: 'object' };
const ARRAY: ObjectKind = { kind: 'array' };
const INSTANCE: ObjectKind = { kind: 'instance' };

/**
 * Tells what an object is, whichever realm it comes from (worker, vm context, test environment). Runs none of
 * its code: no getter, no Proxy trap. A subclass of a built-in class counts as that class, as for structured clone,
 * unless it has a `toJSON` of its own.
 */
export function kindOfObject(value: object): ObjectKind {
  if (types.isProxy(value)) return refused('a Proxy');
  const prototype = Object.getPrototypeOf(value) as object | null;
  if (Array.isArray(value)) {
    return prototype === Array.prototype || !hasOwnJson(prototype, 2) ? ARRAY : INSTANCE;
  }
  if (prototype === null || prototype === Object.prototype) return plainKind(value);
  if (height(prototype) === 1 && classNameOf(prototype) === 'Object') return plainKind(value);
  return builtInKind(value, prototype) ?? instanceKind(value, prototype);
}

/** A plain object with a method `toJSON` stands for what that returns, as an instance does. */
function plainKind(value: object): ObjectKind {
  if (!('toJSON' in value)) return PLAIN;
  const property = Object.getOwnPropertyDescriptor(value, 'toJSON');
  return typeof property?.value === 'function' ? INSTANCE : PLAIN;
}

/** Built-ins other than arrays and plain objects, by what the engine says of them, whatever their prototypes say. */
function builtInKind(value: object, prototype: object): ObjectKind | undefined {
  if (types.isDate(value)) return unlessOwnJson({ kind: 'date' }, prototype, 2);
  if (types.isMap(value)) return unlessOwnJson({ kind: 'map' }, prototype, 2);
  if (types.isSet(value)) return unlessOwnJson({ kind: 'set' }, prototype, 2);
  if (types.isRegExp(value)) return unlessOwnJson({ kind: 'regexp' }, prototype, 2);
  if (types.isArrayBuffer(value)) return unlessOwnJson({ kind: 'arraybuffer' }, prototype, 2);
  if (types.isSharedArrayBuffer(value)) return refused('a SharedArrayBuffer');
  if (ArrayBuffer.isView(value)) return viewKind(value, prototype);
  return types.isNativeError(value) ? errorKind(prototype) : undefined;
}

function unlessOwnJson(kind: ObjectKind, prototype: object, levels: number): ObjectKind {
  return hasOwnJson(prototype, levels) ? INSTANCE : kind;
}

/** Whether one of the prototypes before the last `levels` ones, which are the engine's, has a `toJSON`. */
function hasOwnJson(prototype: object | null, levels: number): boolean {
  let at = prototype;
  for (let left = height(prototype) - levels; left > 0 && at !== null && !types.isProxy(at); left--) {
    if (Object.hasOwn(at, 'toJSON')) return true;
    at = Object.getPrototypeOf(at) as object | null;
  }
  return false;
}

function errorKind(prototype: object): ObjectKind {
  let levels = height(prototype);
  let at: object | null = prototype;
  for (; at !== null && !types.isProxy(at); levels--) {
    const name = classNameOf(at);
    const className = ERROR_CLASSES.find((known) => known === name);
    // Only the built-in prototypes carry a name of their own, so a subclass that borrowed one is told apart.
    if (className && levels === (className === 'Error' ? 2 : 3) && Object.hasOwn(at, 'name')) {
      return unlessOwnJson({ kind: 'error', className }, prototype, levels);
    }
    at = Object.getPrototypeOf(at) as object | null;
  }
  return INSTANCE;
}

function viewKind(view: ArrayBufferView, prototype: object): ObjectKind {
  if (types.isSharedArrayBuffer(bufferOf(view))) return refused('a view of a SharedArrayBuffer');
  let levels = height(prototype);
  let at: object | null = prototype;
  for (; at !== null && !types.isProxy(at); levels--) {
    if (at === Buffer.prototype) return unlessOwnJson({ kind: 'buffer' }, prototype, levels);
    const name = classNameOf(at);
    const className = VIEW_CLASSES.find((known) => known === name);
    if (className && levels === (className === 'DataView' ? 2 : 3)) {
      return unlessOwnJson({ kind: 'view', className }, prototype, levels);
    }
    at = Object.getPrototypeOf(at) as object | null;
  }
  return INSTANCE;
}

/** Properties by the engine's own getters: those of a subclass, or of the object itself, are the application's code. */
function engineGetter<T>(prototype: object, name: string): (value: object) => T {
  const property = Object.getOwnPropertyDescriptor(prototype, name) as { get(): T };
  return (value) => property.get.call(value);
}

function viewGetter<T>(name: string): (view: object) => T {
  const ofDataView = engineGetter<T>(DataView.prototype, name);
  const ofTypedArray = engineGetter<T>(Object.getPrototypeOf(Uint8Array.prototype) as object, name);
  return (view) => (types.isDataView(view) ? ofDataView(view) : ofTypedArray(view));
}

const bufferOf = viewGetter<ArrayBuffer>('buffer');
const byteOffsetOf = viewGetter<number>('byteOffset');
const byteLengthOf = viewGetter<number>('byteLength');

/** The bytes of a Buffer, typed array or DataView, in the same memory. */
export function bytesOfView(view: object): Uint8Array {
  return new Uint8Array(bufferOf(view), byteOffsetOf(view), byteLengthOf(view));
}

/** What a regular expression was made of, whatever a subclass says of it. */
export function partsOfRegExp(value: object): { readonly source: string; readonly flags: string } {
  return new RegExp(value as RegExp);
}

/** What is the handle of something that goes on elsewhere has no form that could be stored. */
function instanceKind(value: object, prototype: object): ObjectKind {
  if (types.isPromise(value)) return refused('a Promise');
  if (types.isWeakMap(value)) return refused('a WeakMap');
  if (types.isWeakSet(value)) return refused('a WeakSet');
  if (types.isGeneratorObject(value) || types.isMapIterator(value) || types.isSetIterator(value))
    return refused('an iterator');
  return classNameOf(prototype) === 'WeakRef' ? refused('a WeakRef') : INSTANCE;
}

/** How many prototypes there are from this one to the end of the chain: 1 for Object.prototype. At most 100. */
function height(prototype: object | null): number {
  let levels = 0;
  for (let at = prototype; at !== null && levels < 100; at = Object.getPrototypeOf(at) as object | null) {
    if (types.isProxy(at)) return Infinity;
    levels++;
  }
  return levels;
}

function classNameOf(prototype: object): string | undefined {
  const constructor: unknown = Object.getOwnPropertyDescriptor(prototype, 'constructor')?.value;
  if (typeof constructor !== 'function' || types.isProxy(constructor)) return undefined;
  const name: unknown = Object.getOwnPropertyDescriptor(constructor, 'name')?.value;
  return typeof name === 'string' ? name : undefined;
}

function refused(reason: string): ObjectKind {
  return { kind: 'refused', reason };
}

/** What an instance is stored as; or why it cannot be, in words that hold nothing of it, and by which property. */
export type PlainForm =
  { readonly form: unknown } | { readonly reason: string; readonly property?: string | undefined };

/**
 * What stands for an object of kind `instance`, as JSON would have it: what its `toJSON()` returns, or else its own
 * enumerable properties, without functions, symbols and undefined. What it holds is left as it is: a Date in it stays
 * a Date, and another instance is for its own turn. The form is never of kind `instance` itself.
 */
export function plainForm(instance: object): PlainForm {
  let form: unknown;
  try {
    const { toJSON } = instance as { toJSON?: unknown };
    form = typeof toJSON === 'function' ? (toJSON as (key: string) => unknown).call(instance, '') : instance;
  } catch {
    return { reason: 'a toJSON() that throws' };
  }
  if (typeof form !== 'object' || form === null || kindOfObject(form).kind !== 'instance') return { form };
  // JSON does not ask for the toJSON() of what a toJSON() has returned.
  if (types.isBoxedPrimitive(form)) return unboxed(form);
  return Array.isArray(form) ? elements(form as unknown[]) : ownProperties(form);
}

function elements(list: unknown[]): PlainForm {
  try {
    return { form: Array.from(list) };
  } catch {
    return { reason: THROWING_GETTER };
  }
}

function unboxed(box: object): PlainForm {
  if (types.isNumberObject(box)) return { form: Number.prototype.valueOf.call(box) };
  if (types.isStringObject(box)) return { form: String.prototype.valueOf.call(box) };
  if (types.isBooleanObject(box)) return { form: Boolean.prototype.valueOf.call(box) };
  if (types.isBigIntObject(box)) return { form: BigInt.prototype.valueOf.call(box) };
  return { reason: 'a symbol' };
}

function ownProperties(instance: object): PlainForm {
  const form: Record<string, unknown> = {};
  for (const key of Object.keys(instance)) {
    let value: unknown;
    try {
      value = (instance as Record<string, unknown>)[key];
    } catch {
      return { reason: THROWING_GETTER, property: key };
    }
    if (value === undefined || typeof value === 'function' || typeof value === 'symbol') continue;
    if (key === '__proto__') return { reason: OWN_PROTO };
    form[key] = value;
  }
  return { form };
}

/** Of an application's code that was run. */
export const THROWING_GETTER = 'a getter that throws';

/** Why an object with such a key is refused: whoever reads it back would change a prototype. */
export const OWN_PROTO = 'an object with an own property named __proto__';
