import { SessionUnstorableValueError } from '../core/errors.js';
import { kindOfObject, type ObjectKind } from '../core/object-kind.js';
import { bytesOfView, OWN_PROTO, partsOfRegExp, plainForm, type PlainForm } from '../core/object-kind.js';
import { MAX_HOLES, MAX_NESTING } from '../core/storable.js';
import { pathOf, type Step } from '../core/storable.js';
import { looksLikeTag, type TagStyle } from './tags.js';

/** Objects of one value, each counted as often as it is written: a bound on what shared references can blow up to. */
const MAX_OBJECTS = 1_000_000;

/**
 * The plain data that stands for a value, instances included. The tree is new, so the format's encoder meets no getter
 * and no toJSON of the application's. Throws SessionUnstorableValueError; the message is a reason as
 * `findUnstorable` gives them.
 */
export function writeTags(value: unknown, style: TagStyle): unknown {
  try {
    return isObject(value) ? new TagWriter(style).write(value) : writeLeaf(value, style);
  } catch (error) {
    if (!(error instanceof Unwritable)) throw error;
    throw new SessionUnstorableValueError(error.message, { path: pathOf(error.steps.reverse()) });
  }
}

/** What cannot be written, on its way up through what holds it. */
class Unwritable extends Error {
  /** How it was reached, from there upwards. */
  readonly steps: Step[] = [];
}

function reachedBy(step: Step | undefined, error: unknown): unknown {
  if (error instanceof Unwritable && step !== undefined) error.steps.push(step);
  return error;
}

function writeLeaf(value: unknown, style: TagStyle): unknown {
  switch (typeof value) {
    case 'boolean':
      return value;
    case 'string':
      // Only where a format would take off a leading byte order mark: a guard before it.
      return style.holds(value) ? value : { $string: `.${value}` };
    case 'number':
      return style.holds(value) ? value : { $number: Object.is(value, -0) ? '-0' : String(value) };
    case 'bigint':
      return style.holds(value) ? value : { $bigint: String(value) };
    case 'undefined':
      return style.holds(value) ? value : { $undefined: true };
    case 'function':
      throw new Unwritable('a function');
    case 'symbol':
      throw new Unwritable('a symbol');
    default:
      return null;
  }
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

function isInstance(value: unknown): value is object {
  return isObject(value) && kindOfObject(value).kind === 'instance';
}

function holdsInstance(members: readonly unknown[]): boolean {
  for (let index = 0; index < members.length; index++) if (isInstance(members[index])) return true;
  return false;
}

function hasInstanceAsKey(map: object): boolean {
  for (const key of Map.prototype.keys.call(map)) if (isInstance(key)) return true;
  return false;
}

type Entry = [key: unknown, value: unknown];

class TagWriter {
  /** With references: every object written so far, by its number. Without: those being written right now. */
  private readonly seen = new Map<object, number>();
  /** Forms of members and keys that are instances, which are looked at before they are written. */
  private forms: Map<object, PlainForm> | undefined;
  private written = 0;
  private depth = 0;

  constructor(private readonly style: TagStyle) {}

  write(value: unknown): unknown {
    return isObject(value) ? this.writeObject(value) : writeLeaf(value, this.style);
  }

  private writeObject(value: object): unknown {
    const earlier = this.seen.get(value);
    if (earlier !== undefined) return this.writeAgain(earlier);
    const found = kindOfObject(value);
    if (found.kind === 'instance') return this.writeInstance(value);
    this.seen.set(value, this.number());
    this.depth++;
    const tagged = this.writeKind(value, found);
    this.depth--;
    if (!this.style.references) this.seen.delete(value);
    return tagged;
  }

  /** The bytes are those of the plain form, and so is the count of objects: whoever reads them knows of no instance. */
  private writeInstance(instance: object): unknown {
    const plain = this.plainFormOf(instance);
    if (!('form' in plain)) {
      throw reachedBy(plain.property, new Unwritable(plain.reason));
    }
    const { form } = plain;
    if (!isObject(form)) return writeLeaf(form, this.style);
    const earlier = this.seen.get(form);
    if (earlier === undefined) this.seen.set(instance, this.written);
    else if (this.style.references) this.seen.set(instance, earlier);
    const tagged = this.writeObject(form);
    if (!this.style.references) this.seen.delete(instance);
    return tagged;
  }

  /** As it was when it was asked for first: a form that is made anew each time would be another object. */
  private plainFormOf(instance: object): PlainForm {
    return this.forms?.get(instance) ?? plainForm(instance);
  }

  private writeAgain(earlier: number): unknown {
    if (this.style.references) return { $ref: earlier };
    throw new Unwritable(`a cycle, which the ${this.style.name} cannot keep`);
  }

  private number(): number {
    if (this.depth >= MAX_NESTING + 1) {
      throw new Unwritable(`nested too deeply (more than ${MAX_NESTING} levels)`);
    }
    if (this.written === MAX_OBJECTS) throw new Unwritable(`too large (more than ${MAX_OBJECTS} objects)`);
    return this.written++;
  }

  private writeKind(value: object, found: Exclude<ObjectKind, { kind: 'instance' }>): unknown {
    switch (found.kind) {
      case 'object':
        return this.writePlain(value as Record<string, unknown>);
      case 'array':
        return this.writeList(value as unknown[]);
      case 'date':
        return { $date: this.style.writeDate(new Date(Date.prototype.getTime.call(value))) };
      case 'regexp':
        return this.writeRegExp(value);
      case 'map':
        return { $map: this.writeMap(value) };
      case 'set':
        return { $set: this.writeSet(value) };
      case 'error':
        return { $error: [found.className, this.write(String((value as Error).message))] };
      case 'buffer':
        return this.writeBytes('Buffer', bytesOfView(value));
      case 'arraybuffer':
        return this.writeBytes('ArrayBuffer', new Uint8Array(value as ArrayBuffer));
      case 'view':
        return this.writeBytes(found.className, bytesOfView(value));
      case 'refused':
        throw new Unwritable(found.reason);
    }
  }

  private writeRegExp(value: object): unknown {
    const { source, flags } = partsOfRegExp(value);
    return { $regexp: [source, flags] };
  }

  private writeSet(set: object): unknown[] {
    const members = [...Set.prototype.values.call(set)];
    return this.writeList(holdsInstance(members) ? this.distinctMembers(members) : members);
  }

  private writeMap(map: object): unknown[] {
    return this.writeEntries(
      hasInstanceAsKey(map) ? this.distinctEntries(map) : Map.prototype.entries.call(map),
    );
  }

  /**
   * The members that a reader will have: of two instances with the same form it has one, the first. Otherwise the bytes
   * would change by being read, and whoever has only read them would seem to have changed them.
   */
  private distinctMembers(members: readonly unknown[]): unknown[] {
    const distinct = new Map<unknown, unknown>();
    for (const member of members) {
      const form = this.formAsRead(member);
      if (!distinct.has(form)) distinct.set(form, member);
    }
    return Array.from(distinct, ([form, member]) => (isObject(form) ? member : form));
  }

  /** The same of a Map: of two keys with the same form the first has its place, and the last its value. */
  private distinctEntries(map: object): Entry[] {
    const distinct = new Map<unknown, Entry>();
    for (const [key, value] of Map.prototype.entries.call(map)) {
      const form = this.formAsRead(key);
      const earlier = distinct.get(form);
      if (earlier === undefined) distinct.set(form, [key, value]);
      else earlier[1] = value;
    }
    return Array.from(distinct, ([form, [key, value]]) => [isObject(form) ? key : form, value]);
  }

  /** What a reader will have in the place of a member or key. What has no form is left, and is refused when it is written. */
  private formAsRead(member: unknown): unknown {
    if (!isInstance(member)) return member;
    const plain = this.plainFormOf(member);
    (this.forms ??= new Map<object, PlainForm>()).set(member, plain);
    return 'form' in plain ? plain.form : member;
  }

  private writePlain(value: Record<string, unknown>): unknown {
    const keys = Object.keys(value);
    const tree: Record<string, unknown> = {};
    let at: string | undefined;
    try {
      for (const key of keys) {
        at = undefined;
        if (key === '__proto__') throw new Unwritable(OWN_PROTO);
        if (!this.style.holdsKey(key)) throw new Unwritable(`a key that the ${this.style.name} cannot keep`);
        at = key;
        tree[key] = this.write(value[key]);
      }
    } catch (error) {
      throw reachedBy(at, error);
    }
    return looksLikeTag(keys) ? { $object: tree } : tree;
  }

  private writeList(list: readonly unknown[]): unknown[] {
    const tree: unknown[] = [];
    let holes = 0;
    let index = 0;
    try {
      for (; index < list.length; index++) {
        const element = list[index];
        if (element === undefined && !(index in list) && ++holes > MAX_HOLES) {
          throw new Unwritable(`a sparse array (more than ${MAX_HOLES} holes)`);
        }
        tree.push(this.write(element));
      }
    } catch (error) {
      throw reachedBy(index, error);
    }
    return tree;
  }

  /** The pairs of a Map are ours, not the application's: they are neither counted nor tagged. */
  private writeEntries(entries: Iterable<Entry>): unknown[] {
    const tree: unknown[] = [];
    try {
      for (const [key, value] of entries) tree.push([this.write(key), this.write(value)]);
    } catch (error) {
      throw reachedBy({ entry: tree.length }, error);
    }
    return tree;
  }

  private writeBytes(className: string, bytes: Uint8Array): unknown {
    return { $bytes: [className, this.style.writeBytes(bytes)] };
  }
}
