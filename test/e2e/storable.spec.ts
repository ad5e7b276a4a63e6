import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type SessionCodec } from 'nestjs-redis-session';
import { eachAdapter } from '../support/apps.js';
import { watchCommands, type CommandWatch } from '../support/commands.js';
import { Browser } from '../support/cookie-jar.js';
import { startRedis, type RedisProcess } from '../support/redis-server.js';
import { redisAt, startPlayground, type Playground } from './helpers/playground.js';
import { takeWrites } from './helpers/traffic.js';

/** Made anew for each use, so that nothing can pass by being the same object. */
const STORABLE: Readonly<Record<string, () => unknown>> = {
  'a string': () => 'Grüße 🎉 \0 "',
  'an empty string': () => '',
  'a number': () => 0.1,
  'NaN, Infinity and -0': () => [NaN, Infinity, -Infinity, -0],
  'the largest integers': () => [Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER, 2 ** 53],
  'a boolean': () => false,
  'a bigint': () => -(2n ** 200n),
  'a Date': () => new Date(1_700_000_000_123),
  'a RegExp': () => /a\/b+/giu,
  'a Map with keys of all kinds': () =>
    new Map<unknown, unknown>([
      [1, 'number'],
      ['1', 'string'],
      [{ a: 1 }, new Set([1n])],
    ]),
  'a Set': () => new Set(['a', { b: 1 }]),
  'a Buffer': () => Buffer.from([0, 255, 128, 10]),
  'an ArrayBuffer': () => new Uint8Array([1, 2, 3]).buffer,
  'typed arrays': () => [
    new Uint8Array([1]),
    new Int16Array([-2]),
    new Float64Array([0.5]),
    new BigInt64Array([3n]),
  ],
  'a DataView': () => new DataView(new Uint8Array([1, 2]).buffer),
  'an Error': () => new RangeError('too far'),
  'undefined and null inside': () => ({ a: undefined, b: null, c: [undefined, null] }),
  'an empty object and array': () => ({ a: {}, b: [] }),
  'all of it nested': () => ({ list: [new Map([['when', { dates: new Set([new Date(1)]), n: 5n }]])] }),
  'an object that looks like a tag of a codec': () => ({ $date: 1 }),
  'an object with odd keys': () => ({ '': 1, 'a.b': 2, toString: 3, constructor: 4 }),
};

/** Why each cannot be stored; the values hold a canary that must never be told. */
const UNSTORABLE: readonly (readonly [name: string, value: () => unknown, reason: RegExp])[] = [
  ['a function', () => () => 'canary', /a function/],
  ['a symbol', () => Symbol('canary'), /a symbol/],
  [
    'a function inside',
    () => ({ canary: 'canary', list: [{ callback: () => 1 }] }),
    /a function at basket\.list\[0\]\.callback/,
  ],
  ['a toJSON() that throws', () => ({ toJSON: (): never => fail('canary') }), /a toJSON\(\) that throws/],
  ['a promise', () => Promise.resolve('canary'), /a Promise/],
  ['a WeakMap', () => new WeakMap(), /a WeakMap/],
  ['a Proxy', () => new Proxy({ canary: 'canary' }, {}), /a Proxy/],
  ['a lone surrogate', () => 'canary\ud800', /a lone surrogate/],
  ['a getter', () => Object.defineProperty({}, 'a', { get: () => 'canary', enumerable: true }), /accessor/],
];

function fail(why: string): never {
  throw new Error(why);
}

/** A DTO as validation pipes make them, and a number as a library has it. */
class Price {
  constructor(readonly cents: number) {}
  toJSON(): string {
    return (this.cents / 100).toFixed(2);
  }
}
class Basket {
  readonly prices = new Map([['tea', new Price(150)]]);
  readonly since = new Date(7);
  total = (): number => this.prices.size;
}

let redis: RedisProcess;
let watch: CommandWatch;
beforeAll(async () => {
  redis = await startRedis();
  watch = await watchCommands(redis.port);
});

eachAdapter('what can be stored', (adapter) => {
  describe.each(['msgpack', 'json'] as const)('with the %s codec', (codec) => {
    let site: Playground;
    beforeAll(async () => {
      site = await startPlayground(adapter, { ...redisAt(redis), codec, storeGuests: true });
    });
    afterAll(() => site.close());

    it.each(Object.entries(STORABLE))('%s comes back as it was, twice', async (_name, make) => {
      const browser = new Browser(site.url);
      await site.visit(browser, (session) => void (session.value = make()));
      for (let request = 0; request < 2; request += 1) {
        const { result } = await site.visit(browser, (session) => session.value);
        expect(result).toStrictEqual(make());
        expect(Object.prototype.toString.call(result)).toBe(Object.prototype.toString.call(make()));
        expect(Buffer.isBuffer(result)).toBe(Buffer.isBuffer(make()));
      }
    });

    it('an invalid Date comes back as one', async () => {
      const browser = new Browser(site.url);
      await site.visit(browser, (session) => void (session.value = new Date(NaN)));
      const { result } = await site.visit(browser, (session) => session.value);
      expect(result).toBeInstanceOf(Date);
      expect((result as Date).getTime()).toBeNaN();
    });

    it('a cycle is kept or refused, and never ends the request', async () => {
      site.log.clear();
      const cycle: { self?: unknown; name: string } = { name: 'ring' };
      cycle.self = cycle;
      const browser = new Browser(site.url);
      await site.visit(browser, (session) => {
        session.value = cycle;
        session.other = 'beside';
      });
      const { result } = await site.visit(browser, ({ value, other }) => ({ value, other }));
      expect(result.other).toBe('beside');
      if (codec === 'msgpack') expect(result.value).toEqual(cycle);
      else
        expect([result.value, warnings(site)]).toEqual([
          undefined,
          [expect.stringMatching(/"value".*a cycle/)],
        ]);
    });

    it.each(UNSTORABLE)(
      '%s is not added; a warning tells the attribute and why',
      async (_name, make, reason) => {
        site.log.clear();
        const browser = new Browser(site.url);
        await site.visit(browser, (session) => {
          session.other = 'beside';
          session['basket'] = make();
          expect('basket' in session).toBe(false);
        });
        const { result } = await site.visit(browser, (session) => Object.keys(session));
        expect(result).toEqual(['other']);
        const told = warnings(site);
        expect(told).toHaveLength(1);
        expect(told[0]).toContain('"basket"');
        expect(told[0]).toMatch(reason);
        expect(site.log.text()).not.toContain('canary');
      },
    );

    it('instances of classes come back as plain data, and whoever assigned them has their own', async () => {
      site.log.clear();
      const browser = new Browser(site.url);
      await site.visit(browser, (session) => {
        const basket = new Basket();
        session['basket'] = basket;
        expect(session['basket']).toBe(basket);
        session['price'] = new Price(5);
      });
      const plain = { prices: new Map([['tea', '1.50']]), since: new Date(7) };
      await watch.take();
      const { result } = await site.visit(browser, ({ basket, price }) => ({ basket, price }));
      expect(result).toStrictEqual({ basket: plain, price: '0.05' });
      // Reading is no change.
      expect(await takeWrites(watch)).toEqual([]);
      expect(warnings(site)).toEqual([]);
    });

    it('a refused value leaves the attribute as it was', async () => {
      const browser = new Browser(site.url);
      await site.visit(browser, (session) => void (session.value = 'old'));
      await watch.take();
      const { result } = await site.visit(browser, (session) => {
        session.value = () => 'new';
        return session.value;
      });
      expect(result).toBe('old');
      expect(await takeWrites(watch)).toEqual([]);
    });

    it('something unstorable put into a stored value later is told at the save, which keeps the old value', async () => {
      const browser = new Browser(site.url);
      await site.visit(browser, (session) => Object.assign(session, { value: { a: 1 }, other: 1 }));
      site.log.clear();
      await site.visit(browser, (session) => {
        (session.value as Record<string, unknown>)['callback'] = (): string => 'canary';
        session.other = 2;
      });
      const { result } = await site.visit(browser, ({ value, other }) => ({ value, other }));
      expect(result).toEqual({ value: { a: 1 }, other: 2 });
      expect(warnings(site)).toEqual([expect.stringMatching(/"value".*a function at value\.callback/)]);
      expect(site.log.text()).not.toContain('canary');
    });

    it.each([null, undefined])('setting %s removes the attribute, as in the servlet API', async (nothing) => {
      const browser = new Browser(site.url);
      await site.visit(browser, (session) => Object.assign(session, { value: 1, other: 1 }));
      site.log.clear();
      await site.visit(browser, (session) => void (session.value = nothing));
      expect((await site.visit(browser, (session) => Object.keys(session))).result).toEqual(['other']);
      expect(warnings(site)).toEqual([]);
    });

    it('null where there is nothing to remove is warned of; undefined is not', async () => {
      site.log.clear();
      await site.visit(new Browser(site.url), (session) => {
        session.value = null;
        session.other = undefined;
      });
      expect(warnings(site)).toEqual([expect.stringMatching(/"value".*null/)]);
    });
  });

  it('sessions written with one codec are read after the choice has changed', async () => {
    const browser = new Browser('http://unset');
    const options = { ...redisAt(redis), storeGuests: true };
    const before = await startPlayground(adapter, { ...options, codec: 'msgpack' });
    await before.visit(browser, (session) => void (session.value = new Map([['a', 1n]])));
    await before.close();
    const after = await startPlayground(adapter, { ...options, codec: 'json' });
    await after.visit(browser, (session) => void (session.other = new Date(7)));
    const { result } = await after.visit(browser, ({ value, other }) => ({ value, other }));
    expect(result).toEqual({ value: new Map([['a', 1n]]), other: new Date(7) });
    await after.close();
  });

  it('a codec of the application’s own is used as it is', async () => {
    const codec: SessionCodec = {
      name: 'upper',
      encode: (value) => Buffer.from(String(value).toUpperCase()),
      decode: (bytes) => `decoded ${Buffer.from(bytes).toString()}`,
    };
    const site = await startPlayground(adapter, { ...redisAt(redis), codec, storeGuests: true });
    const browser = new Browser(site.url);
    await site.visit(browser, (session) => void (session.value = 'abc'));
    expect((await site.visit(browser, (session) => session.value)).result).toBe('decoded ABC');
    await site.close();
  });
});

function warnings(site: Playground): string[] {
  return site.log.messages('warn');
}
