import { afterEach, describe, expect, it } from '@jest/globals';
import {
  SessionDestroyedError,
  SessionGoneError,
  SessionUsageError,
  type SessionModuleOptions,
} from 'nestjs-redis-session';
import { eachAdapter } from '../support/apps.js';
import { Browser } from '../support/cookie-jar.js';
import { partOf, setPart } from '../support/record-fields.js';
import { keyOf } from '../support/records.js';
import { redisClient } from '../support/redis-client.js';
import { startRedis } from '../support/redis-server.js';
import { eventually } from '../support/eventually.js';
import { redisAt, startPlayground, type AnySession, type Playground } from './helpers/playground.js';

const redis = await startRedis();
const client = redisClient(redis.port);

/** Milliseconds, if they are that many. */
function longer(milliseconds: number, than: number): number | undefined {
  return milliseconds > than ? milliseconds : undefined;
}

/** Seconds since then, by the server's clock, moved for the test by writing to the record. */
async function usedSecondsAgo(id: string, seconds: number): Promise<void> {
  const key = keyOf(id);
  const then = Number(await partOf(client, key, 'used')) - seconds * 1000;
  for (const part of ['used', 'created'] as const) await setPart(client, key, part, then);
}

eachAdapter('the members of a session', (adapter) => {
  let site: Playground;
  afterEach(() => site.close());

  const start = async (options: SessionModuleOptions = {}): Promise<Browser> => {
    site = await startPlayground(adapter, { ...redisAt(redis), storeGuests: true, ...options });
    return new Browser(site.url);
  };
  const stored = async (options?: SessionModuleOptions): Promise<{ browser: Browser; id: string }> => {
    const browser = await start(options);
    const { result: id } = await site.visit(browser, (session) => {
      session.value = 'v';
      return session.id;
    });
    return { browser, id };
  };

  it('id is the same in each request, is not the token, and cannot serve as one', async () => {
    const { browser, id } = await stored();
    expect((await site.visit(browser, (session) => session.id)).result).toBe(id);
    expect(id).toMatch(/^[\w-]{47}$/);
    expect(id).not.toBe(browser.cookie('sid'));
    browser.jar.store({ name: 'sid', value: id, path: '/' });
    expect((await site.visit(browser, (session) => session.isNew)).result).toBe(true);
  });

  it('isNew is true in the request that begins the session, and only there', async () => {
    const browser = await start();
    const seen: boolean[] = [];
    for (let request = 0; request < 3; request += 1) {
      await site.visit(browser, (session) => {
        session.value = request;
        seen.push(session.isNew);
      });
    }
    expect(seen).toEqual([true, false, false]);
  });

  it('createdAt stays; lastAccessedAt is the use before this request', async () => {
    const { browser, id } = await stored();
    await usedSecondsAgo(id, 100);
    const first = (await site.visit(browser, times)).result;
    expect(first.createdAt).toBe(first.lastAccessedAt);
    const second = (await site.visit(browser, times)).result;
    expect(second.createdAt).toBe(first.createdAt);
    expect(second.lastAccessedAt - first.lastAccessedAt).toBeGreaterThanOrEqual(100_000);
    expect(second.expiresAt - second.lastAccessedAt).toBeGreaterThanOrEqual(1_800_000);
  });

  it('each use extends the expiry, saved or not, and expiresAt tells it', async () => {
    const { browser, id } = await stored({ idleTimeoutSeconds: 600, touchIntervalSeconds: 0 });
    const key = keyOf(id);
    for (const use of [() => undefined, (session: AnySession) => (session.value = 'w')]) {
      await client.pexpire(key, 5_000);
      const { result: expiresAt } = await site.visit(browser, (session) => {
        use(session);
        return session.expiresAt?.getTime() ?? 0;
      });
      // A use is noted in the background.
      const ttl = await eventually('it is extended', async () => longer(await client.pttl(key), 595_000));
      expect(ttl).toBeLessThanOrEqual(600_000);
      expect(Math.abs(expiresAt - (Date.now() + ttl))).toBeLessThan(1_000);
    }
  });

  it('the absolute timeout ends a session however much it is used', async () => {
    const { browser, id } = await stored({ idleTimeoutSeconds: 600, absoluteTimeoutSeconds: 60 });
    const key = keyOf(id);
    expect(await client.pttl(key)).toBeLessThanOrEqual(60_000);
    const until = Number(await partOf(client, key, 'until'));
    const { result: expiresAt } = await site.visit(browser, (session) => session.expiresAt?.getTime());
    expect(expiresAt).toBe(until);
    await setPart(client, key, 'until', until - 61_000);
    expect((await site.visit(browser, (session) => [session.isNew, session.value])).result).toEqual([
      true,
      undefined,
    ]);
  });

  describe('maxInactiveInterval', () => {
    it('is the idle timeout by default; setting it is saved and survives', async () => {
      const { browser, id } = await stored({ touchIntervalSeconds: 0 });
      await site.visit(browser, (session) => {
        expect(session.maxInactiveInterval).toBe(1800);
        session.maxInactiveInterval = 42;
      });
      const key = keyOf(id);
      expect(await client.pttl(key)).toBeLessThanOrEqual(42_000);
      await client.pexpire(key, 1_000);
      expect((await site.visit(browser, (session) => session.maxInactiveInterval)).result).toBe(42);
      const ttl = await eventually('it is extended', async () => longer(await client.pttl(key), 40_000));
      expect(ttl).toBeLessThanOrEqual(42_000);
    });

    it('0 or less: never ends for idleness, and still no key is without an expiry', async () => {
      const { browser, id } = await stored();
      const { result } = await site.visit(browser, (session) => {
        session.maxInactiveInterval = 0;
        return session.expiresAt;
      });
      expect(result).toBeUndefined();
      expect(await client.pttl(keyOf(id))).toBeGreaterThan(365 * 86_400_000);
    });

    it.each([NaN, 1.5, Infinity, '60', null])('%p is refused and changes nothing', async (value) => {
      const { browser } = await stored();
      const { result } = await site.visit(browser, (session) => {
        expect(() => Reflect.set(session, 'maxInactiveInterval', value)).toThrow(SessionUsageError);
        return session.maxInactiveInterval;
      });
      expect(result).toBe(1800);
    });
  });

  describe('authenticate()', () => {
    it('sets the principal, changes token and id, keeps the attributes, and is stored when it resolves', async () => {
      const { browser, id } = await stored();
      const straggler = browser.clone();
      const { result, response } = await site.visit(browser, async (session) => {
        expect(session.principal).toBeUndefined();
        session.other = 'with the login';
        await session.authenticate(7);
        return { id: session.id, stored: await partOf(client, keyOf(session.id), 'principal') };
      });
      expect(result.stored).toBe('7');
      expect(result.id).not.toBe(id);
      expect(response.setCookies).toHaveLength(1);
      const later = await site.visit(browser, ({ principal, value, other }) => ({ principal, value, other }));
      expect(later.result).toEqual({ principal: '7', value: 'v', other: 'with the login' });
      expect((await site.visit(straggler, ({ value }) => value)).result).toBeUndefined();
    });

    it('logs in over a planted token without adopting it', async () => {
      const browser = await start();
      browser.jar.store({ name: 'sid', value: 'P'.repeat(47), path: '/' });
      await site.visit(browser, (session) => session.authenticate('ada'));
      expect(browser.cookie('sid')).not.toBe('P'.repeat(47));
      expect((await site.visit(browser, ({ principal }) => principal)).result).toBe('ada');
    });

    it.each(['', NaN, undefined, {}])('refuses %p', async (principal) => {
      const browser = await start();
      await site.visit(browser, async (session) => {
        const authenticate = Reflect.get(session, 'authenticate') as (who: unknown) => Promise<void>;
        await expect(authenticate(principal)).rejects.toThrow(SessionUsageError);
      });
    });
  });

  it('regenerateId() changes token and id, keeps the attributes, and kills the old ones', async () => {
    const { browser, id } = await stored();
    const straggler = browser.clone();
    const { result } = await site.visit(browser, async (session) => {
      await session.regenerateId();
      return session.id;
    });
    expect(result).not.toBe(id);
    expect((await site.visit(browser, (session) => [session.id, session.value])).result).toEqual([
      result,
      'v',
    ]);
    expect((await site.visit(straggler, ({ value }) => value)).result).toBeUndefined();
    expect(await site.sessions.open(id)).toBeUndefined();
  });

  it('reload() drops what was not saved and sees what others saved', async () => {
    const { browser } = await stored();
    await site.visit(browser, async (session) => {
      const other = await site.sessions.open<{ other: string }>(session.id);
      if (other !== undefined) other.other = 'theirs';
      await other?.save();
      session.value = 'dropped';
      await session.reload();
      expect({ ...session }).toEqual({ value: 'v', other: 'theirs' });
      await site.sessions.destroy(session.id);
      await expect(session.reload()).rejects.toThrow(SessionGoneError);
    });
  });

  it('update() resolves to the new value, starts from the stored one, and removes by undefined', async () => {
    const { browser } = await stored();
    await site.visit(browser, async (session) => {
      const count = (): Promise<unknown> => session.update('other', (current) => Number(current ?? 0) + 1);
      expect([await count(), await count()]).toEqual([1, 2]);
      expect(session.other).toBe(2);
      expect(await session.update('value', () => undefined)).toBeUndefined();
    });
    expect((await site.visit(browser, (session) => ({ ...session }))).result).toEqual({ other: 2 });
  });

  it('destroy() leaves an empty session, and the cookie goes where nothing is begun', async () => {
    const { browser } = await stored();
    const { response } = await site.visit(browser, async (session) => {
      await session.destroy();
      await session.destroy();
      expect(Object.keys(session)).toEqual([]);
    });
    expect(response.setCookies).toMatchObject([{ value: '', maxAge: 0 }]);
  });

  it('after destroy() the same request may leave a message, and log in as somebody else', async () => {
    const { browser } = await stored();
    await site.visit(browser, async (session) => {
      await session.destroy();
      session.value = 'bye';
    });
    expect((await site.visit(browser, (session) => ({ ...session }))).result).toEqual({ value: 'bye' });
    await site.visit(browser, async (session) => {
      await session.destroy();
      await session.authenticate('bob');
    });
    const { result } = await site.visit(browser, (session) => [session.principal, { ...session }]);
    expect(result).toEqual(['bob', {}]);
  });

  it('outside a request nothing can begin after destroy(), and it says so', async () => {
    const { id } = await stored();
    const session = await site.sessions.open<Record<string, unknown>>(id);
    await session?.destroy();
    expect(() => Object.assign(session ?? {}, { value: 1 })).toThrow(SessionDestroyedError);
  });
});

function times(session: AnySession): Record<'createdAt' | 'lastAccessedAt' | 'expiresAt', number> {
  const { createdAt, lastAccessedAt, expiresAt } = session;
  return {
    createdAt: createdAt.getTime(),
    lastAccessedAt: lastAccessedAt.getTime(),
    expiresAt: expiresAt?.getTime() ?? NaN,
  };
}
