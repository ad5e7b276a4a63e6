import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { jsonCodec } from '../../../lib/codecs/json.js';
import { msgpackCodec } from '../../../lib/codecs/msgpack.js';
import { encodeIfChanged, encodeStorable, UNCHANGED } from '../../../lib/core/encoding.js';
import { ownCodec } from '../../support/own-codec.js';

/** Stands for the same thing each time, as an ObjectId does for its text. */
class Standing {
  constructor(readonly form: unknown) {}
  toJSON(): unknown {
    return this.form;
  }
}

/** Stands for a thing that is made anew each time. */
class Making {
  constructor(readonly form: unknown) {}
  toJSON(): unknown {
    return { form: this.form };
  }
}

class Holding {
  constructor(readonly held: unknown) {}
}

class Listing extends Array<unknown> {
  toJSON(): unknown {
    return this;
  }
}

const leaf = fc.oneof(
  fc.constantFrom(0, -0, NaN, Infinity, 1, 'a', 'b', '', '\uFEFFa', true, null, undefined, 1n, 2n ** 70n),
  fc.constantFrom(new Date(5), new Date(NaN), /a/g, new TypeError('a'), Buffer.from('a'), new Uint16Array(2)),
  fc.constantFrom(new String('a'), new Number(-0), new Number(NaN), new URL('http://shop.test/')),
);
const KINDS = ['list', 'object', 'set', 'map', 'standing', 'making', 'holding', 'listing'] as const;

/** A leaf, or what is made of earlier nodes: few of them, so that much is shared and much is equal. */
type Node = readonly [kind: (typeof KINDS)[number], parts: readonly number[], leaf: unknown];

const nodes = fc.array(fc.tuple(fc.constantFrom(...KINDS), fc.array(fc.nat(30), { maxLength: 5 }), leaf), {
  minLength: 1,
  maxLength: 14,
});

function valueOf(list: readonly Node[]): unknown {
  const made: unknown[] = list.map(([, , plain]) => plain);
  for (const [kind, parts] of list)
    made.push(
      assembled(
        kind,
        parts.map((part) => made[part % made.length]),
      ),
    );
  return made.at(-1);
}

function assembled(kind: Node[0], parts: readonly unknown[]): unknown {
  const pairs = parts.map((part, n): [unknown, unknown] => [part, parts[parts.length - 1 - n]]);
  switch (kind) {
    case 'list':
      return [...parts];
    case 'object':
      return Object.fromEntries(parts.map((part, n) => [`$${n}`, part]));
    case 'set':
      return new Set(parts.flatMap((part) => [part, new Standing(part)]));
    case 'map':
      return new Map([
        ...pairs,
        ...pairs.map(([key, value]): [unknown, unknown] => [new Standing(key), value]),
      ]);
    case 'standing':
      return new Standing(parts[0]);
    case 'making':
      return new Making(parts[0]);
    case 'holding':
      return new Holding(parts[0]);
    case 'listing':
      return Listing.from(parts);
  }
}

describe.each([msgpackCodec, jsonCodec, ownCodec])('what the $name codec has written', (codec) => {
  const written = (value: unknown): Uint8Array => {
    const bytes = encodeStorable(codec, value);
    if ('reason' in bytes) throw new Error(bytes.reason);
    return bytes;
  };

  it('gives the same bytes again when it is read, so that reading is no change', () => {
    fc.assert(
      fc.property(nodes, (list) => {
        const value = valueOf(list);
        const bytes = encodeStorable(codec, value);
        // What is shared is written out by the json codec, and may be too large then.
        fc.pre(!('reason' in bytes));
        expect(Buffer.from(written(value)).equals(bytes)).toBe(true);
        expect(encodeIfChanged(codec, codec.decode(bytes), bytes)).toBe(UNCHANGED);
      }),
      { numRuns: 1000 },
    );
  });

  const id = (text: unknown): Standing => new Standing(text);
  const shared = { n: 1 };

  it.each<[string, () => unknown, unknown]>([
    ['equal instances in a Set', () => new Set([id('a'), id('b'), id('a')]), new Set(['a', 'b'])],
    ['an instance beside its form', () => new Set(['a', id('a'), 'b']), new Set(['a', 'b'])],
    [
      'equal URLs',
      () => new Set([new URL('http://shop.test/'), new URL('http://shop.test/')]),
      new Set(['http://shop.test/']),
    ],
    ['instances that stand for NaN', () => new Set([id(NaN), id(NaN)]), new Set([NaN])],
    ['an instance that stands for -0', () => new Set([id(-0)]), new Set([0])],
    ['one that stands for one', () => new Set([new Holding(id('a')), id(id('a'))]), undefined],
    [
      'instances with one object for a form',
      () => new Set([id(shared), id(shared), shared]),
      new Set([shared]),
    ],
    [
      'equal keys: the first place, the last value',
      () => new Map<unknown, unknown>([[id('a'), 1], ['b', 2], ['a', [3]]]), // prettier-ignore
      new Map<unknown, unknown>([['a', [3]], ['b', 2]]), // prettier-ignore
    ],
    ['a key that stands for -0', () => new Map([[id(-0), 1]]), new Map([[0, 1]])],
    [
      'a value of an entry that gives way, which is elsewhere too',
      () => [new Map([[id('a'), shared], [id('a'), { n: 2 }]]), shared, { n: 3 }], // prettier-ignore
      [new Map([['a', { n: 2 }]]), { n: 1 }, { n: 3 }],
    ],
    [
      'inside an instance, inside a Map',
      () => new Map([['k', new Holding(new Set([id(1), id(1)]))]]),
      new Map([['k', { held: new Set([1]) }]]),
    ],
  ])('has one for %s', (_name, make, plain) => {
    const bytes = written(make());
    const read = codec.decode(bytes);
    if (plain !== undefined) expect(read).toStrictEqual(plain);
    expect(encodeIfChanged(codec, read, bytes)).toBe(UNCHANGED);
  });
});
