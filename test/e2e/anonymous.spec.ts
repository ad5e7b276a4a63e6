import { afterEach, describe, expect, it } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { type SessionModuleOptions } from 'nestjs-redis-session';
import { eachAdapter } from '../support/apps.js';
import { Browser } from '../support/cookie-jar.js';
import { keyOf } from '../support/records.js';
import { redisClient } from '../support/redis-client.js';
import { startRedis } from '../support/redis-server.js';
import { eventually } from '../support/eventually.js';
import { redisAt, startPlayground, type AnySession, type Playground } from './helpers/playground.js';

const redis = await startRedis();
const client = redisClient(redis.port);
afterEach(() => client.flushall());

const pttl = (id: string): Promise<number> => client.pttl(keyOf(id));
const read = (session: AnySession): unknown[] => [session.value, session.other];

/** The shared copy expires now, by Redis's own doing. */
async function expireCopy(id: string): Promise<void> {
  await client.pexpire(keyOf(id), 1);
  await eventually('the copy has expired', async () =>
    (await client.exists(keyOf(id))) === 0 ? true : undefined,
  );
}

eachAdapter('anonymous traffic', (adapter) => {
  let nodes: Playground[] = [];
  afterEach(() => Promise.all(nodes.map((node) => node.close())));

  /** Two nodes, and a visitor of the first who has a session. */
  const start = async (options: SessionModuleOptions = {}): Promise<Scene> => {
    const all = { ...redisAt(redis), ...options };
    const a = await startPlayground(adapter, all);
    const b = await startPlayground(adapter, all);
    nodes = [a, b];
    const browser = new Browser(a.url);
    const { result: id } = await a.visit(browser, (session) => {
      session.value = 'cart';
      return session.id;
    });
    return { a, b, browser, id };
  };

  describe('by default', () => {
    it('leaves a copy of at most 15 seconds in Redis, however often it is used', async () => {
      const { a, b, browser, id } = await start();
      for (const use of [() => undefined, read, (session: AnySession) => void (session.other = 1)]) {
        for (const node of [a, b]) {
          await node.visit<unknown>(browser, use);
          expect(await pttl(id)).toBeGreaterThan(14_000);
          expect(await pttl(id)).toBeLessThanOrEqual(15_000);
        }
      }
      await a.visit(browser, (session) => (session.maxInactiveInterval = 3600));
      expect(await pttl(id)).toBeLessThanOrEqual(15_000);
    });

    it('the copy lives as long as UNDEFINED_SESSION_TYPE_TIMEOUT says', async () => {
      const { id } = await start({ guestCopySeconds: 5 });
      expect(await pttl(id)).toBeLessThanOrEqual(5_000);
      expect(await pttl(id)).toBeGreaterThan(4_000);
    });

    it('the other node serves it while the copy is there', async () => {
      const { a, b, browser } = await start();
      await b.visit(browser, (session) => void (session.other = 'from b'));
      expect((await a.visit(browser, read)).result).toEqual(['cart', 'from b']);
    });

    it('its own node serves it from memory when the copy has expired, with its idle life', async () => {
      const { a, b, browser, id } = await start();
      await expireCopy(id);
      const { result } = await a.visit(browser, (session) => [session.value, session.isNew, session.id]);
      expect(result).toEqual(['cart', false, id]);
      expect((await b.visit(browser.clone(), read)).result).toEqual([undefined, undefined]);
    });

    it('a change puts the whole session back where the copy has expired', async () => {
      const { a, b, browser, id } = await start();
      await expireCopy(id);
      await a.visit(browser, (session) => void (session.other = 'later'));
      expect(await pttl(id)).toBeGreaterThan(14_000);
      expect((await b.visit(browser, read)).result).toEqual(['cart', 'later']);
    });

    it('an older copy in memory never overwrites what another node has stored', async () => {
      const { a, b, browser } = await start();
      await b.visit(browser, (session) => void (session.value = 'newer'));
      await a.visit(browser, (session) => void (session.other = 'from a'));
      expect((await b.visit(browser, read)).result).toEqual(['newer', 'from a']);
      expect((await a.visit(browser, read)).result).toEqual(['newer', 'from a']);
    });
  });

  describe('authenticate()', () => {
    it('moves the session to Redis whole, for its full life, and forgets the copy in memory', async () => {
      const { a, b, browser, id } = await start();
      await a.visit(browser, (session) => session.authenticate('ada'));
      const { result } = await b.visit(browser, (session) => [
        ...read(session),
        session.principal,
        session.id,
      ]);
      expect(result.slice(0, 3)).toEqual(['cart', undefined, 'ada']);
      const newId = String(result[3]);
      expect(newId).not.toBe(id);
      expect(await pttl(newId)).toBeGreaterThan(1_795_000);
      await client.del(keyOf(newId));
      expect((await a.visit(browser.clone(), read)).result).toEqual([undefined, undefined]);
      expect((await b.visit(browser.clone(), read)).result).toEqual([undefined, undefined]);
    });

    it('moves it whole also when its copy in Redis had expired', async () => {
      const { a, b, browser, id } = await start();
      await expireCopy(id);
      await a.visit(browser, (session) => session.authenticate('ada'));
      const { result } = await b.visit(browser, (session) => [session.value, session.principal]);
      expect(result).toEqual(['cart', 'ada']);
    });

    it('on one node ends the old id on the other, whose memory still has it', async () => {
      const { a, b, browser, id } = await start();
      const straggler = browser.clone();
      await b.visit(browser, (session) => session.authenticate('ada'));
      const { result, response } = await a.visit(straggler, (session) => {
        session.other = 'too late';
        return session.value;
      });
      expect(result).toBeUndefined();
      expect(response.setCookies).toEqual([]);
      expect(await a.sessions.open(id)).toBeUndefined();
      expect((await a.visit(browser, read)).result).toEqual(['cart', undefined]);
    });
  });

  it('an id change keeps the session anonymous, in its node’s memory too', async () => {
    const { a, browser } = await start();
    const { result: newId } = await a.visit(browser, async (session) => {
      await session.regenerateId();
      return session.id;
    });
    expect(await pttl(newId)).toBeLessThanOrEqual(15_000);
    await expireCopy(newId);
    expect((await a.visit(browser, read)).result).toEqual(['cart', undefined]);
  });

  it('a logout on one node is final on the other, whose memory still has the session', async () => {
    const { a, b, browser, id } = await start();
    const straggler = browser.clone();
    await b.visit(browser, (session) => session.destroy());
    expect((await a.visit(straggler, read)).result).toEqual([undefined, undefined]);
    expect(await a.sessions.open(id)).toBeUndefined();
  });

  it('a logout after the copy has expired is final on the other node too', async () => {
    const { a, b, browser, id } = await start();
    await b.visit(browser, read);
    await expireCopy(id);
    await a.visit(browser.clone(), (session) => session.destroy());
    expect((await b.visit(browser, read)).result).toEqual([undefined, undefined]);
  });

  it('isAuthenticated says for itself who is logged in: full life from then on', async () => {
    const { a, b, browser, id } = await start({ isAuthenticated: (session) => 'user' in session });
    expect(await pttl(id)).toBeLessThanOrEqual(15_000);
    await a.visit(browser, (session) => void (session['user'] = 'ada'));
    expect(await pttl(id)).toBeGreaterThan(1_795_000);
    expect((await b.visit(browser, (session) => [session['user'], session.value])).result).toEqual([
      'ada',
      'cart',
    ]);
    await client.del(keyOf(id));
    expect((await a.visit(browser.clone(), read)).result).toEqual([undefined, undefined]);
  });

  it('ENABLED_FOR_ANON_TRAFFIC stores every session in Redis for its full life, and none in memory', async () => {
    const { a, browser, id } = await start({ storeGuests: true });
    expect(await pttl(id)).toBeGreaterThan(1_795_000);
    await client.del(keyOf(id));
    expect((await a.visit(browser.clone(), read)).result).toEqual([undefined, undefined]);
  });

  it('memory is bounded: the oldest sessions go first', async () => {
    const { a } = await start({ memory: { maxSessions: 3 } });
    const visitors: { browser: Browser; id: string }[] = [];
    for (let at = 0; at < 5; at += 1) {
      const browser = new Browser(a.url);
      const { result: id } = await a.visit(browser, (session) => {
        session.value = at;
        return session.id;
      });
      visitors.push({ browser, id });
    }
    await Promise.all(visitors.map(({ id }) => expireCopy(id)));
    const kept: unknown[] = [];
    for (const { browser } of visitors) kept.push((await a.visit(browser, ({ value }) => value)).result);
    expect(kept).toEqual([undefined, undefined, 2, 3, 4]);
  });

  describe('keep()', () => {
    const newKeys = (): string[] => [randomBytes(32).toString('base64')];

    it.each<[string, SessionModuleOptions]>([
      ['a session of a guest', {}],
      ['an encrypted one', { encryptionKeys: newKeys() }],
      ['one where each change is saved at once', { policies: ['SAVE_ON_CHANGE'] }],
    ])('stores %s in Redis for its whole life, for every node', async (_what, options) => {
      const { a, b, browser, id } = await start(options);
      await a.visit(browser, (session) => session.keep());
      expect(await pttl(id)).toBeGreaterThan(1_795_000);
      await b.visit(browser, (session) => void (session.other = 'from b'));
      await b.visit(browser, (session) => session.update('count', () => 1));
      expect(await pttl(id)).toBeGreaterThan(1_795_000);
      expect((await a.visit(browser, read)).result).toEqual(['cart', 'from b']);
      const { result } = await a.visit(browser, (session) => [session.id, session.principal]);
      expect(result).toEqual([id, undefined]);
      await b.visit(browser, (session) => session.destroy());
      expect((await a.visit(browser.clone(), read)).result).toEqual([undefined, undefined]);
    });

    it('gives a new visitor an id that lasts, though nothing is in the session', async () => {
      const { a, b } = await start();
      const visitor = new Browser(a.url);
      const idOf = (session: AnySession): string => {
        session.keep();
        return session.id;
      };
      const { result: id } = await a.visit(visitor, idOf);
      expect((await b.visit(visitor, idOf)).result).toBe(id);
      expect(await pttl(id)).toBeGreaterThan(1_795_000);
      expect((await a.visit(visitor, (session) => [session.isNew, Object.keys(session)])).result).toEqual([
        false,
        [],
      ]);
    });

    it('makes nobody a user: it is in no list, count or look at all sessions', async () => {
      const { a, browser, id } = await start();
      await a.visit(browser, (session) => session.keep());
      expect((await a.sessions.peek(id))?.principal).toBeUndefined();
      expect(await a.sessions.count()).toBe(0);
      for await (const session of a.sessions.all()) expect(session).toBe('none');
    });

    it('leaves no copy in memory that could outlive the record', async () => {
      const { a, browser, id } = await start();
      await a.visit(browser, (session) => session.keep());
      await client.del(keyOf(id));
      expect((await a.visit(browser.clone(), read)).result).toEqual([undefined, undefined]);
    });

    it('works without Redis', async () => {
      const site = await startPlayground(adapter, {});
      nodes.push(site);
      const visitor = new Browser(site.url);
      const { result: id } = await site.visit(visitor, (session) => {
        session.keep();
        return session.id;
      });
      expect((await site.visit(visitor, (session) => session.id)).result).toBe(id);
    });
  });

  it('memory is bounded in bytes too', async () => {
    const { a } = await start({ memory: { maxBytes: 30_000 } });
    const ids: string[] = [];
    for (let at = 0; at < 5; at += 1) {
      const use = (session: AnySession): string => {
        session.value = 'x'.repeat(10_000);
        return session.id;
      };
      ids.push((await a.visit(new Browser(a.url), use)).result);
    }
    await Promise.all(ids.map(expireCopy));
    const found = await Promise.all(ids.map((id) => a.sessions.open(id)));
    expect(found.map((session) => session !== undefined)).toEqual([false, false, false, true, true]);
  });
});

interface Scene {
  readonly a: Playground;
  readonly b: Playground;
  readonly browser: Browser;
  readonly id: string;
}
