import { decode, encode } from '@msgpack/msgpack';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { unpackMessage } from '../../../lib/codecs/message-pack-reader.js';
import { packMessage } from '../../../lib/codecs/message-pack-writer.js';
import { msgpackCodec } from '../../../lib/codecs/msgpack.js';
import { storable } from './values.js';

/** What release 0.1 wrote for each value of `storable`: hex, or a hash of what is long. */
const OF_0_1 = JSON.parse(readFileSync(new URL('./msgpack-of-0.1.json', import.meta.url), 'utf8')) as Record<
  string,
  string
>;

/** A value that is written otherwise looks changed to whoever reads it, and is then written over somebody's change. */
describe('the bytes of release 0.1', () => {
  it.each(storable)('are those of this one: %s', (name, make) => {
    const bytes = Buffer.from(msgpackCodec.encode(make()));
    const expected = OF_0_1[name];
    if (expected?.startsWith('sha256:')) {
      expect(`sha256:${createHash('sha256').update(bytes).digest('hex')}`).toBe(expected);
    } else {
      expect(bytes.toString('hex')).toBe(expected);
    }
  });
});

describe('plain data', () => {
  const plain = fc
    .anything({ maxDepth: 4, withNullPrototype: false, withSparseArray: false })
    .filter(
      (value) =>
        !JSON.stringify(value ?? null)?.includes('__proto__') && !holdsUndefinedOrNegativeZero(value),
    );
  const lengths = [0, 1, 11, 12, 13, 15, 16, 24, 25, 31, 32, 84, 85, 86, 255, 256, 65_535, 65_536];
  const texts = lengths.flatMap((length) => ['x', 'ü', '€'].map((unit) => unit.repeat(length)));
  const numbers = [7, 8, 15, 16, 31, 32, 53].flatMap((bits) =>
    [-1, 0, 1].flatMap((by) => [2 ** bits + by, -(2 ** bits) + by]),
  );
  const bytes = lengths.map((length) => new Uint8Array(length).fill(7));
  const lists = lengths.map((length) => new Array<number>(length).fill(1));
  const maps = lengths.map((length) =>
    Object.fromEntries(lists[0]!.concat(new Array<number>(length).fill(0)).map((_, i) => [`k${i}`, i])),
  );

  it.each<[string, unknown[]]>([
    ['texts', texts],
    ['numbers', numbers],
    ['bytes', bytes],
    ['lists', lists],
    ['maps', maps],
  ])('is written as @msgpack/msgpack writes it, at each border: %s', (_what, values) => {
    for (const value of values) {
      const packed = packMessage(value);
      expect(packed.equals(encode(value, { useBigInt64: true }))).toBe(true);
      expect(unpackMessage(packed)).toEqual(value);
    }
  });

  it('is written and read as @msgpack/msgpack does', () => {
    fc.assert(
      fc.property(plain, (value) => {
        const packed = packMessage(value);
        expect(packed.equals(encode(value, { useBigInt64: true }))).toBe(true);
        expect(unpackMessage(packed)).toStrictEqual(decode(packed, { useBigInt64: true }));
      }),
      { numRuns: 500 },
    );
  });

  it('is read in forms that other writers choose', () => {
    const forms: [number[], unknown][] = [
      [[0xca, 0x3f, 0x80, 0, 0], 1],
      [[0xcf, 0, 0, 0, 0, 0, 0, 0, 5], 5n],
      [[0xda, 0, 1, 0x61], 'a'],
      [[0xdc, 0, 1, 1], [1]],
      [[0xde, 0, 1, 0xa1, 0x61, 1], { a: 1 }],
    ];
    for (const [form, value] of forms) expect(unpackMessage(Uint8Array.from(form))).toEqual(value);
  });
});

describe('undefined', () => {
  it('is an extension, which a reader that does not know it can tell from null', () => {
    const packed = packMessage([undefined, null]);
    expect(decode(packed)).toMatchObject([{ type: 0 }, null]);
  });
});

describe('hostile bytes', () => {
  it('take no memory for what they only claim', () => {
    // 20 000 lists of 65 535 each, in each other: 10 GB if room were made in advance.
    const claimed = Buffer.alloc(60_000);
    for (let at = 0; at < claimed.length; at += 3) claimed.writeUIntBE(0xdcffff, at, 3);
    expect(() => unpackMessage(claimed)).toThrow('unexpected content');
    expect(() => unpackMessage(Uint8Array.of(0xdd, 0x01, 0xff, 0xff, 0xff))).toThrow('unexpected content');
  });

  it.each<[string, number[]]>([
    ['a map with a number as its key', [0x81, 1, 1]],
    ['an own __proto__', [0x81, 0xa9, ...Buffer.from('__proto__'), 0x80]],
    ['another extension', [0xd4, 1, 0]],
    ['an extension of another value', [0xd4, 0, 1]],
    ['a timestamp', [0xd6, 0xff, 0, 0, 0, 1]],
    ['no bytes at all', []],
    ['two values', [1, 1]],
    ['text cut short', [0xa2, 0x61]],
  ])('are refused: %s', (_what, bytes) => {
    expect(() => unpackMessage(Uint8Array.from(bytes))).toThrow();
  });
});

/** Which have no form of their own in MessagePack. */
function holdsUndefinedOrNegativeZero(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return value === undefined || Object.is(value, -0);
  return Object.values(value).some(holdsUndefinedOrNegativeZero);
}
