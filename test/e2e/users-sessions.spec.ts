import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import {
  SessionCountError,
  SessionGoneError,
  SessionUsageError,
  type SessionModuleOptions,
} from 'nestjs-redis-session';
import { eachAdapter } from '../support/apps.js';
import { Browser } from '../support/cookie-jar.js';
import { BrowserWith } from './helpers/browser-with.js';
import { keyOf } from '../support/records.js';
import { redisClient } from '../support/redis-client.js';
import { startRedis } from '../support/redis-server.js';
import { redisAt, startPlayground, type AnySession, type Playground } from './helpers/playground.js';

const redis = await startRedis();
const client = redisClient(redis.port);
afterEach(() => client.flushall());

const principalOf = (session: AnySession): string | undefined => session.principal;
const sorted = (ids: Iterable<string>): string[] => [...ids].sort();

eachAdapter("Users' sessions", (adapter) => {
  describe.each<[string, SessionModuleOptions]>([
    ['in Redis', {}],
    ['in Redis, encrypted', { encryptionKeys: [randomBytes(32).toString('base64')] }],
  ])('%s', (_where, options) => {
    let nodes: Playground[] = [];
    const start = async (more: SessionModuleOptions = {}): Promise<Playground> => {
      const node = await startPlayground(adapter, {
        ...redisAt(redis),
        // Each use is noted.
        touchIntervalSeconds: 0,
        ...options,
        ...more,
      });
      nodes.push(node);
      return node;
    };
    let a: Playground;
    let b: Playground;
    beforeEach(async () => void ([a, b] = [await start(), await start()]));
    afterEach(async () => {
      await Promise.all(nodes.map((node) => node.close()));
      nodes = [];
    });

    const login = async (
      node: Playground,
      principal: string,
      headers: Record<string, string> = {},
    ): Promise<{ browser: Browser; id: string }> => {
      const browser = new BrowserWith(headers, node.url);
      const { result: id } = await node.visit(browser, async (session) => {
        await session.authenticate(principal);
        return session.id;
      });
      return { browser, id };
    };

    it('are listed on every node, newest login first, with what there is to know of them', async () => {
      const first = await login(a, 'anna');
      const second = await login(b, 'anna');
      await login(a, 'bert');
      const list = await b.sessions.list('anna', { current: first.id });
      expect(list.map(({ id }) => id)).toEqual([second.id, first.id]);
      expect(list.map(({ current }) => current)).toEqual([false, true]);
      for (const { principal, createdAt, authenticatedAt, lastAccessedAt, expiresAt, device } of list) {
        expect(principal).toBe('anna');
        for (const date of [createdAt, authenticatedAt, lastAccessedAt])
          expect(Math.abs(Date.now() - Number(date))).toBeLessThan(60_000);
        expect(Number(expiresAt) - Number(lastAccessedAt)).toBe(1_800_000);
        expect(device?.address).toMatch(/127\.0\.0\.1|::1/);
      }
      expect(await a.sessions.count('anna')).toBe(2);
      expect(await a.sessions.count()).toBe(3);
      const all = [];
      for await (const { id, principal } of a.sessions.all()) all.push([id, principal]);
      expect(all).toHaveLength(3);
      expect(await a.sessions.list('nobody')).toEqual([]);
    });

    it('come in pages', async () => {
      for (let n = 0; n < 5; n += 1) await login(a, 'anna');
      const all = (await b.sessions.list('anna')).map(({ id }) => id);
      const pages: string[] = [];
      for (;;) {
        const page = await b.sessions.list('anna', { limit: 2, after: pages.at(-1) });
        if (page.length === 0) break;
        expect(page.length).toBeLessThanOrEqual(2);
        pages.push(...page.map(({ id }) => id));
      }
      expect(pages).toEqual(all);
    });

    it('stay in the list through id changes, and leave it with a logout', async () => {
      const { browser, id } = await login(a, 'anna');
      const { result: renewed } = await b.visit(browser, async (session) => {
        await session.regenerateId();
        return session.id;
      });
      expect(renewed).not.toBe(id);
      expect((await a.sessions.list('anna')).map((each) => each.id)).toEqual([renewed]);
      await a.visit(browser, (session) => session.destroy());
      expect(await b.sessions.list('anna')).toEqual([]);
    });

    it('are looked at without being used', async () => {
      const { id } = await login(a, 'anna');
      await client.pexpire(keyOf(id), 50_000);
      await a.sessions.list('anna');
      await a.sessions.count();
      const seen = await b.sessions.peek<{ value?: number }>(id);
      expect(seen?.principal).toBe('anna');
      expect(await client.pttl(keyOf(id))).toBeLessThanOrEqual(50_000);
      expect(() => {
        if (seen !== undefined) (seen as { value?: number }).value = 1;
      }).toThrow(SessionUsageError);
      await expect(seen?.destroy()).rejects.toThrow(SessionUsageError);
      expect(await b.sessions.peek('x'.repeat(47))).toBeUndefined();
    });

    it('end all at once, on every node, but for the one that is kept', async () => {
      const sessions = [await login(a, 'anna'), await login(b, 'anna'), await login(a, 'anna')];
      const bert = await login(b, 'bert');
      const [first, ...others] = sessions as [(typeof sessions)[0], ...typeof sessions];
      expect(await b.sessions.destroyAll('anna', { except: first.id })).toBe(2);
      for (const { browser } of others)
        for (const node of nodes) expect((await node.visit(browser, principalOf)).result).toBeUndefined();
      expect((await b.visit(first.browser, principalOf)).result).toBe('anna');
      expect((await a.visit(bert.browser, principalOf)).result).toBe('bert');
      expect(await a.sessions.destroyAll('anna')).toBe(1);
      expect(await a.sessions.destroyAll('anna')).toBe(0);
      // A login after it is not touched by it.
      const again = await login(b, 'anna');
      expect((await a.visit(again.browser, principalOf)).result).toBe('anna');
    });

    it('of everybody end, guests as well, and nothing of another application', async () => {
      const other = await start({ clusterId: 'shop' });
      const foreign = await login(other, 'anna');
      await client.set('sessions', 'x');
      const { browser } = await login(a, 'anna');
      const guest = new Browser(a.url);
      await a.visit(guest, (session) => void (session.value = 'cart'));
      expect(await b.sessions.destroyAll()).toBe(2);
      expect((await b.visit(browser, principalOf)).result).toBeUndefined();
      expect((await b.visit(guest, (session) => session.value)).result).toBeUndefined();
      expect((await other.visit(foreign.browser, principalOf)).result).toBe('anna');
      expect(await client.get('sessions')).toBe('x');
    });

    it('name nobody in their keys, and every key has an expiry', async () => {
      await login(a, 'anna@example.org', { 'user-agent': 'Nice/1.0' });
      const keys = await client.keys('*');
      expect(keys).toHaveLength(2);
      for (const key of keys) {
        expect(key).not.toContain('anna');
        expect(await client.pttl(key)).toBeGreaterThan(0);
      }
      const list = keys.find((key) => key.startsWith('session:user:{')) ?? '';
      const raw = JSON.stringify(await client.hgetall(list));
      expect(raw.includes(Buffer.from('Nice/1.0').toString('base64url').slice(0, 8))).toBe(false);
    });

    it('know the device, cut to a length, or not at all', async () => {
      const long = 'x'.repeat(1000);
      await login(a, 'anna', { 'user-agent': long });
      const [info] = await b.sessions.list('anna');
      expect(info?.device?.userAgent).toBe('x'.repeat(256));
      const without = await start({ device: false });
      await login(without, 'bert');
      expect((await b.sessions.list('bert'))[0]?.device).toBeUndefined();
      const own = await start({ device: () => ({ userAgent: 'a phone' }) });
      await login(own, 'cleo');
      expect((await b.sessions.list('cleo'))[0]?.device).toEqual({ userAgent: 'a phone' });
      // Kept through an id change.
      await own.visit((await login(own, 'dora')).browser, (session) => session.regenerateId());
      expect((await b.sessions.list('dora'))[0]?.device).toEqual({ userAgent: 'a phone' });
    });

    it('without a principal, of isAuthenticated, are among all and counted, whoever they are', async () => {
      const node = await start({ isAuthenticated: (session) => 'member' in session });
      const [member, late, guest] = [new Browser(node.url), new Browser(node.url), new Browser(node.url)];
      const { result: id } = await node.visit(
        member,
        (session) => ((session['member'] = 'anna'), session.id),
      );
      // A guest's at first.
      await node.visit(late, (session) => void (session.value = 1));
      const { result: lateId } = await node.visit(late, (s) => ((s['member'] = 'bert'), s.id));
      await node.visit(guest, (session) => session.keep());
      const user = await login(b, 'cleo');
      const all = [];
      for await (const { id, principal } of a.sessions.all()) all.push([id, principal]);
      expect(all.sort()).toEqual(
        [
          [id, undefined],
          [lateId, undefined],
          [user.id, 'cleo'],
        ].sort(),
      );
      expect(await a.sessions.count()).toBe(3);
      expect(await a.sessions.list('anna')).toEqual([]);
      await a.sessions.destroy(id);
      expect(await a.sessions.count()).toBe(2);
      expect(await a.sessions.destroyAll()).toBe(4 - 1);
      expect((await node.visit(late, (session) => session['member'])).result).toBeUndefined();
    });

    it('leave nothing of their devices behind where all were ended and others followed', async () => {
      await login(a, 'anna');
      await a.sessions.destroyAll('anna');
      await login(b, 'anna');
      const lists = (await client.keys('session:user:*')).filter((key) => !key.endsWith(':ended'));
      expect(lists).toHaveLength(1);
      // Of an entry: two and a half times the idle life, and a minute. The note of the end is kept for longer, beside it.
      expect(await client.pttl(lists[0] ?? '')).toBeLessThanOrEqual(1_800_000 * 2.5 + 60_000);
      expect(await client.hkeys(`${lists[0]}:ended`)).toEqual(['@ended']);
    });

    it('that 0.1 has written enter the list at their next use, or end with it', async () => {
      const { browser, id } = await login(a, 'anna');
      const late = await login(a, 'bert');
      await client.hdel(keyOf(id), '@index');
      await client.hdel(keyOf(late.id), '@index');
      for (const key of await client.keys('session:user:*')) await client.del(key);
      expect(await b.sessions.list('anna')).toEqual([]);
      await b.visit(browser, principalOf);
      expect((await a.sessions.list('anna')).map((each) => each.id)).toEqual([id]);
      expect(await a.sessions.destroyAll('bert')).toBe(0);
      expect((await b.visit(late.browser, principalOf)).result).toBeUndefined();
      expect(await client.exists(keyOf(late.id))).toBe(1);
      expect(await client.hexists(keyOf(late.id), '@ended')).toBe(1);
    });

    it('that have expired are found out by whoever reads the list', async () => {
      const { id } = await login(a, 'anna');
      const stays = await login(a, 'anna');
      await client.del(keyOf(id));
      expect((await b.sessions.list('anna')).map((each) => each.id)).toEqual([stays.id]);
      expect(await b.sessions.count('anna')).toBe(1);
    });

    it('whose entries in the list are damaged are listed, and end with the others', async () => {
      const [first, second] = [await login(a, 'anna'), await login(b, 'anna')];
      const [list = ''] = await client.keys('session:user:*');
      for (const { id } of [first, second]) await client.hset(list, id, 'damaged');
      const third = await login(a, 'anna');
      expect(await b.sessions.count('anna')).toBe(3);
      expect((await b.sessions.list('anna'))[0]?.id).toBe(third.id);
      expect(await b.sessions.destroyAll('anna')).toBe(3);
      for (const { browser } of [first, second, third])
        expect((await a.visit(browser, principalOf)).result).toBeUndefined();
      expect(await a.sessions.list('anna')).toEqual([]);
    });

    describe('with a limit', () => {
      it('end with the oldest login', async () => {
        const node = await start({ maxSessionsPerUser: 2 });
        const [first, second, third] = [
          await login(node, 'anna'),
          await login(node, 'anna'),
          await login(node, 'anna'),
        ];
        expect((await a.visit(first.browser, principalOf)).result).toBeUndefined();
        expect(sorted((await a.sessions.list('anna')).map(({ id }) => id))).toEqual(
          sorted([second.id, third.id]),
        );
        // An id change and a second login in the same browser are no session more.
        await node.visit(third.browser, (session) => session.regenerateId());
        await node.visit(third.browser, (session) => session.authenticate('anna'));
        expect((await a.visit(second.browser, principalOf)).result).toBe('anna');
        expect(await a.sessions.count('anna')).toBe(2);
      });

      it('are refused with 409, and the guest stays a guest', async () => {
        const node = await start({ maxSessionsPerUser: 1, sessionLimitPolicy: 'reject' });
        const { browser } = await login(node, 'anna');
        const guest = new Browser(node.url);
        await node.visit(guest, (session) => void (session.value = 'cart'));
        await expect(node.visit(guest, (session) => session.authenticate('anna'))).rejects.toThrow(
          SessionCountError,
        );
        expect((await node.visit(guest, (session) => [session.principal, session.value])).result).toEqual([
          undefined,
          'cart',
        ]);
        // A logout makes room, and so does an end that the index has not heard of.
        await node.visit(browser, (session) => session.destroy());
        const next = await login(node, 'anna');
        await client.del(keyOf(next.id));
        for (const key of await client.keys('session:user:*')) {
          const [until, , ...rest] = String(await client.hget(key, next.id)).split(' ');
          await client.hset(key, next.id, [until, 1, ...rest].join(' '));
        }
        await login(node, 'anna');
      });

      it.each(['evict-oldest', 'reject'] as const)(
        'are never more, and with reject never fewer, of 50 logins at once on three nodes (%s)',
        async (sessionLimitPolicy) => {
          const limited = await Promise.all(
            [1, 2, 3].map(() => start({ maxSessionsPerUser: 3, sessionLimitPolicy })),
          );
          const outcomes = await Promise.allSettled(
            Array.from({ length: 50 }, (_, n) => login(limited[n % 3] as Playground, 'anna')),
          );
          const live = [];
          for (const outcome of outcomes) {
            if (outcome.status === 'rejected') {
              const { reason } = outcome as { reason: unknown };
              expect(reason instanceof SessionCountError || reason instanceof SessionGoneError).toBe(true);
            } else if ((await a.visit(outcome.value.browser, principalOf)).result === 'anna')
              live.push(outcome.value.id);
          }
          expect(live.length).toBeLessThanOrEqual(3);
          if (sessionLimitPolicy === 'reject') expect(live).toHaveLength(3);
          else expect(live.length).toBeGreaterThanOrEqual(1);
          expect(sorted((await a.sessions.list('anna')).map(({ id }) => id))).toEqual(sorted(live));
        },
      );
    });
  });

  it('in memory are listed, limited and ended as well', async () => {
    const node = await startPlayground(adapter, { enabled: false, maxSessionsPerUser: 2 });
    const browsers = [new Browser(node.url), new Browser(node.url), new Browser(node.url)];
    for (const browser of browsers) await node.visit(browser, (session) => session.authenticate('anna'));
    expect(await node.sessions.count('anna')).toBe(2);
    expect(await node.sessions.count()).toBe(2);
    expect(await node.sessions.destroyAll('anna')).toBe(2);
    expect(await node.sessions.list('anna')).toEqual([]);
    await node.close();
  });
});
