import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { newToken } from '../../../lib/core/token.js';
import { adapters, type Adapter } from '../../support/apps.js';
import type { Browser } from '../../support/cookie-jar.js';
import { redisClient } from '../../support/redis-client.js';
import { startRedis } from '../../support/redis-server.js';
import { eventually } from '../../support/eventually.js';
import { Gate } from '../helpers/gate.js';
import { CartGateway } from './helpers/cart.gateway.js';
import { cookieOf, startShop, storedOf, type Shop, type ShopParts } from './helpers/shop.js';
import { connect, TRANSPORTS, useTransport, type Client, type Transport } from './helpers/sockets.js';

const redis = await startRedis();
const client = redisClient(redis.port);

const start = (adapter: Adapter, transport: Transport, session: ShopParts['session'] = {}): Promise<Shop> =>
  startShop(adapter, redis, {
    providers: [CartGateway],
    session,
    configure: (app) => useTransport(transport, app),
  });

const cases = adapters.flatMap((adapter) => TRANSPORTS.map((transport) => [adapter, transport] as const));

describe.each(cases)('A gateway on %s by %s', (adapter, transport) => {
  let shop: Shop;
  let other: Shop;
  beforeAll(async () => {
    [shop, other] = await Promise.all([start(adapter, transport), start(adapter, transport)]);
  });
  afterEach(() => {
    shop.app.get(CartGateway).gate.open();
    shop.app.get(CartGateway).gate = new Gate();
  });
  afterAll(() => Promise.all([shop.close(), other.close()]));

  const loggedIn = async (who = 'anna'): Promise<Browser> => {
    const browser = shop.browser();
    await browser.post(`/login?as=${who}`);
    return browser;
  };
  const open = (browser: Browser, at = shop): Promise<Client> =>
    connect(transport, at.url, { cookie: cookieOf(browser) });

  it('sees the session of its handshake, as it is stored when each message arrives', async () => {
    const browser = await loggedIn();
    const { id } = (await browser.get('/session')).json<{ id: string }>();
    const socket = await open(browser, other);
    expect(await socket.ask('read')).toEqual({
      event: 'session',
      data: { id, isNew: false, principal: 'anna', attributes: {} },
    });
    await browser.post('/write', { color: 'red' });
    expect(await socket.ask('read')).toMatchObject({ data: { attributes: { color: 'red' } } });
  });

  it('saves what a handler changed before its answer leaves, also inside a value and where it throws', async () => {
    const browser = await loggedIn();
    const socket = await open(browser);
    expect((await socket.ask('add', 'tea')).data).toEqual(['tea']);
    expect(await storedOf(browser)).toEqual({ cart: ['tea'] });
    expect((await socket.ask('add', 'milk')).data).toEqual(['tea', 'milk']);
    expect(await storedOf(browser)).toEqual({ cart: ['tea', 'milk'] });
    expect(await socket.ask('fail')).toMatchObject({ event: 'exception' });
    expect(await storedOf(browser)).toMatchObject({ failed: true });
  });

  it('saves at each step of an observable', async () => {
    const browser = await loggedIn();
    const socket = await open(browser);
    expect((await socket.ask('stream')).data).toBe(1);
    expect((await socket.next()).data).toBe(2);
    expect(await eventually('the last step is stored', () => stepOf(browser, 2))).toBe(2);
  });

  it('has one session for a message whoever asks, and one for each message under way', async () => {
    const browser = await loggedIn();
    const socket = await open(browser);
    await socket.ask('add', 'tea');
    const { gate } = shop.app.get(CartGateway);
    socket.send('wait', 'first');
    await gate.arrivals(1);
    await browser.post('/write', { between: true });
    socket.send('wait', 'second');
    await gate.arrivals(2);
    gate.open();
    const answers = [await socket.next(), await socket.next()].map(({ data }) => data);
    expect(answers).toContainEqual({ same: true, cart: ['tea'], seen: { cart: ['tea'], first: true } });
    expect(answers).toContainEqual({
      same: true,
      cart: ['tea'],
      seen: { cart: ['tea'], between: true, second: true },
    });
    expect(await storedOf(browser)).toEqual({ cart: ['tea'], between: true, first: true, second: true });
  });

  it('saves what a handler changes though its client has left', async () => {
    const browser = await loggedIn();
    const socket = await open(browser);
    const { gate } = shop.app.get(CartGateway);
    socket.send('wait', 'late');
    await gate.arrivals(1);
    socket.close();
    await socket.closed;
    gate.open();
    await eventually('it is stored', async () => ((await storedOf(browser))['late'] ? true : undefined));
  });

  it('is a guest without a cookie or with a bad one: nothing is stored, and writing is refused clearly', async () => {
    const before = await client.dbsize();
    const bad = { cookie: `sid=${newToken()}` };
    for (const headers of [{}, bad, { cookie: 'sid=junk' }]) {
      const socket = await connect(transport, shop.url, headers);
      for (const _ of [1, 2]) {
        expect(await socket.ask('read')).toMatchObject({
          data: { isNew: true, attributes: {} },
        });
      }
      expect(await socket.ask('guest')).toEqual({ event: 'you', data: null });
      expect(await socket.ask('try', 'write')).toEqual({
        event: 'refused',
        data: expect.stringMatching(
          /^Cannot write to a new session: a socket has no response .*HTTP request/,
        ),
      });
      socket.close();
    }
    expect(await client.dbsize()).toBe(before);
  });

  it('cannot change the id or give out a CSRF token, and says so', async () => {
    const browser = await loggedIn();
    const socket = await open(browser);
    for (const what of ['authenticate', 'regenerateId', 'csrfToken']) {
      expect(await socket.ask('try', what)).toEqual({
        event: 'refused',
        data: expect.stringMatching(/^Cannot .*: a socket has no response/),
      });
    }
    expect(await socket.ask('guest')).toEqual({ event: 'you', data: 'anna' });
  });

  it('AuthenticatedGuard and @RequireRecentLogin() let in who is logged in, and nobody else', async () => {
    const socket = await open(await loggedIn('berta'));
    expect(await socket.ask('whoami')).toEqual({ event: 'you', data: 'berta' });
    expect((await socket.ask('pay')).event).toBe('paid');
    const guest = await connect(transport, shop.url);
    const refused = { event: 'exception', data: { status: 'error', statusCode: 401 } };
    expect(await guest.ask('whoami')).toMatchObject({ ...refused, data: { message: 'Please log in.' } });
    expect(await guest.ask('pay')).toMatchObject(refused);
  });

  it('is closed when its session ends on this node or on another, by itself or by a login', async () => {
    const ended = transport === 'ws' ? 4401 : 'io server disconnect';
    const ends: ((browser: Browser, socket: Client) => unknown)[] = [
      (browser) => browser.post('/logout'),
      (browser) => browser.post('/login?as=anna'),
      (_, socket) => socket.send('logout'),
    ];
    for (const end of ends) {
      const browser = await loggedIn();
      const sockets = [await open(browser), await open(browser, other)] as const;
      for (const socket of sockets) expect((await socket.ask('guest')).data).toBe('anna');
      await end(browser, sockets[0]);
      expect(await Promise.all(sockets.map(({ closed }) => closed))).toEqual([ended, ended]);
    }
  });

  it('goes on under the id that another request gave its session', async () => {
    const browser = await loggedIn();
    const [here, there] = [await open(browser), await open(browser, other)];
    for (const socket of [here, there]) await socket.ask('guest');
    const { id } = (await browser.post('/renew')).json<{ id: string }>();
    for (const socket of [here, there]) expect(await socket.ask('read')).toMatchObject({ data: { id } });
    await browser.post('/logout');
    await Promise.all([here.closed, there.closed]);
  });

  it('costs nothing where nobody asks for a session', async () => {
    const browser = await loggedIn();
    const socket = await open(browser);
    const calls = await commandsDuring(() => socket.ask('nothing'));
    expect(calls).toEqual([]);
  });
});

async function stepOf(browser: Browser, step: number): Promise<number | undefined> {
  return (await storedOf(browser))['step'] === step ? step : undefined;
}

/** The names of what Redis is asked meanwhile, but for what nodes ask on their own. */
async function commandsDuring(action: () => Promise<unknown>): Promise<string[]> {
  const count = async (): Promise<Map<string, number>> => {
    const text = await client.info('commandstats');
    return new Map(
      [...text.matchAll(/cmdstat_([\w|]+):calls=(\d+)/g)].map(([, name, n]) => [name ?? '', Number(n)]),
    );
  };
  const before = await count();
  await action();
  const after = await count();
  return [...after.keys()].filter((name) => name !== 'info' && after.get(name) !== before.get(name));
}
