import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { types, isDeepStrictEqual } from 'node:util';
import { SessionUnstorableValueError } from '../../../lib/core/errors.js';
import { findUnstorable } from '../../../lib/core/storable.js';
import { jsonCodec } from '../../../lib/codecs/json.js';
import { msgpackCodec } from '../../../lib/codecs/msgpack.js';
import { classOf, storable } from './values.js';

/** Equal in content and in the class of everything inside, whatever realm it is from. */
function expectSame(actual: unknown, expected: unknown): void {
  expect(classOf(actual)).toBe(classOf(expected));
  if (expected instanceof Object === false && typeof expected !== 'object') {
    expect(actual).toBe(expected);
  } else if (Array.isArray(expected)) {
    const array = actual as unknown[];
    expect(array.length).toBe(expected.length);
    expected.forEach((element, index) => expectSame(array[index], element));
  } else if (types.isMap(expected) || types.isSet(expected)) {
    expectSame([...(actual as Iterable<unknown>)], [...expected]);
  } else if (types.isNativeError(expected)) {
    expect([(actual as Error).name, (actual as Error).message]).toEqual([expected.name, expected.message]);
    expect(Object.keys(actual as Error)).toEqual([]);
  } else if (types.isDate(expected)) {
    expect((actual as Date).getTime()).toBe(expected.getTime());
  } else if (types.isRegExp(expected)) {
    expect(String(actual)).toBe(String(expected));
  } else if (types.isAnyArrayBuffer(expected) || ArrayBuffer.isView(expected)) {
    expect(bytesOf(actual)).toEqual(bytesOf(expected));
    expect((actual as object).constructor.name).toBe((expected as object).constructor.name);
  } else if (expected !== null) {
    const [a, e] = [actual as Record<string, unknown>, expected as Record<string, unknown>];
    const keys = Object.keys(e);
    expect(Object.keys(a).join('\n')).toBe(keys.join('\n'));
    if (keys.length < 1000) for (const key of keys) expectSame(a[key], e[key]);
    else expect(isDeepStrictEqual(a, e)).toBe(true);
  }
}

function bytesOf(value: unknown): number[] {
  if (!ArrayBuffer.isView(value)) return [...new Uint8Array(value as ArrayBuffer)];
  return [...new Uint8Array(value.buffer, value.byteOffset, value.byteLength)];
}

function nested(levels: number): unknown {
  let value: unknown = [];
  for (let level = 1; level < levels; level++) value = [value];
  return value;
}

describe.each([msgpackCodec, jsonCodec])('the $name codec', (codec) => {
  describe.each(storable)('%s', (_name, make) => {
    it('is storable and comes back the same', () => {
      expect(findUnstorable(make())).toBeUndefined();
      expectSame(codec.decode(codec.encode(make())), make());
    });

    it('gives the same bytes each time, and again after decoding', () => {
      const bytes = Buffer.from(codec.encode(make()));
      expect(bytes.equals(codec.encode(make()))).toBe(true);
      expect(bytes.equals(codec.encode(codec.decode(bytes)))).toBe(true);
    });
  });

  it('hands out bytes that later calls leave alone and that hold no more than the value', () => {
    const first = codec.encode({ name: 'Ann' });
    const copy = Buffer.from(first);
    for (let i = 0; i < 3000; i++) codec.encode({ i, text: 'x'.repeat(i % 50) });
    expect(copy.equals(first)).toBe(true);
    expect(first.buffer.byteLength).toBe(first.byteLength);
  });

  it('keeps decoded bytes apart from the encoded ones', () => {
    const value = [
      Buffer.from([1, 2, 3]),
      new Uint8Array([1, 2, 3]),
      new Float64Array([1]),
      new Uint8Array([1, 2, 3]).buffer,
      new DataView(new ArrayBuffer(3)),
    ];
    const bytes = codec.encode(value);
    const copy = Buffer.from(bytes);
    for (const part of codec.decode(bytes) as unknown[]) {
      const memory = ArrayBuffer.isView(part) ? part : new Uint8Array(part as ArrayBuffer);
      new Uint8Array(memory.buffer, memory.byteOffset, memory.byteLength).fill(0xee);
      if (!Buffer.isBuffer(part)) expect(memory.buffer.byteLength).toBe(memory.byteLength);
    }
    expect(copy.equals(bytes)).toBe(true);
    expect(Reflect.ownKeys(bytes).filter((key) => Number.isNaN(Number(key)))).toEqual([]);

    const decoded = codec.decode(bytes);
    bytes.fill(0);
    expectSame(decoded, value);
  });

  it('sees a change inside a value as other bytes', () => {
    const bytes = codec.encode(new Map([['cart', [new Date(1)]]]));
    const value = codec.decode(bytes) as Map<string, Date[]>;
    value.get('cart')?.[0]?.setTime(2);
    expect(codec.encode(value)).not.toEqual(bytes);
  });

  it('brings holes back as undefined', () => {
    const holed: unknown[] = [1];
    holed[3] = 2;
    const decoded = codec.decode(codec.encode(holed)) as unknown[];
    expect(decoded).toStrictEqual([1, undefined, undefined, 2]);
  });

  it('does not let one call change the next', () => {
    const bytes = codec.encode([{ a: 1 }, { __keys__: 2 }]);
    expect(() => codec.encode({ a: { b: () => 1 } })).toThrow();
    expect(() => codec.decode(bytes.subarray(1))).toThrow();
    expect(codec.encode([{ a: 1 }, { __keys__: 2 }])).toEqual(bytes);
    expect(codec.decode(bytes)).toEqual([{ a: 1 }, { __keys__: 2 }]);
  });

  describe('given what is not storable', () => {
    const sparse: unknown[] = [];
    sparse[2 ** 32 - 2] = 1;
    it.each<[string, unknown, string]>([
      ['function', { f: () => 1 }, 'a function'],
      ['symbol', [Symbol('s')], 'a symbol'],
      ['promise', [Promise.resolve()], 'a Promise'],
      ['own __proto__', { a: JSON.parse('{"__proto__":1}') as unknown }, '__proto__'],
      ['nesting', nested(100_000), 'nested too deeply'],
      ['sparse array', sparse, 'a sparse array'],
      [
        'Proxy',
        new Proxy(
          {},
          {
            ownKeys: () => {
              throw new Error('trap');
            },
          },
        ),
        'a Proxy',
      ],
    ])('refuses a %s with the reason', (_name, value, reason) => {
      expect(() => codec.encode(value)).toThrow(SessionUnstorableValueError);
      expect(() => codec.encode(value)).toThrow(reason);
    });
  });

  describe('given bytes it did not write', () => {
    it('throws for a truncated or prolonged value, and quotes nothing', () => {
      const bytes = Buffer.from(codec.encode({ secret: ['canary', 5, new Map([['canary', 1]])] }));
      const damaged = Array.from({ length: bytes.length }, (_, end) => bytes.subarray(0, end));
      for (const part of [
        ...damaged,
        Buffer.concat([bytes, bytes]),
        Buffer.concat([bytes, Buffer.from([0x61])]),
      ]) {
        const error = thrownBy(() => codec.decode(part));
        expect(error.message).toBe(`The bytes are not a value that the ${codec.name} codec wrote.`);
        expect(error.cause).toBeUndefined();
      }
    });

    it('neither hangs nor pollutes, whatever the bytes', () => {
      fc.assert(
        fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
          try {
            codec.decode(bytes);
          } catch (error) {
            expect((error as Error).message).toContain('The bytes are not a value');
          }
          expect(Object.keys(Object.prototype)).toEqual([]);
        }),
        { numRuns: 2000 },
      );
    });

    it('survives any flipped byte', () => {
      const bytes = Buffer.from(
        codec.encode(
          storable
            .filter(([name]) => /^(Map|Set|dates|errors|regexps|cart|Buffer|objects)/.test(name))
            .map(([, make]) => make()),
        ),
      );
      for (let at = 0; at < bytes.length; at++) {
        for (const mask of [1, 0x80, 0xff]) {
          const damaged = Buffer.from(bytes);
          damaged[at] = (damaged[at] ?? 0) ^ mask;
          try {
            codec.decode(damaged);
          } catch (error) {
            expect((error as Error).message).toContain('The bytes are not a value');
          }
        }
      }
    });
  });

  it('keeps whatever is plain', () => {
    const anything = fc.anything({
      withBigInt: true,
      withDate: true,
      withMap: true,
      withSet: true,
      withTypedArray: true,
      withObjectString: true,
      withSparseArray: false,
      withNullPrototype: false,
    });
    fc.assert(
      fc.property(anything, (value) => {
        fc.pre(findUnstorable(value) === undefined);
        const bytes = codec.encode(value);
        const decoded = codec.decode(bytes);
        expectSame(decoded, value);
        expect(codec.encode(decoded)).toEqual(bytes);
      }),
      { numRuns: 300 },
    );
  });
});

function thrownBy(act: () => unknown): Error {
  try {
    act();
  } catch (error) {
    return error as Error;
  }
  throw new Error('nothing was thrown');
}

describe('the msgpack codec with references', () => {
  const again = (value: unknown) => msgpackCodec.decode(msgpackCodec.encode(value));

  it('keeps what is shared shared', () => {
    const shared = { n: 1 };
    const date = new Date(5);
    const [a, b, map, d1, d2] = again([shared, { shared }, new Map([[shared, shared]]), date, date]) as [
      object,
      { shared: object },
      Map<object, object>,
      Date,
      Date,
    ];
    expect(b.shared).toBe(a);
    expect(map.get(a)).toBe(a);
    expect(d1).toBe(d2);
  });

  it('keeps cycles through every container', () => {
    const object: Record<string, unknown> = { $self: undefined };
    const array: unknown[] = [object];
    const map = new Map<unknown, unknown>([['array', array]]);
    const set = new Set<unknown>([map]);
    object.$self = set;
    map.set(map, map);
    const decoded = again(object) as { $self: Set<Map<unknown, unknown>> };
    const [back] = [...decoded.$self];
    expect((back?.get('array') as unknown[])[0]).toBe(decoded);
    expect(back?.get(back)).toBe(back);
    const bytes = msgpackCodec.encode(object);
    expect(msgpackCodec.encode(msgpackCodec.decode(bytes))).toEqual(bytes);
  });

  it('writes what is shared once', () => {
    let value: unknown = 'x'.repeat(100);
    for (let level = 0; level < 60; level++) value = [value, value];
    expect(msgpackCodec.encode(value).length).toBeLessThan(8000);
  });
});

describe('the msgpack codec and hostile bytes', () => {
  it.each<[string, number[]]>([
    ['an array of 4 billion', [0xdd, 0xff, 0xff, 0xff, 0xff]],
    ['nested arrays of 60 000', Array.from({ length: 60 }, () => [0xdc, 0xea, 0x60]).flat()],
    ['a map of 4 billion', [0xdf, 0xff, 0xff, 0xff, 0xff]],
    ['a string of 4 billion', [0xdb, 0xff, 0xff, 0xff, 0xff]],
    ['bytes of 4 billion', [0xc6, 0xff, 0xff, 0xff, 0xff]],
    ['an extension of 4 billion', [0xc9, 0xff, 0xff, 0xff, 0xff, 0x74]],
    ['the unused code', [0xc1]],
    ['an own __proto__', [0x81, 0xa9, ...Buffer.from('__proto__'), 0x81, 0xa1, 0x78, 1]],
    ['a structured-clone reference', [0xd6, 0x69, 0, 0, 0, 1, 0x91, 0xd6, 0x70, 0, 0, 0, 1]],
    ["msgpackr's own Set", [0xd4, 0x73, 0, 0x90]],
    ['an unknown tag', [0x81, 0xa2, 0x24, 0x78, 1]],
    ['a reference to nothing', [0x81, 0xa4, ...Buffer.from('$ref'), 5]],
  ])('refuses %s', (_name, bytes) => {
    const decode = () => msgpackCodec.decode(Uint8Array.from(bytes));
    expect(decode).toThrow('The bytes are not a value that the msgpack codec wrote.');
    expect(({} as Record<string, unknown>).x).toBeUndefined();
  });

  it('refuses references that would expand to 2 ** 60 arrays', () => {
    const id = (code: number, level: number) => [0xd6, code, 0, 0, 0, level];
    let bytes = [...id(0x69, 0), 0x90];
    for (let level = 1; level <= 60; level++) {
      bytes = [...id(0x69, level), 0x92, ...bytes, ...id(0x70, level - 1)];
    }
    expect(() => msgpackCodec.decode(Uint8Array.from(bytes))).toThrow('The bytes are not a value');
  });

  it('refuses 100 000 nested arrays', () => {
    expect(() => msgpackCodec.decode(Buffer.alloc(100_000, 0x91))).toThrow('The bytes are not a value');
  });

  it('refuses to write a key that begins with a byte order mark', () => {
    expect(() => msgpackCodec.encode({ '\uFEFFkey': 1 })).toThrow('a key that the msgpack codec cannot keep');
  });

  it('writes plain data as standard MessagePack', () => {
    expect(Buffer.from(msgpackCodec.encode({ a: [1, 100] })).toString('hex')).toBe('81a161920164');
  });
});

describe('the json codec as text', () => {
  it.each<[unknown, string]>([
    [['apple'], '["apple"]'],
    [{ name: 'Ann' }, '{"name":"Ann"}'],
    [5, '5'],
    [new Date('2026-01-02T03:04:05.678Z'), '{"$date":"2026-01-02T03:04:05.678Z"}'],
    [5n, '{"$bigint":"5"}'],
    [new Map([['k', 1]]), '{"$map":[["k",1]]}'],
    [new Set(['a']), '{"$set":["a"]}'],
    [undefined, '{"$undefined":true}'],
    [NaN, '{"$number":"NaN"}'],
    [-Infinity, '{"$number":"-Infinity"}'],
    [-0, '{"$number":"-0"}'],
    [/x/gi, '{"$regexp":["x","gi"]}'],
    [new TypeError('msg'), '{"$error":["TypeError","msg"]}'],
    [Buffer.from('hi'), '{"$bytes":["Buffer","aGk="]}'],
    [new Uint8Array([1]), '{"$bytes":["Uint8Array","AQ=="]}'],
    [{ $date: 1 }, '{"$object":{"$date":1}}'],
  ])('writes %p as %s', (value, text) => {
    expect(Buffer.from(jsonCodec.encode(value)).toString()).toBe(text);
  });

  it.each<[string]>([
    ['{"__proto__":{"x":1}}'],
    ['{"a":{"$object":{"__proto__":{"x":1}}}}'],
    ['{"$unknown":1}'],
    ['{"$bytes":["Function","AA=="]}'],
    ['{"$bytes":["Uint8Array","A*A="]}'],
    ['{"$bytes":["Float64Array","AA=="]}'],
    ['{"$error":["AggregateError","x"]}'],
    ['{"$error":["constructor","x"]}'],
    ['{"$regexp":["(","" ]}'],
    ['{"$number":"5"}'],
    ['{"$bigint":"0x5"}'],
    ['{"$date":"yesterday"}'],
    ['{"$map":[["a"]]}'],
    ['{"$ref":0}'],
    ['\uFEFF5'],
    ['['.repeat(100_000) + ']'.repeat(100_000)],
  ])('refuses to read %.40s', (text) => {
    expect(() => jsonCodec.decode(Buffer.from(text))).toThrow(
      'The bytes are not a value that the json codec wrote.',
    );
    expect(({} as Record<string, unknown>).x).toBeUndefined();
  });

  it('refuses invalid UTF-8', () => {
    expect(() => jsonCodec.decode(Uint8Array.from([0x22, 0xff, 0x22]))).toThrow('The bytes are not a value');
  });

  it('refuses a cycle, and keeps what is shared as copies', () => {
    const cyclic: unknown[] = [];
    cyclic.push({ cyclic });
    expect(() => jsonCodec.encode(cyclic)).toThrow('a cycle, which the JSON codec cannot keep');
    const shared = { n: 1 };
    expect(jsonCodec.decode(jsonCodec.encode([shared, shared]))).toEqual([{ n: 1 }, { n: 1 }]);
  });

  it('gives up on references that would blow up', () => {
    let value: unknown = [];
    for (let level = 0; level < 60; level++) value = [value, value];
    expect(() => jsonCodec.encode(value)).toThrow('too large');
  });
});
