import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Browser } from '../../support/cookie-jar.js';
import { startRedis, type RedisProcess } from '../../support/redis-server.js';
import { Gate } from '../helpers/gate.js';
import { CartResolver } from './helpers/cart.resolver.js';
import { ask, graphqlModule, STACKS, subscriber } from './helpers/graphql.js';
import { cookieOf, startShop, storedOf, type Shop } from './helpers/shop.js';

let redis: RedisProcess;
beforeAll(async () => {
  redis = await startRedis();
});

describe.each(STACKS)('GraphQL: %s on %s', (driver, adapter) => {
  let shop: Shop;
  let other: Shop;
  beforeAll(async () => {
    const start = (): Promise<Shop> =>
      startShop(adapter, redis, { imports: [graphqlModule(driver)], providers: [CartResolver] });
    [shop, other] = await Promise.all([start(), start()]);
    for (const { app } of [shop, other]) app.get(CartResolver).gate.open();
  });
  afterAll(() => Promise.all([shop.close(), other.close()]));

  const loggedIn = async (): Promise<Browser> => {
    const browser = shop.browser();
    await browser.post('/login');
    return browser;
  };

  it('resolvers see and change the session, which is saved before the answer leaves', async () => {
    const browser = shop.browser();
    const added = await ask(browser, 'mutation { add(item: "tea") }');
    expect(added).toMatchObject({ data: { add: ['tea'] }, errors: [] });
    expect(added.response.setCookies).toHaveLength(1);
    expect(await storedOf(browser)).toEqual({ cart: ['tea'] });
    expect((await ask(browser, 'mutation { add(item: "milk") }')).data).toEqual({ add: ['tea', 'milk'] });
    await ask(browser, 'mutation { fail }');
    expect(await storedOf(browser)).toEqual({ cart: ['tea', 'milk'], failed: true });
  });

  it('a query that uses no session sends no cookie', async () => {
    expect((await ask(shop.browser(), '{ __typename }')).response.setCookies).toEqual([]);
    expect((await ask(shop.browser(), '{ principal }')).response.setCookies).toEqual([]);
  });

  it('login, id change and logout are mutations with their cookie', async () => {
    const browser = shop.browser();
    await ask(browser, 'mutation { add(item: "tea") }');
    const guest = browser.cookie('sid');
    const login = await ask(browser, 'mutation { login(who: "anna") }');
    expect(login.errors).toEqual([]);
    const token = browser.cookie('sid');
    expect(token).not.toBe(guest);
    expect((await ask(browser, '{ principal attributes }')).data).toEqual({
      principal: 'anna',
      attributes: '{"cart":["tea"]}',
    });
    await ask(browser, 'mutation { renew }');
    expect(browser.cookie('sid')).not.toBe(token);
    const logout = await ask(browser, 'mutation { logout }');
    expect(logout.response.setCookies).toMatchObject([{ name: 'sid', value: '', maxAge: 0 }]);
    expect((await ask(browser, '{ principal }')).data).toEqual({ principal: null });
  });

  it('parallel resolvers share one session, which is saved once', async () => {
    const browser = await loggedIn();
    const resolver = shop.app.get(CartResolver);
    resolver.gate = new Gate();
    const asked = ask(browser, '{ a: bump(name: "a") b: bump(name: "b") c: bump(name: "a") }');
    await resolver.gate.arrivals(3);
    resolver.gate.open();
    expect((await asked).errors).toEqual([]);
    expect(await storedOf(browser)).toEqual({ a: 2, b: 1 });
  });

  it('AuthenticatedGuard and @RequireRecentLogin() let in who is logged in, and nobody else', async () => {
    const [guest, anna] = [shop.browser(), await loggedIn()];
    const refused = await ask(guest, '{ secret }');
    expect(refused).toMatchObject({ data: { secret: null }, errors: ['Please log in.'] });
    expect((await ask(anna, '{ secret }')).data).toEqual({ secret: 'anna' });
    expect((await ask(guest, 'mutation { pay }')).errors).toEqual(['Please log in again to do this.']);
    expect((await ask(anna, 'mutation { pay }')).data).toEqual({ pay: true });
  });

  it('CsrfGuard refuses a mutation without a token of the session', async () => {
    const browser = await loggedIn();
    const refused = await ask(browser, 'mutation { transfer }');
    expect(refused).toMatchObject({
      data: { transfer: null },
      errors: [/^The CSRF token is missing/].map(matching),
    });
    const csrf = (await ask(browser, '{ csrf }')).data?.['csrf'] as string;
    const foreign = (await ask(await loggedIn(), '{ csrf }')).data?.['csrf'] as string;
    expect((await ask(browser, 'mutation { transfer }', { 'x-csrf-token': foreign })).data).toEqual({
      transfer: null,
    });
    expect((await ask(browser, 'mutation { transfer }', { 'x-csrf-token': csrf })).data).toEqual({
      transfer: true,
    });
    expect((await ask(browser, 'mutation { hook }')).data).toEqual({ hook: true });
  });

  it('a subscription reads its session, and is refused clearly where it changes it', async () => {
    const browser = await loggedIn();
    await browser.post('/write', { color: 'blue' });
    const socket = subscriber(other.url, { cookie: cookieOf(browser) });
    expect(await socket.first('subscription { principal }')).toEqual({
      data: { principal: 'anna' },
      errors: [],
    });
    expect(await socket.first('subscription { trying(what: "read") }')).toMatchObject({
      data: { trying: '{"color":"blue"}' },
    });
    await browser.post('/write', { color: 'green' });
    expect(await socket.first('subscription { trying(what: "read") }')).toMatchObject({
      data: { trying: '{"color":"green"}' },
    });
    for (const what of ['write', 'destroy', 'authenticate']) {
      expect(await socket.first(`subscription { trying(what: "${what}") }`)).toMatchObject({
        data: { trying: expect.stringMatching(/^GraphQL over a WebSocket .* only reads its session/) },
      });
    }
    expect(await storedOf(browser)).toEqual({ color: 'green' });
  });

  it('guards judge a subscription: no guest, no page of another host', async () => {
    const [guest, anna] = [{}, { cookie: cookieOf(await loggedIn()) }];
    const query = 'subscription { guarded }';
    expect((await subscriber(shop.url, guest).first(query)).errors).toEqual(['Please log in.']);
    expect(await subscriber(shop.url, anna).first(query)).toMatchObject({ data: { guarded: 'anna' } });
    const own = { ...anna, origin: shop.url };
    expect(await subscriber(shop.url, own).first(query)).toMatchObject({ data: { guarded: 'anna' } });
    for (const origin of ['https://evil.example', 'null', 'https://127.0.0.1.evil.example']) {
      expect((await subscriber(shop.url, { ...anna, origin }).first(query)).errors).toEqual([
        matching(/^This socket was opened by a page of another host/),
      ]);
    }
  });

  it('the socket of subscriptions is closed when its session ends, on whichever node', async () => {
    const browser = await loggedIn();
    const socket = subscriber(other.url, { cookie: cookieOf(browser) });
    await socket.keep('subscription { principal }');
    await browser.post('/logout');
    expect(await socket.closed).toBe(4401);
  });
});

function matching(pattern: RegExp): string {
  return expect.stringMatching(pattern) as unknown as string;
}
