import { describe, expect, it } from '@jest/globals';
import { findUnstorable } from '../../../lib/core/storable.js';
import { storable } from '../codecs/values.js';

class Foo {}
const raise = (): never => {
  throw new Error('ran code of the value');
};
const withGetter = (target: object) => Object.defineProperty(target, 'g', { get: raise, enumerable: true });

describe('findUnstorable', () => {
  it.each(storable)('lets pass: %s', (_name, make) => {
    expect(findUnstorable(make())).toBeUndefined();
  });

  it.each<[string, unknown]>([
    ['null prototype', Object.create(null)],
    ['symbol keys', { [Symbol('s')]: () => 1 }],
    ['non-enumerable properties', Object.defineProperty({}, 'f', { get: raise, enumerable: false })],
    ['own properties of an array', Object.assign([1], { f: () => 1 })],
    ['own properties of a Map', Object.assign(new Map(), { entries: raise, values: raise })],
    ['some holes', new Array(1000)],
    ['an error with a cause', new Error('x', { cause: () => 1 })],
  ])('ignores what structured clone ignores: %s', (_name, value) => {
    expect(findUnstorable(value)).toBeUndefined();
  });

  // Behind functions, since jest prints the arguments and would run getters.
  it.each<[string, () => unknown]>([
    ['a function', () => () => 1],
    ['a function', () => Foo],
    ['a symbol', () => Symbol('s')],
    ['a string with a lone surrogate', () => '\uD800'],
    ['a key with a lone surrogate', () => ({ 'a\uDC00': 1 })],
    ['a string with a lone surrogate', () => new Error('\uD800')],
    ['a Promise', () => Promise.resolve()],
    ['a WeakMap', () => new WeakMap()],
    ['a SharedArrayBuffer', () => new SharedArrayBuffer(1)],
    ['a view of a SharedArrayBuffer', () => new Uint8Array(new SharedArrayBuffer(1))],
    ['an object with an own property named __proto__', () => JSON.parse('{"__proto__":1}') as unknown],
    ['an accessor property', () => withGetter({})],
    ['an accessor property', () => Object.defineProperty(new Error(), 'message', { get: raise })],
    ['a Proxy', () => new Proxy({}, { getPrototypeOf: raise, ownKeys: raise })],
    ['a toJSON() that throws', () => Object.create(new Proxy({}, { get: raise })) as unknown],
    ['a sparse array (more than 1000 holes)', () => new Array(1001) as unknown],
  ])('refuses %s, at the top and inside every container', (reason, make) => {
    const value = make();
    const places = [
      value,
      [value],
      { a: value },
      new Map([[value, 1]]),
      new Map([[1, value]]),
      new Set([value]),
    ];
    for (const place of places) expect(findUnstorable(place)?.reason).toBe(reason);
  });

  it('bounds nesting, not size', () => {
    const nested = (levels: number): unknown => {
      let value: unknown = 1;
      for (let level = 0; level < levels; level++) value = [value];
      return value;
    };
    expect(findUnstorable(nested(500))).toBeUndefined();
    expect(findUnstorable(nested(501))?.reason).toBe('nested too deeply (more than 500 levels)');
    expect(findUnstorable(nested(100_000))?.reason).toBe('nested too deeply (more than 500 levels)');
  });

  it('visits what is shared once, and ends on cycles', () => {
    let value: unknown[] = [];
    const first = value;
    for (let level = 0; level < 400; level++) value = [value, value];
    first.push(value);
    expect(findUnstorable(value)).toBeUndefined();
  });
});
