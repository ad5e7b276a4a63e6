import { beforeAll, describe, expect, it } from '@jest/globals';
import { RequireRecentLogin } from 'nestjs-redis-session';
import { eachAdapter } from '../support/apps.js';
import type { Browser } from '../support/cookie-jar.js';
import { partOf, setPart } from '../support/record-fields.js';
import { startRedis } from '../support/redis-server.js';
import { connectTo, idOf, startBank, type Bank } from './bank.js';
import { keyOf } from '../support/records.js';

const redis = await startRedis();
const client = connectTo(redis);

/** Makes the login of a session as old as this. */
async function ageLogin(browser: Browser, seconds: number): Promise<void> {
  const key = keyOf(await idOf(browser));
  const login = Number(await partOf(client, key, 'login'));
  await setPart(client, key, 'login', login - seconds * 1000);
}

async function authenticatedAt(browser: Browser): Promise<number | undefined> {
  const text = (await browser.get('/whoami')).json<{ authenticatedAt?: string }>().authenticatedAt;
  return text === undefined ? undefined : Date.parse(text);
}

eachAdapter('recent login', (adapter) => {
  let bank: Bank;
  beforeAll(async () => {
    bank = await startBank(adapter, redis);
  });

  it('a handler behind @RequireRecentLogin is open after a login, and closed when that is too long ago', async () => {
    const browser = bank.browser();
    expect((await browser.post('/settings')).status).toBe(401);
    await browser.post('/login');
    expect((await browser.post('/settings')).text).toBe('changed');
    await ageLogin(browser, 299);
    expect((await browser.post('/settings')).status).toBe(201);
    await ageLogin(browser, 2);
    expect((await browser.post('/settings')).status).toBe(401);
    await browser.post('/login');
    expect((await browser.post('/settings')).status).toBe(201);
  });

  it('use of the session, an id change and another node do not make a login newer', async () => {
    const browser = bank.browser();
    await browser.post('/login');
    const at = await authenticatedAt(browser);
    await ageLogin(browser, 301);
    await browser.post('/write', { seen: 1 });
    await browser.post('/renew');
    expect(await authenticatedAt(browser)).toBe((at as number) - 301_000);
    expect((await browser.post('/settings')).status).toBe(401);
  });

  it('authenticatedAt is the time of the login, and nothing before it and after a logout', async () => {
    const browser = bank.browser();
    await browser.post('/write', { cart: [] });
    expect(await authenticatedAt(browser)).toBeUndefined();
    const atLogin = (await browser.post('/login')).json<{ authenticatedAt: string }>().authenticatedAt;
    expect(Date.parse(atLogin)).toBe(await authenticatedAt(browser));
    const [seconds, micros] = await client.time();
    const now = Number(seconds) * 1000 + Number(micros) / 1000;
    expect(Math.abs(now - ((await authenticatedAt(browser)) as number))).toBeLessThan(2000);
    await browser.post('/logout');
    expect(await authenticatedAt(browser)).toBeUndefined();
  });
});

describe('@RequireRecentLogin', () => {
  it.each([0, -1, 1.5, Number.NaN])('refuses %p seconds where it is written', (seconds) => {
    expect(() => RequireRecentLogin(seconds)).toThrow(/whole number of seconds/);
  });
});
