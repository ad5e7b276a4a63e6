import { SessionUnstorableValueError } from '../core/errors.js';
import { kindOfObject, MAX_HOLES, MAX_NESTING } from '../core/storable.js';
import { looksLikeTag, type TagStyle } from './tags.js';

/** Objects of one value, each counted as often as it is written: a bound on what shared references can blow up to. */
const MAX_OBJECTS = 1_000_000;

/**
 * The plain data that stands for a value. The tree is new, so the format's encoder meets no getter and no
 * toJSON of the application's. Throws SessionUnstorableValueError; the message is a reason as
 * `findUnstorable` gives them.
 */
export function writeTags(value: unknown, style: TagStyle): unknown {
  return typeof value === 'object' && value !== null
    ? new TagWriter(style).write(value)
    : writeLeaf(value, style);
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
      throw new SessionUnstorableValueError('a function');
    case 'symbol':
      throw new SessionUnstorableValueError('a symbol');
    default:
      return null;
  }
}

class TagWriter {
  /** With references: every object written so far, by its number. Without: those being written right now. */
  private readonly seen = new Map<object, number>();
  private written = 0;
  private depth = 0;

  constructor(private readonly style: TagStyle) {}

  write(value: unknown): unknown {
    return typeof value === 'object' && value !== null
      ? this.writeObject(value)
      : writeLeaf(value, this.style);
  }

  private writeObject(value: object): unknown {
    const earlier = this.seen.get(value);
    if (earlier !== undefined) {
      if (this.style.references) return { $ref: earlier };
      throw new SessionUnstorableValueError(`a cycle, which the ${this.style.name} cannot keep`);
    }
    if (this.depth >= MAX_NESTING + 1) {
      throw new SessionUnstorableValueError(`nested too deeply (more than ${MAX_NESTING} levels)`);
    }
    if (this.written === MAX_OBJECTS) {
      throw new SessionUnstorableValueError(`too large (more than ${MAX_OBJECTS} objects)`);
    }
    this.seen.set(value, this.written++);
    this.depth++;
    const tagged = this.writeKind(value);
    this.depth--;
    if (!this.style.references) this.seen.delete(value);
    return tagged;
  }

  private writeKind(value: object): unknown {
    const found = kindOfObject(value);
    switch (found.kind) {
      case 'object':
        return this.writePlain(value as Record<string, unknown>);
      case 'array':
        return this.writeList(value as unknown[]);
      case 'date':
        return { $date: this.style.writeDate(new Date(Date.prototype.getTime.call(value))) };
      case 'regexp':
        return { $regexp: [(value as RegExp).source, (value as RegExp).flags] };
      case 'map':
        return { $map: this.writeList([...Map.prototype.entries.call(value)], true) };
      case 'set':
        return { $set: this.writeList([...Set.prototype.values.call(value)]) };
      case 'error':
        return { $error: [found.className, this.write(String((value as Error).message))] };
      case 'buffer':
        return this.writeBytes('Buffer', value as Uint8Array);
      case 'arraybuffer':
        return this.writeBytes('ArrayBuffer', new Uint8Array(value as ArrayBuffer));
      case 'view': {
        const { buffer, byteOffset, byteLength } = value as ArrayBufferView;
        return this.writeBytes(found.className, new Uint8Array(buffer, byteOffset, byteLength));
      }
      case 'refused':
        throw new SessionUnstorableValueError(found.reason);
    }
  }

  private writePlain(value: Record<string, unknown>): unknown {
    const keys = Object.keys(value);
    const tree: Record<string, unknown> = {};
    for (const key of keys) {
      if (key === '__proto__') {
        throw new SessionUnstorableValueError('an object with an own property named __proto__');
      }
      if (!this.style.holdsKey(key)) {
        throw new SessionUnstorableValueError(`a key that the ${this.style.name} cannot keep`);
      }
      tree[key] = this.write(value[key]);
    }
    return looksLikeTag(keys) ? { $object: tree } : tree;
  }

  private writeList(list: readonly unknown[], pairs = false): unknown[] {
    const tree: unknown[] = [];
    let holes = 0;
    for (let index = 0; index < list.length; index++) {
      const element = list[index];
      if (element === undefined && !(index in list) && ++holes > MAX_HOLES) {
        throw new SessionUnstorableValueError(`a sparse array (more than ${MAX_HOLES} holes)`);
      }
      // The pairs of a Map are ours, not the application's: they are neither counted nor tagged.
      tree.push(pairs ? this.writeList(element as unknown[]) : this.write(element));
    }
    return tree;
  }

  private writeBytes(className: string, bytes: Uint8Array): unknown {
    return { $bytes: [className, this.style.writeBytes(bytes)] };
  }
}
