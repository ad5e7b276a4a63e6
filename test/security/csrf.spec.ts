import { beforeAll, expect, it } from '@jest/globals';
import { createHmac, randomBytes } from 'node:crypto';
import { newToken } from '../../lib/core/token.js';
import { eachAdapter } from '../support/apps.js';
import type { Browser, BrowserResponse } from '../support/cookie-jar.js';
import { startRedis } from '../support/redis-server.js';
import { idOf, principalOf, startBank, type Bank } from './bank.js';

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

  it('who never got the answer to a login passes with the token that the form has then', async () => {
    const browser = bank.browser();
    await formToken(browser);
    const cookie = `sid=${browser.cookie('sid')}`;
    await browser.post('/login');
    const straggler = bank.browser();
    const { csrf } = (await straggler.get('/form', { cookie })).json<{ csrf: string }>();
    const headers = { 'x-csrf-token': csrf };
    expect((await straggler.post('/transfer', undefined, { cookie, headers })).status).toBe(201);
  });

  // What a sub-domain, or somebody on the network, can do: set a cookie, and have the browser send a form of theirs.
  it('a token made up together with the cookie is refused', async () => {
    const tossed = newToken();
    const pad = Buffer.alloc(32);
    for (const purpose of ['csrf', 'csrf ended']) {
      const code = createHmac('sha256', tossed).update(purpose).digest();
      const headers = { 'x-csrf-token': Buffer.concat([pad, code]).toString('base64url') };
      const sent = await bank.browser().post('/transfer', undefined, { cookie: `sid=${tossed}`, headers });
      expect([purpose, sent.status]).toEqual([purpose, 403]);
    }
  });

  it('a session of their own beside that of who is logged in passes, and acts for nobody', async () => {
    const [ann, eve] = [bank.browser(), bank.browser()];
    await ann.post('/login?as=ann');
    const headers = { 'x-csrf-token': await formToken(eve) };
    const cookie = `sid=${eve.cookie('sid')}; sid=${ann.cookie('sid')}`;
    expect((await bank.browser().post('/transfer', undefined, { cookie, headers })).status).toBe(201);
    expect(await principalOf(bank.browser(), cookie)).toBeUndefined();
    expect(await principalOf(ann)).toBe('ann');
  });

  it('in production it has to be a __Host- cookie, which browsers take from nobody else', async () => {
    const production = await startBank(adapter, redis, { cookie: { secure: true } });
    const browser = production.browser();
    const { setCookies } = await browser.get('/form');
    const [made] = setCookies;
    expect(made?.name).toBe('__Host-sid');
    const { csrf } = (await browser.get('/form')).json<{ csrf: string }>();
    const headers = { 'x-csrf-token': csrf };
    const statuses = new Map<string, number>();
    for (const name of [
      '__Host-sid',
      'sid',
      '__host-sid',
      '__HOST-sid',
      '__Secure-sid',
      '\u00a0__Host-sid',
      ' =__Host-sid',
    ]) {
      const cookie = `${Buffer.from(name, 'utf8').toString('latin1')}=${made?.value}`;
      const sent = await production.browser().post('/transfer', undefined, { cookie, headers });
      statuses.set(name, sent.status);
    }
    expect([...statuses.values()]).toEqual([201, 403, 403, 403, 403, 403, 403]);
  });

  it('a session opened outside its own request gives out no token', async () => {
    const browser = bank.browser();
    await browser.post('/login');
    expect((await browser.get(`/form/late/${await idOf(browser)}`)).status).toBe(500);
  });
});
