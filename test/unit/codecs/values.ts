import { runInNewContext } from 'node:vm';

/** A storable value by what it is; made anew on each call, so that tests may change it. */
export type ValueTable = ReadonlyArray<readonly [name: string, make: () => unknown]>;

const bytes = [0, 1, 127, 128, 254, 255, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16];
const buffer = () => new Uint8Array(bytes).buffer;
const many = (count: number, make: (index: number) => unknown) =>
  Array.from({ length: count }, (_, i) => make(i));

/** Every kind of value that both codecs keep. */
export const storable: ValueTable = [
  ['null', () => null],
  ['undefined', () => undefined],
  ['booleans', () => [true, false]],
  [
    'integers',
    () => [
      0,
      1,
      31,
      32,
      63,
      64,
      127,
      128,
      255,
      256,
      65535,
      65536,
      2 ** 31,
      2 ** 32,
      2 ** 53,
      -1,
      -32,
      -33,
      -129,
      -32769,
      -(2 ** 31) - 1,
    ],
  ],
  ['floats', () => [0.1, -0.5, 1e308, 5e-324, Math.PI]],
  ['special numbers', () => [NaN, Infinity, -Infinity]],
  ['-0', () => -0],
  ['-0 inside', () => ({ a: [-0, 0] })],
  [
    'bigints',
    () => [
      0n,
      5n,
      -5n,
      2n ** 63n - 1n,
      2n ** 63n,
      -(2n ** 63n),
      -(2n ** 63n) - 1n,
      2n ** 64n,
      2n ** 80n,
      -(2n ** 2000n),
    ],
  ],
  ['empty string', () => ''],
  [
    'strings',
    () => [
      'a',
      'ä',
      '€',
      '😀',
      '\0',
      '"\\\n',
      'x'.repeat(31),
      'x'.repeat(64),
      'ü'.repeat(300),
      'x'.repeat(70_000),
    ],
  ],
  [
    'byte order marks',
    () => [
      '\uFEFF',
      `\uFEFF${'x'.repeat(100)}`,
      `\uFEFF\uFEFF${'ü'.repeat(100)}`,
      `a\uFEFF${'x'.repeat(100)}`,
    ],
  ],
  [
    'dates',
    () => [
      new Date(0),
      new Date(1),
      new Date(-1),
      new Date('2026-01-02T03:04:05.678Z'),
      new Date(8.64e15),
      new Date(-8.64e15),
      new Date(2 ** 32 * 1000 + 1),
    ],
  ],
  ['invalid date', () => new Date(NaN)],
  ['regexps', () => [/a/, /x\/[y"]/gimsuy, new RegExp('')]],
  [
    'errors',
    () => [
      new Error('a'),
      new TypeError('b'),
      new RangeError(''),
      new SyntaxError('c'),
      new ReferenceError('d'),
      new EvalError('e'),
      new URIError('\uFEFFf'),
    ],
  ],
  [
    'Map',
    () =>
      new Map<unknown, unknown>([
        ['a', 1],
        [2, 'b'],
        [{ k: 1 }, [1]],
        [new Date(5), new Map([[null, undefined]])],
      ]),
  ],
  ['empty Map', () => new Map()],
  ['Set', () => new Set<unknown>([1, 'a', new Date(7), new Set([1n]), { a: 1 }, undefined])],
  ['Map next to an object', () => [new Map([['a', 1]]), { a: 1 }]],
  ['Buffer', () => Buffer.from(bytes)],
  ['empty Buffer', () => Buffer.alloc(0)],
  ['large Buffer', () => Buffer.alloc(70_000, 1)],
  ['Buffer in a Map', () => new Map([['b', Buffer.from(bytes)]])],
  ['ArrayBuffer', () => buffer()],
  ['DataView', () => new DataView(buffer())],
  ['Int8Array', () => new Int8Array(buffer())],
  ['Uint8Array', () => new Uint8Array(buffer())],
  ['Uint8ClampedArray', () => new Uint8ClampedArray(buffer())],
  ['Int16Array', () => new Int16Array(buffer())],
  ['Uint16Array', () => new Uint16Array(buffer())],
  ['Int32Array', () => new Int32Array(buffer())],
  ['Uint32Array', () => new Uint32Array(buffer())],
  ['Float32Array', () => new Float32Array([1.5, NaN, -0])],
  ['Float64Array', () => new Float64Array([0.1, Infinity])],
  ['BigInt64Array', () => new BigInt64Array(buffer())],
  ['BigUint64Array', () => new BigUint64Array(buffer())],
  [
    'part of a buffer',
    () => [new Uint16Array(buffer(), 2, 3), new DataView(buffer(), 3, 4), Buffer.from(bytes).subarray(3, 6)],
  ],
  ['empty object and array', () => [{}, []]],
  ['integer-like keys', () => ({ b: 1, 2: 2, 1: 3 })],
  [
    'hostile keys',
    () => ({
      constructor: 1,
      toString: 2,
      hasOwnProperty: 3,
      toJSON: 4,
      then: 5,
      length: 6,
      valueOf: 7,
      '': 8,
      'a.b': 9,
      '\0': 10,
      __keys__: 11,
      prototype: { __keys__: {} },
    }),
  ],
  ['keys of msgpackr itself', () => [{ __keys__: 1 }, {}, { __keys__: { __keys__: 2 } }, { length: 1 }, {}]],
  [
    'objects like tags',
    () => [
      { $date: 'x' },
      { $object: { $ref: 0 } },
      { $map: [] },
      { $: 1 },
      { $a: 1, $b: 2 },
      { $set: 1, x: 2 },
    ],
  ],
  [
    'cart',
    () => ({
      user: { name: 'Ann', roles: ['a'] },
      cart: [
        { sku: 'x', n: 1 },
        { sku: 'y', n: 2 },
      ],
      at: new Date(3),
    }),
  ],
  [
    '150 shapes, twice',
    () => [...many(150, (i) => ({ [`k${i}`]: i })), ...many(150, (i) => ({ [`k${i}`]: i }))],
  ],
  ['300 keys', () => Object.fromEntries(many(300, (i) => [`key-${i}`, { i }]) as [string, unknown][])],
  ['70 000 keys', () => Object.fromEntries(many(70_000, (i) => [`k${i}`, i]) as [string, unknown][])],
  [
    'arrays of arrays of objects',
    () => many(20, () => many(20, (i) => ({ id: i, name: `n${i}`, tags: [{ t: i }] }))),
  ],
  [
    'another realm',
    () =>
      runInNewContext(
        '({ m: new Map([[1, new Date(5)]]), s: new Set(["x"]), r: /a/g, e: new TypeError("t"), l: [1, { a: 1 }], u: new Int16Array([1, 2]), b: new ArrayBuffer(2), v: new DataView(new ArrayBuffer(3)) })',
      ) as unknown,
  ],
  [
    'deep',
    () => {
      let value: unknown = 1;
      for (let i = 0; i < 249; i++) value = new Map([['k', [value]]]);
      return value;
    },
  ],
];

/** What an object of any realm is. */
export function classOf(value: unknown): string {
  return Buffer.isBuffer(value) ? 'Buffer' : Object.prototype.toString.call(value).slice(8, -1);
}
