import { beforeAll, expect, it } from '@jest/globals';
import { newToken } from '../../lib/core/token.js';
import { eachAdapter } from '../support/apps.js';
import type { Browser } from '../support/cookie-jar.js';
import { recordCount } from '../support/records.js';
import { startRedis } from '../support/redis-server.js';
import { connectTo, principalOf, startBank, type Bank } from './bank.js';

const redis = await startRedis();
const client = connectTo(redis);

/** What an attacker may have planted in the victim's browser before the login, as the cookie's value. */
const PLANTED: [string, (bank: Bank) => Promise<string>][] = [
  ['a token that he made up', async () => newToken()],
  ['the token of a live anonymous session of his', (bank) => tokenOf(bank, '/write')],
  ['the token of a session in which he is logged in himself', (bank) => tokenOf(bank, '/login?as=mallory')],
];

async function tokenOf(bank: Bank, path: string): Promise<string> {
  const browser = bank.browser();
  await browser.post(path, { planted: true });
  return browser.cookie('sid') as string;
}

function plant(browser: Browser, value: string): void {
  browser.jar.store({ name: 'sid', value, path: '/' });
}

eachAdapter('session fixation', (adapter) => {
  let bank: Bank;
  beforeAll(async () => {
    bank = await startBank(adapter, redis);
  });

  it.each(PLANTED)('a login over %s gives the victim a token of her own', async (_what, planted) => {
    const token = await planted(bank);
    const victim = bank.browser();
    plant(victim, token);
    await victim.get('/whoami');
    await victim.post('/login?as=alice');
    expect(victim.cookie('sid')).not.toBe(token);
    expect(await principalOf(victim)).toBe('alice');
    // What the attacker knows leads nowhere: neither to her session nor to one that she uses.
    expect(await principalOf(bank.browser(), `sid=${token}`)).toBeUndefined();
    await victim.post('/write', { balance: 1000 });
    expect((await bank.browser().get('/whoami', { cookie: `sid=${token}` })).text).not.toContain('balance');
  });

  it('a second cookie beside a live one (cookie tossing) does not decide who the user is', async () => {
    const victim = bank.browser();
    await victim.post('/login?as=alice');
    const hers = `sid=${victim.cookie('sid')}`;
    const attackers = `sid=${await tokenOf(bank, '/login?as=mallory')}`;
    const nonsense = ['sid=x', 'sid=', 'sid="', `sid=${newToken()}`];
    for (const bad of nonsense) {
      expect(await principalOf(bank.browser(), `${bad}; ${hers}`)).toBe('alice');
      expect(await principalOf(bank.browser(), `${hers}; ${bad}`)).toBe('alice');
    }
    // Two live ones: nobody, whatever their order, and neither is harmed.
    expect(await principalOf(bank.browser(), `${attackers}; ${hers}`)).toBeUndefined();
    expect(await principalOf(bank.browser(), `${hers}; ${attackers}`)).toBeUndefined();
    expect(await principalOf(victim)).toBe('alice');
  });

  it('the same cookie twice is one', async () => {
    const victim = bank.browser();
    await victim.post('/login?as=alice');
    const hers = `sid=${victim.cookie('sid')}`;
    expect(await principalOf(bank.browser(), `${hers}; ${hers}; ${hers}`)).toBe('alice');
  });

  it('a second login replaces the first one, and kills its token', async () => {
    const browser = bank.browser();
    await browser.post('/login?as=alice');
    const first = browser.cookie('sid') as string;
    await browser.post('/login?as=bob');
    expect(await principalOf(browser)).toBe('bob');
    expect(await principalOf(bank.browser(), `sid=${first}`)).toBeUndefined();
  });

  it('stragglers with the token from before the login neither log in nor out: 0 of 30', async () => {
    let loggedOut = 0;
    for (let i = 0; i < 30; i += 1) {
      const browser = bank.browser();
      await browser.post('/write', { cart: [] });
      const before = `sid=${browser.cookie('sid')}`;
      await browser.post('/login?as=alice');
      for (const late of ['/whoami', '/write', '/logout'] as const) {
        // The answer reaches the very jar that holds the new cookie.
        await browser.request(late === '/whoami' ? 'GET' : 'POST', late, {
          cookie: before,
          body: { late: i },
        });
        // A late logout asks for an end of this session; its own user did that.
        if (late !== '/logout' && (await principalOf(browser)) !== 'alice') loggedOut += 1;
      }
    }
    expect(loggedOut).toBe(0);
  });
});

eachAdapter('logout', (adapter) => {
  it('is final: the token replayed later is anonymous, and no record is left in Redis', async () => {
    await client.flushall();
    const bank = await startBank(adapter, redis);
    const browser = bank.browser();
    await browser.post('/login?as=alice');
    const cookie = `sid=${browser.cookie('sid')}`;
    const logout = await browser.post('/logout');
    expect(logout.setCookies).toMatchObject([{ name: 'sid', value: '', maxAge: 0, path: '/' }]);
    expect(browser.cookie('sid')).toBeUndefined();
    expect(await recordCount(client)).toBe(0);
    expect(await principalOf(bank.browser(), cookie)).toBeUndefined();
    await bank.browser().post('/write', { revived: true }, { cookie });
    expect(await principalOf(bank.browser(), cookie)).toBeUndefined();
  });
});
