import { ERROR_CLASSES, type ErrorClass, VIEW_CLASSES, type ViewClass } from '../core/object-kind.js';
import { MAX_NESTING } from '../core/storable.js';
import { looksLikeTag, type TagStyle } from './tags.js';

/**
 * Turns what `writeTags` gave back into the value, reusing the tree. Throws on anything that it cannot have written.
 */
export function readTags(tree: unknown, style: TagStyle): unknown {
  return typeof tree === 'object' && tree !== null ? new TagReader(style).read(tree) : readLeaf(tree, style);
}

function readLeaf(leaf: unknown, style: TagStyle): unknown {
  if (typeof leaf === 'boolean' || leaf === null) return leaf;
  if (typeof leaf === 'function' || typeof leaf === 'symbol') throw notWritten();
  return style.holds(leaf as number | bigint | string | undefined) ? leaf : fail();
}

const ERRORS: Record<ErrorClass, new (message: string) => Error> = {
  Error,
  EvalError,
  RangeError,
  ReferenceError,
  SyntaxError,
  TypeError,
  URIError,
};

const VIEWS: Record<ViewClass, new (buffer: ArrayBuffer) => ArrayBufferView> = {
  Int8Array,
  Uint8Array,
  Uint8ClampedArray,
  Int16Array,
  Uint16Array,
  Int32Array,
  Uint32Array,
  Float32Array,
  Float64Array,
  BigInt64Array,
  BigUint64Array,
  DataView,
};

class TagReader {
  /** The objects read so far, by their number. */
  private readonly objects: object[] = [];
  private depth = 0;

  constructor(private readonly style: TagStyle) {}

  read(tree: unknown): unknown {
    if (typeof tree !== 'object' || tree === null) return readLeaf(tree, this.style);
    // A guard against hostile nesting: the limit of the writer, and room for its own levels.
    if (++this.depth > MAX_NESTING + 2) throw notWritten();
    const value = Array.isArray(tree) ? this.readArray(tree as unknown[]) : this.readObject(tree);
    this.depth--;
    return value;
  }

  private readObject(tree: object): unknown {
    if (Object.getPrototypeOf(tree) !== Object.prototype) throw notWritten();
    const keys = Object.keys(tree);
    if (!looksLikeTag(keys)) return this.readPlain(keys, tree as Record<string, unknown>);
    const tag = keys[0] as string;
    return this.readTag(tag, (tree as Record<string, unknown>)[tag]);
  }

  /** In place: the format's decoder has just made the tree. */
  private readPlain(keys: readonly string[], tree: Record<string, unknown>): object {
    this.keep(tree);
    for (const key of keys) {
      if (key === '__proto__') throw notWritten();
      const written = tree[key];
      const value = this.read(written);
      if (value !== written) tree[key] = value;
    }
    return tree;
  }

  private readArray(tree: unknown[]): unknown[] {
    this.keep(tree);
    for (let index = 0; index < tree.length; index++) {
      const value = this.read(tree[index]);
      if (value !== tree[index]) tree[index] = value;
    }
    return tree;
  }

  private readTag(tag: string, content: unknown): unknown {
    switch (tag) {
      case '$object':
        if (typeof content !== 'object' || content === null) throw notWritten();
        if (Object.getPrototypeOf(content) !== Object.prototype) throw notWritten();
        return this.readPlain(Object.keys(content), content as Record<string, unknown>);
      case '$map':
        return this.readMap(listOf(content));
      case '$set': {
        const set = this.keep(new Set<unknown>());
        for (const member of listOf(content)) set.add(this.read(member));
        return set;
      }
      case '$date':
        return this.keep(this.style.readDate(content));
      case '$regexp': {
        const [source, flags] = listOf(content, 2);
        return this.keep(new RegExp(textOf(source), textOf(flags)));
      }
      case '$error': {
        const [className, message] = listOf(content, 2);
        const ErrorClass = ERRORS[ERROR_CLASSES.find((name) => name === className) ?? fail()];
        return this.keep(new ErrorClass(textOf(this.read(message))));
      }
      case '$bytes': {
        const [className, bytes] = listOf(content, 2);
        return this.keep(this.readBytes(className, this.style.readBytes(bytes)));
      }
      case '$ref':
        return (this.style.references && typeof content === 'number' && this.objects[content]) || fail();
      case '$string': {
        const text = textOf(content);
        return text.startsWith('.') ? text.slice(1) : fail();
      }
      case '$number': {
        const text = textOf(content);
        return /^(?:NaN|-?Infinity|-0)$/.test(text) ? Number(text) : fail();
      }
      case '$bigint': {
        const text = textOf(content);
        return /^(?:0|-?[1-9]\d*)$/.test(text) ? BigInt(text) : fail();
      }
      case '$undefined':
        return content === true ? undefined : fail();
      default:
        throw notWritten();
    }
  }

  private readMap(pairs: readonly unknown[]): Map<unknown, unknown> {
    const map = this.keep(new Map<unknown, unknown>());
    for (const pair of pairs) {
      const [key, value] = listOf(pair, 2);
      const readKey = this.read(key);
      map.set(readKey, this.read(value));
    }
    return map;
  }

  private readBytes(className: unknown, { buffer }: Uint8Array<ArrayBuffer>): object {
    if (className === 'Buffer') return Buffer.from(buffer);
    if (className === 'ArrayBuffer') return buffer;
    return new VIEWS[VIEW_CLASSES.find((name) => name === className) ?? fail()](buffer);
  }

  private keep<T extends object>(value: T): T {
    if (this.style.references) this.objects.push(value);
    return value;
  }
}

function listOf(content: unknown, length?: number): readonly unknown[] {
  if (!Array.isArray(content) || (length !== undefined && content.length !== length)) throw notWritten();
  return content as readonly unknown[];
}

function textOf(content: unknown): string {
  return typeof content === 'string' ? content : fail();
}

function fail(): never {
  throw notWritten();
}

function notWritten(): Error {
  return new Error('unexpected content');
}
