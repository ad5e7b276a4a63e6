import { beforeAll, expect, it } from '@jest/globals';
import { idOf as idOfToken, newToken } from '../../lib/core/token.js';
import { eachAdapter, LogSink } from '../support/apps.js';
import { startRedis } from '../support/redis-server.js';
import { connectTo, idOf, principalOf, startBank, type Bank } from './bank.js';
import { keyOf } from '../support/records.js';

const redis = await startRedis();
const client = connectTo(redis);

eachAdapter('tokens', (adapter) => {
  let bank: Bank;
  const log = new LogSink();
  beforeAll(async () => {
    bank = await startBank(adapter, redis, {}, { logger: log });
  });

  it('carry 256 random bits in base64url, and never repeat', async () => {
    const tokens = new Set<string>();
    const bits = new Array<number>(256).fill(0);
    for (let i = 0; i < 200; i += 1) {
      const browser = bank.browser();
      await browser.post('/write', { n: i });
      const token = browser.cookie('sid') as string;
      expect(token).toMatch(/^[A-Za-z0-9_-]{47}$/);
      tokens.add(token);
      // After the slot tag of four letters.
      const secret = Buffer.from(token.slice(4), 'base64url');
      expect(secret).toHaveLength(32);
      bits.forEach(
        (_, bit) => (bits[bit] = (bits[bit] as number) + (((secret[bit >> 3] as number) >> (bit & 7)) & 1)),
      );
    }
    expect(tokens.size).toBe(200);
    // Each bit is set in about 100 of 200: 45 is six standard deviations away.
    for (const count of bits) expect(Math.abs(count - 100)).toBeLessThan(45);
  });

  it('are only in the cookie: nothing from Redis, logs or responses works as one', async () => {
    log.clear();
    const browser = bank.browser();
    const login = await browser.post('/login?as=alice');
    const token = browser.cookie('sid') as string;
    await browser.post('/write', { cart: ['apple'] });
    const whoami = await browser.get('/whoami');
    await browser.post('/update');
    await browser.get('/nowhere');
    const [, keys] = await client.scan(0, 'COUNT', 10_000);
    const stored = [...keys];
    for (const key of keys) {
      stored.push((await client.dumpBuffer(key))?.toString('latin1') ?? '');
      stored.push(JSON.stringify(await client.hgetall(key)));
    }
    const seen = [...stored, log.text(), login.text, whoami.text, JSON.stringify(whoami.headers)].join('\n');
    expect(seen).not.toContain(token);
    expect(seen).not.toContain(token.slice(4));

    const id = await idOf(browser);
    expect(seen).toContain(id);
    const candidates = new Set(seen.match(/[\w-]{47}/g) ?? []).add(keyOf(id).replace(/[{}]/g, '').slice(-47));
    expect(candidates.size).toBeGreaterThan(0);
    for (const text of candidates) expect(await principalOf(bank.browser(), `sid=${text}`)).toBeUndefined();
    expect(await principalOf(bank.browser(), `sid=${token}`)).toBe('alice');
  });

  it('that the server did not issue are never adopted, and neither create nor clear anything', async () => {
    await client.flushall();
    const madeUp = newToken();
    const browser = bank.browser();
    const read = await browser.get('/whoami', { cookie: `sid=${madeUp}` });
    expect(read.setCookies).toEqual([]);
    expect(read.json<{ id: string }>().id).not.toBe(idOfToken(madeUp));
    await browser.post('/logout', undefined, { cookie: `sid=${madeUp}` });
    expect(await client.dbsize()).toBe(0);

    const written = await browser.post('/write', { cart: [] }, { cookie: `sid=${madeUp}` });
    expect(written.setCookies).toHaveLength(1);
    expect(browser.cookie('sid')).not.toBe(madeUp);
    expect(await client.exists(keyOf(idOfToken(madeUp)))).toBe(0);
  });

  it('of another session cannot be reached by any public id in its place', async () => {
    const browser = bank.browser();
    await browser.post('/login?as=alice');
    const id = await idOf(browser);
    for (const cookie of [
      id,
      keyOf(id),
      encodeURIComponent(keyOf(id)),
      `{${id.slice(0, 4)}}${id.slice(4)}`,
    ]) {
      expect(await principalOf(bank.browser(), `sid=${cookie}`)).toBeUndefined();
    }
  });
});
