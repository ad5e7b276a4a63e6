import { expect, it } from '@jest/globals';
import { newToken } from '../../lib/core/token.js';
import { eachAdapter } from '../support/apps.js';
import { watchCommands } from '../support/commands.js';
import type { Browser } from '../support/cookie-jar.js';
import { startRedis } from '../support/redis-server.js';
import { connectTo, idOf, principalOf, startBank, type Bank } from './bank.js';
import { keyOf } from '../support/records.js';

const redis = await startRedis();

const cookieOf = (browser: Browser): string => `sid=${browser.cookie('sid')}`;

async function login(bank: Bank, name: string): Promise<Browser> {
  const browser = bank.browser();
  await browser.post(`/login?as=${name}`);
  return browser;
}

// What is decided, and why, is in test/unit/core/several-cookies.spec.ts.
eachAdapter('a browser that sends several of our cookies', (adapter) => {
  it('is its one live session, whatever somebody set in front of it', async () => {
    const bank = await startBank(adapter, redis);
    const ann = cookieOf(await login(bank, 'ann'));
    const unknown = Array.from({ length: 15 }, () => `sid=${newToken()}`);
    for (const front of [['sid=1', 'sid=2', 'sid=3', 'sid=4', 'sid=5'], unknown]) {
      expect(await principalOf(bank.browser(), [...front, ann].join('; '))).toBe('ann');
    }
  });

  it('is nobody with two live ones, looks them up at the same time, and extends neither', async () => {
    const bank = await startBank(adapter, redis);
    const client = connectTo(redis);
    const [ann, bob] = [await login(bank, 'ann'), await login(bank, 'bob')];
    const keys = [keyOf(await idOf(ann)), keyOf(await idOf(bob))];
    for (const key of keys) await client.pexpire(key, 60_000);
    const cookie = `${cookieOf(ann)}; ${cookieOf(bob)}`;
    const watch = await watchCommands(redis.port);
    const answer = await bank.browser().get('/whoami', { cookie });
    expect((await watch.take()).length).toBeLessThanOrEqual(4);
    watch.close();
    expect([answer.json<{ principal?: string }>().principal, answer.setCookies]).toEqual([undefined, []]);
    for (const key of keys) expect(await client.pttl(key)).toBeLessThanOrEqual(60_000);
  });

  it('costs no Redis command with more than 16', async () => {
    const bank = await startBank(adapter, redis);
    const ann = cookieOf(await login(bank, 'ann'));
    const cookie = [ann, ...Array.from({ length: 16 }, () => `sid=${newToken()}`)].join('; ');
    const watch = await watchCommands(redis.port);
    expect(await principalOf(bank.browser(), cookie)).toBeUndefined();
    expect(await watch.take()).toEqual([]);
    watch.close();
  });

  it('logs in and is somebody from then on', async () => {
    const bank = await startBank(adapter, redis);
    const [ann, bob] = [cookieOf(await login(bank, 'ann')), cookieOf(await login(bank, 'bob'))];
    const browser = bank.browser();
    await browser.post('/login?as=eve', undefined, { cookie: `${ann}; ${bob}` });
    // The cookie of the login took the place of one of the two at most.
    expect(await principalOf(browser, `${ann}; ${cookieOf(browser)}`)).toBe('eve');
    for (const ended of [ann, bob]) expect(await principalOf(bank.browser(), ended)).toBeUndefined();
  });

  it('logs out of all of them', async () => {
    const bank = await startBank(adapter, redis);
    const [ann, bob] = [cookieOf(await login(bank, 'ann')), cookieOf(await login(bank, 'bob'))];
    const { status, setCookies } = await bank
      .browser()
      .post('/logout', undefined, { cookie: `${ann}; ${bob}` });
    expect([status, setCookies.map(({ maxAge }) => maxAge)]).toEqual([201, [0]]);
    for (const ended of [ann, bob]) expect(await principalOf(bank.browser(), ended)).toBeUndefined();
  });

  it('passes the CSRF guard with the token of any of them', async () => {
    const bank = await startBank(adapter, redis);
    const [ann, bob] = [await login(bank, 'ann'), await login(bank, 'bob')];
    const { csrf } = (await bob.get('/form')).json<{ csrf: string }>();
    const options = { cookie: `${cookieOf(ann)}; ${cookieOf(bob)}`, headers: { 'x-csrf-token': csrf } };
    expect((await bank.browser().post('/transfer', undefined, options)).status).toBe(201);
    expect((await ann.post('/transfer', undefined, { headers: { 'x-csrf-token': csrf } })).status).toBe(403);
  });
});
