import { afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { type SessionModuleOptions } from 'nestjs-redis-session';
import { eachAdapter } from '../support/apps.js';
import { watchCommands, type CommandWatch } from '../support/commands.js';
import { Browser } from '../support/cookie-jar.js';
import { startRedis, type RedisProcess } from '../support/redis-server.js';
import { redisAt, startPlayground, type AnySession, type Playground } from './helpers/playground.js';
import { takeWrites } from './helpers/traffic.js';

const NAMES = [
  ...['__proto__', 'constructor', 'prototype', 'toString', 'valueOf', 'hasOwnProperty', '__defineGetter__'],
  ...['then', 'toJSON', 'inspect', 'length', '0', '', ' ', 'a.b', 'a[b]', '$set', '\0', '\r\n', '{x}', '*'],
  ...['@', '@x', '@@x', '@id', '@@id', '@until', 'ключ 🔑', 'n'.repeat(10_000)],
];

let redis: RedisProcess;
let watch: CommandWatch;
beforeAll(async () => {
  redis = await startRedis();
  watch = await watchCommands(redis.port);
});

eachAdapter('names of attributes', (adapter) => {
  let site: Playground;
  afterEach(() => site.close());

  it.each(['msgpack', 'json'] as const)(
    'hostile names are ordinary names, with the %s codec',
    async (codec) => {
      site = await startPlayground(adapter, { ...redisAt(redis), codec, storeGuests: true });
      const browser = new Browser(site.url);
      await site.visit(browser, (session) => {
        for (const name of NAMES) session[name] = { of: name.slice(0, 20), x: 'polluted' };
      });
      const { result } = await site.visit(browser, (session) => ({
        names: Object.keys(session),
        values: NAMES.map((name) => session[name]),
        has: NAMES.every((name) => name in session),
        text: JSON.stringify(session),
        keeps: Object.getPrototypeOf(session) as unknown,
      }));
      expect([...result.names].sort()).toEqual([...NAMES].sort());
      expect(result.values).toEqual(NAMES.map((name) => ({ of: name.slice(0, 20), x: 'polluted' })));
      expect(result.has).toBe(true);
      expect(result.keeps).toBeNull();
      expect(result.text).toContain('"then":{"of":"then"');
      expect(({} as Record<string, unknown>)['x']).toBeUndefined();

      await site.visit(browser, (session) => {
        for (const name of NAMES) delete session[name];
      });
      expect((await site.visit(browser, (session) => Object.keys(session))).result).toEqual([]);
      expect((await site.visit(browser, (session) => session.isNew)).result).toBe(false);
    },
  );

  it('names are distinct by every character', async () => {
    site = await startPlayground(adapter, { ...redisAt(redis), storeGuests: true });
    const browser = new Browser(site.url);
    await site.visit(browser, (session) =>
      Object.assign(session, { '@x': 1, '@@x': 2, x: 3, 'x ': 4, X: 5 }),
    );
    const { result } = await site.visit(browser, (session) => ({ ...session }));
    expect(result).toEqual({ '@x': 1, '@@x': 2, x: 3, 'x ': 4, X: 5 });
  });

  it('a name with a lone surrogate is refused with a warning, since no UTF-8 can hold it', async () => {
    site = await startPlayground(adapter, { ...redisAt(redis), storeGuests: true });
    const browser = new Browser(site.url);
    site.log.clear();
    await site.visit(browser, (session) => {
      session['bad\ud800name'] = 'canary';
      session['good'] = 1;
    });
    expect((await site.visit(browser, (session) => ({ ...session }))).result).toEqual({ good: 1 });
    expect(site.log.messages('warn')).toEqual([expect.stringMatching(/its name holds a lone surrogate/)]);
    expect(site.log.text()).not.toContain('canary');
  });
});

eachAdapter('limits', (adapter) => {
  describe.each([true, false])('with globalInterceptor %s', (globalInterceptor) => {
    let site: Playground;
    afterEach(() => site.close());

    const start = async (options: SessionModuleOptions): Promise<Browser> => {
      const all = { ...redisAt(redis), globalInterceptor, storeGuests: true, ...options };
      site = await startPlayground(adapter, all);
      const browser = new Browser(site.url);
      await site.visit(browser, (session) => Object.assign(session, { value: 'old', other: 'old' }));
      await watch.take();
      return browser;
    };

    it.each<[string, SessionModuleOptions, (session: AnySession) => void, RegExp]>([
      [
        'more bytes than maxSessionBytes',
        { maxSessionBytes: 500 },
        (session) => void (session.value = 'canary'.repeat(100)),
        /would hold \d+ bytes; 500 are allowed\. Nothing was saved\..*REDIS_SESSION_MAX_BYTES/,
      ],
      [
        'many small ones that come to more',
        { maxSessionBytes: 100 },
        (session) => {
          for (let at = 0; at < 20; at += 1) session[`name${at}`] = 'v';
        },
        /100 are allowed.*REDIS_SESSION_MAX_BYTES/,
      ],
      [
        'more attributes than maxAttributes',
        { maxAttributes: 3 },
        (session) => Object.assign(session, { third: 3, fourth: 4 }),
        /would hold 4 attributes; 3 are allowed\..*REDIS_SESSION_MAX_ATTRIBUTES/,
      ],
    ])(
      '%s: the request fails, no command is sent, the old values stay',
      async (_name, options, use, message) => {
        const browser = await start(options);
        await expect(site.visit(browser, use)).rejects.toThrow(/answered 500/);
        expect(await takeWrites(watch)).toEqual([]);
        const { result } = await site.visit(browser, (session) => ({ ...session }));
        expect(result).toEqual({ value: 'old', other: 'old' });
        expect(site.log.text()).toMatch(message);
        expect(site.log.text()).not.toContain('canary');
      },
    );

    it('a session just at its limits is saved', async () => {
      const browser = await start({ maxAttributes: 3 });
      await site.visit(browser, (session) => void (session['third'] = 3));
      expect(await takeWrites(watch)).toEqual(['save']);
    });

    it('what was removed in the same request counts no more', async () => {
      const browser = await start({ maxAttributes: 2 });
      await site.visit(browser, (session) => {
        delete session.value;
        session['third'] = 3;
      });
      expect(await takeWrites(watch)).toEqual(['save']);
    });

    it('save() and update() reject with the same error', async () => {
      const browser = await start({ maxSessionBytes: 500 });
      await site.visit(browser, async (session) => {
        const large = 'x'.repeat(1000);
        await expect(session.update('value', () => large)).rejects.toThrow(/REDIS_SESSION_MAX_BYTES/);
        session.value = large;
        await expect(session.save()).rejects.toThrow(/REDIS_SESSION_MAX_BYTES/);
        session.value = 'small';
      });
      expect((await site.visit(browser, ({ value }) => value)).result).toBe('small');
    });
  });
});
