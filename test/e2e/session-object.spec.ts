import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { inspect } from 'node:util';
import { SessionReservedMemberError, SessionUsageError } from 'nestjs-redis-session';
import { eachAdapter } from '../support/apps.js';
import { watchCommands, type CommandWatch } from '../support/commands.js';
import { Browser } from '../support/cookie-jar.js';
import { startRedis, type RedisProcess } from '../support/redis-server.js';
import { redisAt, startPlayground, type AnySession, type Playground } from './helpers/playground.js';
import { takeTraffic } from './helpers/traffic.js';

const MEMBERS = [
  'id',
  'isNew',
  'createdAt',
  'lastAccessedAt',
  'expiresAt',
  'maxInactiveInterval',
  'principal',
];
const METHODS = ['authenticate', 'regenerateId', 'save', 'markDirty', 'update', 'reload', 'destroy', 'keep'];

let redis: RedisProcess;
let watch: CommandWatch;
beforeAll(async () => {
  redis = await startRedis();
  watch = await watchCommands(redis.port);
});

eachAdapter('the session as an object', (adapter) => {
  let site: Playground;
  beforeAll(async () => {
    site = await startPlayground(adapter, { ...redisAt(redis), storeGuests: true });
  });
  afterAll(() => site.close());

  /** What `look` says of a session that an earlier request stored. */
  const look = async <R>(stored: Record<string, unknown>, use: (session: AnySession) => R): Promise<R> => {
    const browser = new Browser(site.url);
    await site.visit(browser, (session) => void Object.assign(session, stored));
    return (await site.visit(browser, use)).result;
  };

  describe('shows attributes and nothing else', () => {
    const stored = { cart: { items: ['tea'] }, views: 3 };

    it.each<[string, (session: AnySession) => unknown, unknown]>([
      ['JSON.stringify', (session) => JSON.parse(JSON.stringify(session)) as unknown, stored],
      ['Object.keys', (session) => Object.keys(session), ['cart', 'views']],
      ['Object.entries', (session) => Object.entries(session), Object.entries(stored)],
      ['a spread', (session) => ({ ...session }), stored],
      ['Object.assign', (session) => Object.assign({}, session), stored],
      ['rest of a destructuring', ({ views: _views, ...rest }) => rest, { cart: stored.cart }],
      ['in, for an attribute', (session) => 'cart' in session, true],
      ['in, for none', (session) => 'nothing' in session, false],
      ['in, for a member', (session) => [...MEMBERS, ...METHODS].filter((name) => name in session), []],
      [
        'Object.hasOwn',
        (session) => [Object.hasOwn(session, 'views'), Object.hasOwn(session, 'id')],
        [true, false],
      ],
      ['Reflect.ownKeys', (session) => Reflect.ownKeys(session), ['cart', 'views']],
      ['for in', (session) => forIn(session), ['cart', 'views']],
    ])('%s', async (_name, use, expected) => {
      // Order of names is Redis's, and no promise.
      const answer = await look(stored, use);
      expect(Array.isArray(answer) ? [...(answer as unknown[])].sort() : answer).toEqual(
        Array.isArray(expected) ? [...(expected as unknown[])].sort() : expected,
      );
    });
  });

  it('hands out the caller’s own values: structuredClone, Array.isArray and === behave', async () => {
    const answer = await look({ cart: [new Map([['a', { b: 1 }]])] }, (session) => {
      const { cart } = session;
      return {
        same: session['cart'] === cart,
        array: Array.isArray(cart),
        clone: structuredClone(cart),
        plain: Object.getPrototypeOf((cart as [Map<string, object>])[0].get('a')) === Object.prototype,
      };
    });
    expect(answer).toEqual({ same: true, array: true, clone: [new Map([['a', { b: 1 }]])], plain: true });
  });

  it('gives back the very object that was set', async () => {
    const cart = ['tea'];
    const { result } = await site.visit(new Browser(site.url), (session) => {
      session['cart'] = cart;
      return session['cart'];
    });
    expect(result).toBe(cart);
  });

  it('can be awaited and returned from an async function, also with an attribute named then', async () => {
    const answer = await look({ then: 'later', value: 1 }, async (session) => {
      const awaited = await (session as unknown);
      const resolved = await Promise.resolve(session);
      return [awaited === session, resolved === session, session['then']];
    });
    expect(answer).toEqual([true, true, 'later']);
  });

  it('is text in a template and never loads its values for that', async () => {
    const answer = await look({ toString: 'mine' }, (session) => String(session as unknown));
    expect(answer).toBe('[object HttpSession]');
  });

  it.each<[string, (session: AnySession) => string]>([
    ['util.inspect', (session) => inspect(session, { depth: 10, showHidden: true })],
    [
      'util.inspect with showProxy',
      (session) => inspect(session, { depth: 10, showHidden: true, showProxy: true }),
    ],
    ['inspect of an object that holds it', (session) => inspect({ request: { session } }, { depth: 10 })],
  ])('%s shows the names of attributes and no value', async (_name, show) => {
    const text = await look({ card: 'canary-4111', deep: { pin: 'canary-9' } }, show);
    expect(text).not.toContain('canary');
    expect(text).toContain('card');
  });

  it('takes attributes from Object.defineProperty, but no accessor', async () => {
    const answer = await look({}, (session) => {
      Object.defineProperty(session, 'value', {
        value: 5,
        writable: true,
        enumerable: true,
        configurable: true,
      });
      expect(() => Object.defineProperty(session, 'other', { get: () => 1 })).toThrow(SessionUsageError);
      return [session.value, 'other' in session];
    });
    expect(answer).toEqual([5, false]);
  });

  it('cannot be frozen, sealed or given a prototype, and says so', async () => {
    await look({ value: 1 }, (session) => {
      expect(() => Object.freeze(session)).toThrow(TypeError);
      expect(() => Object.seal(session)).toThrow(TypeError);
      expect(() => Object.preventExtensions(session)).toThrow(TypeError);
      expect(() => void Object.setPrototypeOf(session, Array.prototype)).toThrow(TypeError);
      session.value = 2;
      expect(session.value).toBe(2);
    });
  });

  it('refuses symbols as names', async () => {
    await look({}, (session) => {
      expect(() => Reflect.set(session, Symbol('x'), 1)).toThrow(SessionUsageError);
      expect(Reflect.get(session, Symbol.iterator)).toBeUndefined();
    });
  });

  it.each([...MEMBERS.filter((name) => name !== 'maxInactiveInterval'), ...METHODS])(
    'the reserved member %s can be neither assigned, defined nor deleted',
    async (name) => {
      await look({}, (session) => {
        const before: unknown = Reflect.get(session, name);
        expect(() => Reflect.set(session, name, 'mine')).toThrow(SessionReservedMemberError);
        expect(() => Reflect.set(session, name, 'mine')).toThrow(`'${name}' is a member of HttpSession`);
        expect(() => Object.assign(session, { [name]: 1 })).toThrow(SessionReservedMemberError);
        expect(() => Reflect.defineProperty(session, name, { value: 1 })).toThrow(SessionReservedMemberError);
        expect(() => Reflect.deleteProperty(session, name)).toThrow(SessionReservedMemberError);
        expect(Reflect.get(session, name)).toEqual(before);
      });
    },
  );

  it('methods can be taken off the session and are the same at each read', async () => {
    const browser = new Browser(site.url);
    await site.visit(browser, (session) => void (session.value = 1));
    await watch.take();
    await site.visit(browser, async (session) => {
      const { save, markDirty } = session as { save: () => Promise<void>; markDirty: () => void };
      expect(Reflect.get(session, 'save')).toBe(save);
      markDirty();
      await save();
    });
    expect(await takeTraffic(watch)).toEqual(['load', 'save']);
  });
});

function forIn(object: object): string[] {
  const names: string[] = [];
  for (const name in object) names.push(name);
  return names;
}
