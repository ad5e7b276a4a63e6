import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { RedisSessionModule, type SessionModuleOptions } from 'nestjs-redis-session';
import { eachAdapter, LogSink, startApp } from '../support/apps.js';
import type { ReceivedCookie } from '../support/cookie-jar.js';
import { startRedis } from '../support/redis-server.js';
import { principalOf, startBank } from './bank.js';

const redis = await startRedis();
const FIRST = 'Tr0ub4dor-horse-battery-lamp-moon-7';
const SECOND = 'zebra_Quilt_92_marble_fountain_kite';

/** As a proxy that ends TLS tells it. */
const OVER_TLS = { headers: { 'x-forwarded-proto': 'https' } };

eachAdapter('the cookie', (adapter) => {
  const environment = process.env['NODE_ENV'];
  afterEach(() => {
    process.env['NODE_ENV'] = environment;
  });

  async function cookieOf(options: SessionModuleOptions, production = false): Promise<ReceivedCookie> {
    process.env['NODE_ENV'] = production ? 'production' : 'test';
    const bank = await startBank(adapter, redis, options);
    const [cookie] = (await bank.browser().post('/login')).setCookies;
    return cookie as ReceivedCookie;
  }

  it('is in production by default __Host-, Secure, HttpOnly, SameSite=Lax, Path=/ and nothing else', async () => {
    const { value, ...cookie } = await cookieOf({}, true);
    expect(value).toMatch(/^[\w-]{47}$/);
    expect(cookie).toEqual({ name: '__Host-sid', path: '/', httpOnly: true, secure: true, sameSite: 'lax' });
  });

  it('does not get in the way on http://localhost', async () => {
    const { value: _value, ...cookie } = await cookieOf({});
    expect(cookie).toEqual({ name: 'sid', path: '/', httpOnly: true, sameSite: 'lax' });
  });

  it("is Secure over TLS by the framework's own trust in proxies, and a client cannot claim it", async () => {
    const trusting = await startBank(
      adapter,
      redis,
      {},
      {
        configure: (app) => {
          if (adapter === 'express')
            (app.getHttpAdapter().getInstance() as { set(k: string, v: unknown): void }).set(
              'trust proxy',
              1,
            );
        },
      },
    );
    const [believed] = (await trusting.browser().post('/login', undefined, OVER_TLS)).setCookies;
    // Fastify is told to trust when it is made, which this one was not.
    expect(believed?.name).toBe(adapter === 'express' ? '__Host-sid' : 'sid');
    expect(believed?.secure).toBe(adapter === 'express' ? true : undefined);
    const wary = await startBank(adapter, redis);
    expect((await wary.browser().post('/login', undefined, OVER_TLS)).setCookies[0]?.secure).toBeUndefined();
  });

  it('of another path, domain, name and SameSite is as it was asked for', async () => {
    const { value: _value, ...cookie } = await cookieOf({
      cookie: {
        name: 'shop',
        path: '/app',
        domain: 'example.com',
        sameSite: 'strict',
        secure: true,
        maxAgeSeconds: 60,
      },
    });
    expect(cookie).toEqual({
      name: 'shop',
      path: '/app',
      domain: 'example.com',
      sameSite: 'strict',
      secure: true,
      httpOnly: true,
      maxAge: 60,
    });
    expect((await cookieOf({ cookie: { secure: true, domain: 'example.com' } })).name).toBe('sid');
  });
});

eachAdapter('a Secure cookie that browsers drop', (adapter) => {
  it.each<[boolean, string, boolean]>([
    [true, 'shop.example', true],
    [true, 'localhost:3000', false],
    [false, 'shop.example', false],
  ])('with secure: %p at http://%s is warned of: %p', async (secure, host, warned) => {
    const log = new LogSink();
    const bank = await startBank(adapter, redis, { cookie: { secure } }, { logger: log });
    for (let n = 0; n < 3; n += 1) await bank.browser().post('/login', undefined, { headers: { host } });
    const lines = log.messages('warn').filter((line) => line.includes('plain HTTP'));
    expect(lines).toHaveLength(warned ? 1 : 0);
  });
});

eachAdapter('signed cookies', (adapter) => {
  it('survive a rotation of the secrets, and die with the last secret that verifies them', async () => {
    const banks = [];
    for (const secrets of [[FIRST], [SECOND, FIRST], [SECOND]])
      banks.push(await startBank(adapter, redis, { secrets }));
    const [before, during, after] = banks as [(typeof banks)[0], (typeof banks)[0], (typeof banks)[0]];
    const browser = before.browser();
    await browser.post('/login?as=alice');
    const cookie = `sid=${browser.cookie('sid')}`;
    expect(await principalOf(during.browser(), cookie)).toBe('alice');
    expect(await principalOf(after.browser(), cookie)).toBeUndefined();
    const later = during.browser();
    await later.post('/login?as=bob');
    expect(await principalOf(after.browser(), `sid=${later.cookie('sid')}`)).toBe('bob');
  });

  it('are never accepted without the signature, with another one or under another name', async () => {
    const bank = await startBank(adapter, redis, { secrets: [FIRST] });
    const other = await startBank(adapter, redis, { secrets: [FIRST], cookie: { name: 'other' } });
    const browser = bank.browser();
    await browser.post('/login?as=alice');
    const signed = browser.cookie('sid') as string;
    const [token, signature] = signed.split('.') as [string, string];
    expect(await principalOf(bank.browser(), `sid=${signed}`)).toBe('alice');
    const forged = [
      token,
      `${token}.`,
      `${token}.${signature.slice(1)}`,
      `${token}.${'A'.repeat(43)}`,
      `${token}..${signature}`,
      `${signed}.${signature}`,
    ];
    for (const value of forged) expect(await principalOf(bank.browser(), `sid=${value}`)).toBeUndefined();
    expect(await principalOf(other.browser(), `other=${signed}`)).toBeUndefined();
  });
});

describe('contradictory cookie options are refused at boot:', () => {
  const environment = process.env['NODE_ENV'];
  beforeEach(() => {
    process.env['NODE_ENV'] = 'test';
  });
  afterEach(() => {
    process.env['NODE_ENV'] = environment;
  });
  const refused: [string, SessionModuleOptions, RegExp][] = [
    ['__Host- with a domain', { cookie: { name: '__Host-a', domain: 'a.example', secure: true } }, /domain/],
    ['__Host- with a path', { cookie: { name: '__Host-a', path: '/a', secure: true } }, /path/],
    ['__Secure- without Secure', { cookie: { name: '__Secure-a', secure: false } }, /Secure/],
    ['SameSite=None without Secure', { cookie: { sameSite: 'none' } }, /COOKIE_SECURE=true/],
    ['Partitioned without Secure', { cookie: { partitioned: true } }, /COOKIE_SECURE=true/],
    ['more than 4096 bytes', { cookie: { name: 'a'.repeat(4096) } }, /4096/],
    ['more than 400 days', { cookie: { maxAgeSeconds: 34_560_001 } }, /400 days/],
    ['a short secret', { secrets: ['short'] }, /32 bytes/],
    ['a sample as a secret', { secrets: ['keyboard cat keyboard cat keyboard cat'] }, /sample/],
    ['an unknown option', { cookie: { httpOnly: false } as object }, /is not an option/],
  ];
  it.each(refused)('%s', async (_what, options, reason) => {
    const app = startApp('express', {
      imports: [RedisSessionModule.forRoot({ enabled: false, ...options })],
    });
    await expect(app).rejects.toThrow(reason);
  });
});
