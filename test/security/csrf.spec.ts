import { beforeAll, expect, it } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { eachAdapter } from '../support/apps.js';
import type { Browser, BrowserResponse } from '../support/cookie-jar.js';
import { startRedis } from '../support/redis-server.js';
import { idOf, startBank, type Bank } from './bank.js';

const redis = await startRedis();

async function formToken(browser: Browser): Promise<string> {
  return (await browser.get('/form')).json<{ csrf: string }>().csrf;
}

function transfer(browser: Browser, csrf: string): Promise<BrowserResponse> {
  return browser.post('/transfer', undefined, { headers: { 'x-csrf-token': csrf } });
}

eachAdapter('CSRF', (adapter) => {
  let bank: Bank;
  beforeAll(async () => {
    bank = await startBank(adapter, redis);
  });

  it('a form of the own session passes, with the token in a header or in the body', async () => {
    const browser = bank.browser();
    const csrf = await formToken(browser);
    expect(await transfer(browser, csrf)).toMatchObject({ status: 201, text: 'transferred' });
    expect((await browser.post('/transfer', { _csrf: csrf })).status).toBe(201);
    const form = { headers: { 'content-type': 'application/x-www-form-urlencoded' } };
    if (adapter === 'express')
      expect((await browser.post('/transfer', `_csrf=${csrf}`, form)).status).toBe(201);
  });

  it('the token of a page without a session comes with a session of its own', async () => {
    const response = await bank.browser().get('/form');
    expect(response.setCookies).toHaveLength(1);
  });

  it('a request that another site makes the browser send is refused', async () => {
    const browser = bank.browser();
    await browser.post('/login');
    const refused = await browser.post('/transfer', { amount: 1000 });
    expect(refused.status).toBe(403);
    expect(refused.json()).toMatchObject({ message: expect.stringMatching(/^The CSRF token is missing/) });
  });

  it('a token of somebody else, a changed one or any other text is refused', async () => {
    const browser = bank.browser();
    const csrf = await formToken(browser);
    const last = csrf.endsWith('A') ? 'Q' : 'A';
    const wrong = [
      await formToken(bank.browser()),
      csrf.slice(0, -1) + last,
      csrf.slice(1),
      csrf + 'A',
      randomBytes(64).toString('base64url'),
      Buffer.alloc(64).toString('base64url'),
      'null',
      browser.cookie('sid') as string,
    ];
    for (const text of wrong) expect((await transfer(browser, text)).status).toBe(403);
    for (const _csrf of [null, 1, [csrf], { toString: csrf }]) {
      expect((await browser.post('/transfer', { _csrf })).status).toBe(403);
    }
    expect((await transfer(bank.browser(), csrf)).status).toBe(403);
  });

  it('a login and an id change make earlier tokens worthless', async () => {
    const browser = bank.browser();
    for (const path of ['/login', '/renew']) {
      const before = await formToken(browser);
      await browser.post(path);
      expect((await transfer(browser, before)).status).toBe(403);
      expect((await transfer(browser, await formToken(browser))).status).toBe(201);
    }
  });

  it('tokens differ each time and are valid side by side', async () => {
    const browser = bank.browser();
    const tokens = [await formToken(browser), await formToken(browser)];
    expect(tokens[0]).not.toBe(tokens[1]);
    for (const csrf of tokens) expect((await transfer(browser, csrf)).status).toBe(201);
  });

  it('safe methods and exempted handlers pass without a token', async () => {
    const browser = bank.browser();
    expect((await browser.get('/transfer')).text).toBe('listed');
    expect((await browser.post('/transfer/webhook')).text).toBe('hooked');
  });

  it('a session opened outside its own request gives out no token', async () => {
    const browser = bank.browser();
    await browser.post('/login');
    expect((await browser.get(`/form/late/${await idOf(browser)}`)).status).toBe(500);
  });
});
