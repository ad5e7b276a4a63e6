import { beforeAll, expect, it } from '@jest/globals';
import type { Redis } from 'ioredis';
import { RedisSessionModule } from 'nestjs-redis-session';
import { eachAdapter, startApp } from '../support/apps.js';
import { Browser } from '../support/cookie-jar.js';
import { startRedis, type RedisProcess } from '../support/redis-server.js';
import { observer, probe, type SessionView } from './fixtures/probe.js';
import { Gate } from './helpers/gate.js';
import { OLD_SECRET } from './helpers/old-app.js';
import { startOldFastifyApp } from './helpers/old-fastify-app.js';
import { rollOverAndBack } from './helpers/roll-over.js';

let redis: RedisProcess;
let store: Redis;
beforeAll(async () => {
  redis = await startRedis();
  store = observer(redis.port);
});

eachAdapter('moving in from @fastify/session', (adapter) => {
  async function startNew(): Promise<string> {
    const module = RedisSessionModule.forRoot({
      redis: { host: redis.host, port: redis.port },
      clusterId: `moving-${adapter}`,
      migrateFrom: { fastifySession: { secrets: OLD_SECRET } },
    });
    return (await startApp(adapter, probe(module))).url;
  }

  const seen = async (browser: Browser): Promise<SessionView> =>
    (await browser.get('/session')).json<SessionView>();
  /** One browser, whichever node it comes to. */
  const comeTo = (browser: Browser, url: string): Browser => new Browser(url, browser.jar);
  const keyOf = (browser: Browser): string =>
    `sess:${decodeURIComponent(browser.cookie('sessionId') ?? '').split('.')[0]}`;

  async function loggedIn(old: string, name = 'ada'): Promise<Browser> {
    const browser = new Browser(old);
    await browser.post(`/login/${name}`);
    await browser.post('/session', { cart: ['apple'], at: new Date(0) });
    return browser;
  }

  it('takes over login and attributes, once, while old nodes go on to serve the user', async () => {
    const [old, ...news] = [await startOldFastifyApp(store), await startNew(), await startNew()];
    const browser = await loggedIn(old);
    const views = await Promise.all([...news, ...news].map((node) => seen(comeTo(browser.clone(), node))));
    expect(new Set(views.map(({ id }) => id)).size).toBe(1);
    expect(views[0]).toMatchObject({
      principal: 'ada',
      attributes: { cart: ['apple'], at: '1970-01-01T00:00:00.000Z', passport: { user: 'ada' } },
    });
    expect(await seen(comeTo(browser, old))).toMatchObject({ principal: 'ada', old: true });
    expect((await seen(comeTo(browser, news[0]))).id).toBe(views[0]?.id);
  });

  it('whoever an old node says that its session belongs to, without a new id, is who it belongs to here', async () => {
    const [old, node] = [await startOldFastifyApp(store, { maxAgeMs: 600_000 }), await startNew()];
    const browser = await loggedIn(old, 'ada-1');
    const [at, atOld] = [comeTo(browser, node), comeTo(browser, old)];
    const { id } = await seen(at);
    // Each use there writes the record, and another expiry into it.
    await seen(atOld);
    expect(await seen(at)).toMatchObject({ id, principal: 'ada-1' });
    await atOld.post('/leave');
    expect((await seen(at)).principal).toBeUndefined();
    await atOld.post('/become/bob-1');
    expect((await seen(at)).principal).toBe('bob-1');
  });

  it('a logout is final on both, wherever it is, and what an old node was doing brings nobody back', async () => {
    const gate = new Gate();
    const [old, node] = [await startOldFastifyApp(store, { gate }), await startNew()];
    const browser = await loggedIn(old, 'leaver');
    const straggler = browser.clone();
    // Reads nothing and writes nothing, and is saved all the same: there, each use of a session is.
    const late = straggler.post('/slow');
    await gate.arrivals(1);
    const key = keyOf(browser);
    expect((await seen(comeTo(browser, node))).principal).toBe('leaver');
    await comeTo(browser, node).post('/logout');
    expect(await store.exists(key)).toBe(0);
    gate.open();
    await late;
    expect(await store.exists(key)).toBe(1);
    expect((await seen(comeTo(straggler.clone(), node))).principal).toBeUndefined();
    expect((await seen(comeTo(straggler, old))).principal).toBeUndefined();
    expect((await seen(comeTo(browser, node))).principal).toBeUndefined();

    const other = await loggedIn(old, 'other');
    expect((await seen(comeTo(other, node))).principal).toBe('other');
    const kept = other.clone();
    await comeTo(other, old).post('/logout');
    expect((await seen(comeTo(kept, node))).principal).toBeUndefined();
  });

  it('keeps for so long what the browser was told to keep', async () => {
    const [old, node] = [await startOldFastifyApp(store, { maxAgeMs: 7_200_000 }), await startNew()];
    const browser = await loggedIn(old, 'remembered');
    const key = keyOf(browser);
    const first = await comeTo(browser, node).get('/session');
    expect(first.json<SessionView>().maxInactiveInterval).toBe(7200);
    expect(first.setCookies.find(({ name }) => name === 'sid')?.maxAge).toBe(7200);
    await store.pexpire(key, 5_000);
    expect((await seen(comeTo(browser, node))).principal).toBe('remembered');
    expect(await store.pttl(key)).toBeGreaterThan(7_200_000 - 60_000);
  });

  it('a roll-over under load, and one back: nobody is logged out, and nobody who left comes back', async () => {
    const olds = [await startOldFastifyApp(store), await startOldFastifyApp(store)] as const;
    const news = [await startNew(), await startNew()] as const;
    const { served, ...seen } = await rollOverAndBack(olds, news);
    expect(seen).toEqual({ logouts: 0, revivals: 0 });
    for (const url of [...olds, ...news]) expect(served.get(url)).toBeGreaterThan(20);
  }, 300_000);
});
