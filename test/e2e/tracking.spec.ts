import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { eachAdapter } from '../support/apps.js';
import { watchCommands, type CommandWatch } from '../support/commands.js';
import { Browser } from '../support/cookie-jar.js';
import { startRedis, type RedisProcess } from '../support/redis-server.js';
import { redisAt, startPlayground, type AnySession, type Playground } from './helpers/playground.js';
import { takeWrites } from './helpers/traffic.js';

/** A change inside a stored value, done by a later request than the one that stored it. */
interface Mutation {
  readonly name: string;
  readonly start: () => unknown;
  readonly change: (value: unknown) => void;
}

function mutation<V>(name: string, start: () => V, change: (value: V) => unknown): Mutation {
  return { name, start, change: (value) => void change(value as V) };
}

interface Cart {
  items: { sku: string; count?: number }[];
  note?: string;
}
const cart = (): Cart => ({ items: [{ sku: 'tea', count: 1 }, { sku: 'cup' }], note: 'gift' });

const MUTATIONS: readonly Mutation[] = [
  mutation('a property is set', cart, (value) => (value.note = 'rush')),
  mutation('a nested property is set', cart, (value) => (value.items[0] = { sku: 'tea', count: 2 })),
  mutation('a property deep down is set', cart, ({ items: [first] }) => first && (first.count = 7)),
  mutation<Record<string, number>>(
    'a property is added',
    () => ({}),
    (value) => (value['a'] = 1),
  ),
  mutation('a property is deleted', cart, (value) => delete value.note),
  mutation<{ a: number | undefined }>(
    'a property becomes undefined',
    () => ({ a: 1 }),
    (value) => (value.a = undefined),
  ),
  mutation(
    'an array is pushed to',
    () => ['a'],
    (value) => value.push('b'),
  ),
  mutation(
    'an array is spliced',
    () => [1, 2, 3],
    (value) => value.splice(1, 1),
  ),
  mutation(
    'an array is sorted',
    () => [3, 1, 2],
    (value) => value.sort(),
  ),
  mutation(
    'an array is reversed',
    () => [1, 2],
    (value) => value.reverse(),
  ),
  mutation(
    'an array is emptied by its length',
    () => [1, 2],
    (value) => (value.length = 0),
  ),
  mutation(
    'an array is filled',
    () => [1, 2],
    (value) => value.fill(0),
  ),
  mutation(
    'a Map entry is set',
    () => new Map([['a', 1]]),
    (value) => value.set('a', 2),
  ),
  mutation(
    'a Map entry is deleted',
    () => new Map([['a', 1]]),
    (value) => value.delete('a'),
  ),
  mutation(
    'a Map is cleared',
    () => new Map([['a', 1]]),
    (value) => value.clear(),
  ),
  mutation(
    'a Set is added to',
    () => new Set(['a']),
    (value) => value.add('b'),
  ),
  mutation(
    'a Set member is deleted',
    () => new Set(['a']),
    (value) => value.delete('a'),
  ),
  mutation(
    'a Date is set',
    () => new Date(0),
    (value) => value.setUTCFullYear(2001),
  ),
  mutation(
    'a typed array element is set',
    () => new Float64Array(3),
    (value) => (value[1] = 0.5),
  ),
  mutation(
    'a Buffer is written to',
    () => Buffer.from('abc'),
    (value) => value.write('z', 1),
  ),
  mutation(
    'an ArrayBuffer is written to',
    () => new ArrayBuffer(4),
    (value) => new Uint8Array(value).fill(9),
  ),
  mutation(
    'a Map in an array in an object is set',
    () => ({ list: [new Map([['k', new Set([1])]])] }),
    ({ list }) => list[0]?.get('k')?.add(2),
  ),
  mutation(
    'a bigint in an object is counted up',
    () => ({ n: 9007199254740993n }),
    (value) => (value.n += 1n),
  ),
  mutation(
    '0 becomes -0',
    () => ({ n: 0 }),
    (value) => (value.n = -0),
  ),
];

/** A request that gives no reason to write. `start` is what the session holds before. */
interface NoOp {
  readonly name: string;
  readonly start?: Record<string, unknown>;
  readonly use: (session: AnySession) => unknown;
}

const NO_OPS: readonly NoOp[] = [
  { name: 'the same primitive is set again', start: { value: 'a' }, use: (s) => (s.value = 'a') },
  { name: 'the same number is set again', start: { value: NaN }, use: (s) => (s.value = NaN) },
  { name: 'an equal object is set again', start: { value: { a: [1] } }, use: (s) => (s.value = { a: [1] }) },
  {
    name: 'the very value is set again',
    start: { value: cart() },
    use: (s) => {
      const { value } = s;
      s.value = value;
    },
  },
  { name: 'an equal Date is set again', start: { value: new Date(5) }, use: (s) => (s.value = new Date(5)) },
  { name: 'everything is read', start: { value: cart(), other: [1] }, use: (s) => JSON.stringify(s) },
  { name: 'nothing is read', start: { value: cart() }, use: () => undefined },
  { name: 'names are listed', start: { value: cart() }, use: (s) => ['value' in s, Object.keys(s)] },
  { name: 'a sorted array is sorted', start: { value: [1, 2] }, use: (s) => (s.value as number[]).sort() },
  {
    name: 'what is pushed is popped',
    start: { value: [1] },
    use: ({ value }) => [(value as number[]).push(2), (value as number[]).pop()],
  },
  {
    name: 'a change is taken back',
    start: { value: 'a' },
    use: (s) => {
      s.value = 'b';
      s.value = 'a';
    },
  },
  {
    name: 'a copy is changed',
    start: { value: cart() },
    use: (s) => delete structuredClone(s.value as Cart).note,
  },
  { name: 'nothing is deleted from a new session', use: (s) => delete s.value },
  {
    name: 'a new session gets what it loses again',
    use: (s) => {
      s.value = 1;
      delete s.value;
    },
  },
  { name: 'undefined is set where nothing is', use: (s) => (s.value = undefined) },
  { name: 'null is set where nothing is', use: (s) => (s.value = null) },
];

let redis: RedisProcess;
let watch: CommandWatch;
beforeAll(async () => {
  redis = await startRedis();
  watch = await watchCommands(redis.port);
});

eachAdapter('what counts as a change', (adapter) => {
  describe.each(['msgpack', 'json'] as const)('with the %s codec', (codec) => {
    let site: Playground;
    beforeAll(async () => {
      site = await startPlayground(adapter, { ...redisAt(redis), codec, storeGuests: true });
    });
    afterAll(() => site.close());

    const visitWith = async (start: Record<string, unknown> | undefined): Promise<Browser> => {
      const browser = new Browser(site.url);
      if (start !== undefined) await site.visit(browser, (session) => void Object.assign(session, start));
      await watch.take();
      return browser;
    };

    it.each(MUTATIONS)('$name: saved once, and seen by the next request', async ({ start, change }) => {
      const browser = await visitWith({ value: start(), bystander: 'same' });
      const expected = start();
      change(expected);

      await site.visit(browser, (session) => change(session.value));
      expect(await takeWrites(watch)).toEqual(['save']);

      const { result } = await site.visit(browser, (session) => session.value);
      expect(result).toStrictEqual(expected);
      expect(await takeWrites(watch)).toEqual([]);
    });

    it.each(NO_OPS)('$name: not written', async ({ start, use }) => {
      const browser = await visitWith(start);
      const { response } = await site.visit(browser, (session) => void use(session));
      expect(await takeWrites(watch)).toEqual([]);
      expect(response.setCookies).toEqual([]);
    });

    it('an object under two attributes that is changed through one of them is saved under both, once', async () => {
      const browser = await visitWith({ bystander: 1 });
      await site.visit(browser, (session) => {
        const shared = { count: 1 };
        session.value = shared;
        session.other = shared;
        shared.count = 2;
      });
      expect(await takeWrites(watch)).toEqual(['save']);
      const both = await site.visit(browser, ({ value, other }) => [value, other]);
      expect(both.result).toEqual([{ count: 2 }, { count: 2 }]);

      // Stored apart, they are two objects from now on.
      await site.visit(browser, ({ value }) => void ((value as { count: number }).count = 3));
      expect(await takeWrites(watch)).toEqual(['save']);
      const { result } = await site.visit(browser, ({ value, other }) => [value, other]);
      expect(result).toEqual([{ count: 3 }, { count: 2 }]);
    });

    it('a value that is changed after it was set, in the same request, is saved as it is at the end', async () => {
      const browser = await visitWith(undefined);
      await site.visit(browser, (session) => {
        const list = ['a'];
        session.value = list;
        list.push('b');
      });
      expect(await takeWrites(watch)).toEqual(['create']);
      const { result } = await site.visit(browser, (session) => session.value);
      expect(result).toEqual(['a', 'b']);
    });

    it('a value of another type, or as text, is a change', async () => {
      const browser = await visitWith({ value: 1 });
      for (const next of ['1', true, 1n, ['1']]) {
        await site.visit(browser, (session) => void (session.value = next));
        expect(await takeWrites(watch)).toEqual(['save']);
        expect((await site.visit(browser, (session) => session.value)).result).toEqual(next);
      }
    });

    it('a deleted attribute is gone; deleting is always a change, since another request may have added it', async () => {
      const browser = await visitWith({ value: 1, other: 2 });
      await site.visit(browser, (session) => delete session.value);
      expect(await takeWrites(watch)).toEqual(['save']);
      expect((await site.visit(browser, (session) => Object.keys(session))).result).toEqual(['other']);
      await watch.take();
      await site.visit(browser, (session) => delete session.value);
      expect(await takeWrites(watch)).toEqual(['save']);
    });

    it('many changes of one request are one write, and only what changed is sent', async () => {
      const large = 'x'.repeat(10_000);
      const browser = await visitWith({ large, value: [1], other: new Map() });
      await site.visit(browser, (session) => {
        (session.value as number[]).push(2);
        session.other = 'new';
        delete session['large2'];
        void session['large'];
      });
      const commands = await watch.take();
      const sent = commands.reduce((bytes, command) => bytes + command.bytes, 0);
      expect(commands.map(({ name }) => name)).toEqual(['HGETALL', 'EVALSHA']);
      expect(sent).toBeLessThan(1000);
    });
  });
});
