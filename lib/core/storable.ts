import { types } from 'node:util';
import { kindOfObject, OWN_PROTO, partsOfRegExp, plainForm, THROWING_GETTER } from './object-kind.js';

/** Nesting that is still stored. Deeper values are refused, so that no codec can run out of stack on them. */
export const MAX_NESTING = 500;

/** Holes an array may have. They come back as undefined; a sparser array is not worth its length. */
export const MAX_HOLES = 1000;

/** Why a value cannot be stored, in words that hold nothing of it. */
export interface Unstorable {
  /** As in "a function". */
  readonly reason: string;
  /** Where inside the value, as in `.items[0]`; empty: the value itself. */
  readonly path: string;
}

/** As a sentence goes on: "a function at cart.owner". */
export function reasonFor(name: string, { reason, path }: Unstorable): string {
  return path === '' ? reason : `${reason} at ${pathFrom(name, path)}`;
}

/**
 * Why a value cannot be stored; undefined if it can be.
 *
 * Storable is what structured clone knows and a codec brings back whole: primitives, Date, RegExp, Map, Set,
 * the built-in errors (class and message; not stack, cause or own properties), ArrayBuffer, DataView, typed
 * arrays, Buffer, plain objects and arrays, nested up to {@link MAX_NESTING} levels, shared and cyclic
 * references included; and instances of classes whose `plainForm` is. As with structured clone, symbol keys,
 * non-enumerable properties and own properties of built-ins are not part of the value, nor is whether a plain object's
 * prototype is null. Holes in an array (at most 1000) count as undefined.
 *
 * Runs in time linear in the value. Getters of plain objects are refused without running them. It never throws: what throws
 * when it is looked at cannot be stored.
 */
export function findUnstorable(value: unknown): Unstorable | undefined {
  return inspectionOf(value)?.unstorable;
}

/** Whether a value is an instance that stands for nothing, such as an invalid date of a library: assigned, it removes. */
export function standsForNothing(value: unknown): boolean {
  if (typeof value !== 'object' || value === null || kindOfObject(value).kind !== 'instance') return false;
  try {
    const plain = plainForm(value);
    return 'form' in plain && (plain.form === null || plain.form === undefined);
  } catch {
    return false;
  }
}

/** What a look through a value has found. */
interface Inspection {
  readonly unstorable: Unstorable | undefined;
  readonly holdsInstances: boolean;
}

/** Undefined for a primitive that can be stored. */
export function inspectionOf(value: unknown): Inspection | undefined {
  if (typeof value === 'object' && value !== null) {
    const inspector = new Inspector();
    const reason = inspector.look(value);
    const { holdsInstances } = inspector;
    return {
      unstorable: reason === undefined ? undefined : { reason, path: inspector.path },
      holdsInstances,
    };
  }
  const reason = leafReason(value);
  return reason === undefined ? undefined : { unstorable: { reason, path: '' }, holdsInstances: false };
}

function leafReason(value: unknown): string | undefined {
  switch (typeof value) {
    case 'string':
      return isWellFormed(value) ? undefined : 'a string with a lone surrogate';
    case 'function':
      return 'a function';
    case 'symbol':
      return 'a symbol';
    default:
      return undefined;
  }
}

class Inspector {
  holdsInstances = false;
  private readonly seen = new Set<object>();
  /** How what cannot be stored was reached, from there upwards: only failures pay for it. */
  private readonly steps: Step[] = [];
  private depth = 0;

  get path(): string {
    return pathOf(this.steps.reverse());
  }

  /** {@link inspect}, whatever happens: too little stack is left, a module's exports are not there yet. */
  look(value: object): string | undefined {
    try {
      return this.inspect(value);
    } catch {
      return 'an object that throws when it is looked at';
    }
  }

  /** A reason; the path then tells where. */
  inspect(value: unknown): string | undefined {
    if (typeof value !== 'object' || value === null) return leafReason(value);
    if (this.seen.has(value)) return undefined;
    this.seen.add(value);
    return this.inspectObject(value);
  }

  private inspectObject(value: object): string | undefined {
    const found = kindOfObject(value);
    switch (found.kind) {
      case 'refused':
        return found.reason;
      case 'date':
      case 'buffer':
      case 'arraybuffer':
      case 'view':
        return undefined;
      case 'regexp':
        return leafReason(partsOfRegExp(value).source);
      case 'error':
        return messageReason(value);
      case 'instance':
        return this.inspectInstance(value);
      case 'object':
      case 'array':
      case 'map':
      case 'set':
        return this.inspectContainer(value, found.kind);
    }
  }

  private inspectInstance(instance: object): string | undefined {
    this.holdsInstances = true;
    const plain = plainForm(instance);
    if ('form' in plain) return this.inspect(plain.form);
    return plain.property === undefined ? plain.reason : this.from(plain.property, plain.reason);
  }

  private inspectContainer(value: object, kind: 'object' | 'array' | 'map' | 'set'): string | undefined {
    if (this.depth >= MAX_NESTING) return `nested too deeply (more than ${MAX_NESTING} levels)`;
    this.depth++;
    const reason =
      kind === 'object'
        ? this.inspectPlain(value)
        : kind === 'array'
          ? this.inspectArray(value as unknown[])
          : this.inspectEntries(value);
    this.depth--;
    return reason;
  }

  private inspectPlain(value: object): string | undefined {
    for (const key of Object.keys(value)) {
      if (key === '__proto__') return OWN_PROTO;
      if (!isWellFormed(key)) return 'a key with a lone surrogate';
      const property = Object.getOwnPropertyDescriptor(value, key);
      if (!property || !('value' in property)) return this.from(key, 'an accessor property');
      const reason = this.inspect(property.value);
      if (reason) return this.from(key, reason);
    }
    return undefined;
  }

  private inspectArray(array: unknown[]): string | undefined {
    let holes = 0;
    for (let index = 0; index < array.length; index++) {
      let element: unknown;
      try {
        element = array[index];
        if (element === undefined && !(index in array)) holes++;
      } catch {
        return this.from(index, THROWING_GETTER);
      }
      if (holes > MAX_HOLES) return `a sparse array (more than ${MAX_HOLES} holes)`;
      const reason = this.inspect(element);
      if (reason) return this.from(index, reason);
    }
    return undefined;
  }

  private inspectEntries(entries: object): string | undefined {
    let entry = 0;
    // The prototypes' own methods, so that an own property of the same name is not called.
    if (types.isSet(entries)) {
      for (const member of Set.prototype.values.call(entries)) {
        const reason = this.inspect(member);
        if (reason) return this.from({ entry }, reason);
        entry++;
      }
      return undefined;
    }
    for (const [key, member] of Map.prototype.entries.call(entries)) {
      const reason = this.inspect(key) ?? this.inspect(member);
      if (reason) return this.from({ entry }, reason);
      entry++;
    }
    return undefined;
  }

  private from(step: Step, reason: string): string {
    this.steps.push(step);
    return reason;
  }
}

function messageReason(error: object): string | undefined {
  const own = Object.getOwnPropertyDescriptor(error, 'message');
  if (own !== undefined && !('value' in own)) return 'an accessor property';
  let message: unknown;
  try {
    ({ message } = error as Error);
  } catch {
    return THROWING_GETTER;
  }
  return typeof message === 'string' ? leafReason(message) : 'an error whose message is not a string';
}

/** Whether UTF-8 can hold the text. */
export function isWellFormed(text: string): boolean {
  // ES2024, which every supported Node has and the ES2023 typings lack.
  return (text as string & { isWellFormed(): boolean }).isWellFormed();
}

/** From a value to one inside it: a property, an index, or the place of an entry in a Map or Set, whose keys are data. */
export type Step = string | number | { readonly entry: number };

/** Keys that are shown as they are. Others may be data, or too long for a line. */
const PLAIN_KEY = /^[A-Za-z_$][\w$]{0,39}$/;
/** Most steps of a path that are shown. */
const MOST_STEPS = 20;

/** `.items[0].owner` */
export function pathOf(steps: readonly Step[]): string {
  const shown = steps.slice(0, MOST_STEPS).map(stepOf).join('');
  return steps.length > MOST_STEPS ? `${shown}…` : shown;
}

/** A path with the attribute it begins at: `cart.items[0]`. */
function pathFrom(name: string, path: string): string {
  return PLAIN_KEY.test(name) ? name + path : `session[${nameInLog(name)}]${path}`;
}

/** An attribute's name as a line of a log shows it: it may be a client's words, of any length. */
export function nameInLog(name: string): string {
  return name.length <= 80 ? JSON.stringify(name) : `${JSON.stringify(name.slice(0, 80))}…`;
}

function stepOf(step: Step): string {
  if (typeof step === 'number') return `[${step}]`;
  if (typeof step === 'object') return `[entry ${step.entry}]`;
  return PLAIN_KEY.test(step) ? `.${step}` : '[…]';
}
