import { afterEach, expect, it } from '@jest/globals';
import { type SessionEvent, type SessionModuleOptions } from 'nestjs-redis-session';
import { eachAdapter } from '../support/apps.js';
import { Browser } from '../support/cookie-jar.js';
import { BrowserWith } from './helpers/browser-with.js';
import { keyOf } from '../support/records.js';
import { redisClient } from '../support/redis-client.js';
import { startRedis } from '../support/redis-server.js';
import { startProxy } from '../support/tcp-proxy.js';
import { eventually } from '../support/eventually.js';
import { redisAt, startPlayground, type Playground } from './helpers/playground.js';

const redis = await startRedis({
  args: ['--notify-keyspace-events', 'Ex'],
  aclFile: [
    'user default on nopass ~* &* +@all',
    'user mute on >mute-password ~* resetchannels +@all -subscribe -publish',
  ],
});
const client = redisClient(redis.port);
afterEach(() => client.flushall());

eachAdapter('Events of all nodes', (adapter) => {
  let nodes: Playground[] = [];
  const start = async (
    more: SessionModuleOptions = {},
  ): Promise<Playground & { readonly events: SessionEvent[] }> => {
    const node = await startPlayground(adapter, { ...redisAt(redis), ...more });
    const events: SessionEvent[] = [];
    node.sessions.events.subscribe((event) => events.push(event));
    nodes.push(node);
    return { ...node, events };
  };
  afterEach(async () => {
    await Promise.all(nodes.map((node) => node.close()));
    nodes = [];
  });

  const heard = <T extends SessionEvent['type']>(
    events: readonly SessionEvent[],
    type: T,
    id?: string,
  ): Promise<SessionEvent> =>
    eventually(`${type} is heard`, () =>
      events.find((event) => event.type === type && (id === undefined || ('id' in event && event.id === id))),
    );

  it('tell beginnings, logins, id changes and ends, each once, and whose doing it was', async () => {
    const [a, b] = [await start({ storeGuests: true }), await start({ storeGuests: true })];
    const browser = new Browser(a.url);
    const ids = {
      guest: (await a.visit(browser, (session) => ((session.value = 1), session.id))).result,
      user: (await a.visit(browser, async (s) => (await s.authenticate('anna b'), s.id))).result,
      renewed: (await a.visit(browser, async (s) => (await s.regenerateId(), s.id))).result,
    };
    await a.visit(browser, (session) => session.destroy());
    await heard(b.events, 'destroyed', ids.renewed);
    const expected = (origin: 'here' | 'elsewhere'): unknown[] => [
      { type: 'created', id: ids.guest, origin },
      { type: 'authenticated', id: ids.user, previousId: ids.guest, principal: 'anna b', origin },
      { type: 'regenerated', id: ids.renewed, previousId: ids.user, origin },
      { type: 'destroyed', id: ids.renewed, origin },
    ];
    expect(a.events).toEqual(expected('here'));
    expect(b.events).toEqual(expected('elsewhere'));
  });

  it('tell what destroyAll and a limit have ended, and a login that begins a session', async () => {
    const [a, b] = [await start({ maxSessionsPerUser: 1 }), await start()];
    const login = async (): Promise<string> =>
      (await a.visit(new Browser(a.url), async (s) => (await s.authenticate('anna'), s.id))).result;
    const [first, second] = [await login(), await login()];
    expect(await heard(b.events, 'evicted', first)).toEqual({
      type: 'evicted',
      id: first,
      origin: 'elsewhere',
    });
    expect(await heard(b.events, 'authenticated', second)).toMatchObject({ principal: 'anna' });
    await b.sessions.destroyAll('anna');
    expect(await heard(a.events, 'destroyed', second)).toMatchObject({ origin: 'elsewhere' });
    expect(await heard(b.events, 'destroyed', second)).toMatchObject({ origin: 'here' });
  });

  it('tell of a login that has expired, and of no tombstone or copy', async () => {
    const b = await start();
    const a = await start();
    const browser = new Browser(a.url);
    const { result: guest } = await a.visit(browser, (session) => ((session.value = 1), session.id));
    const { result: id } = await a.visit(browser, async (s) => (await s.authenticate('anna'), s.id));
    await heard(b.events, 'authenticated', id);
    // Not 1 ms: where the clock ticks within the command, Redis takes it for a deletion, and tells of no expiry.
    await client.pexpire(keyOf(guest), 100);
    await client.pexpire(keyOf(id), 100);
    expect(await heard(b.events, 'expired')).toEqual({ type: 'expired', id, origin: 'elsewhere' });
    expect(await heard(a.events, 'expired')).toMatchObject({ id });
    expect(b.events.filter(({ type }) => type === 'expired')).toHaveLength(1);
  });

  it("let a guest's logout reach the node that holds it, and write nothing for a made-up token", async () => {
    const [a, b] = [await start(), await start()];
    const browser = new Browser(a.url);
    const { result: id } = await a.visit(browser, (session) => ((session.value = 'cart'), session.id));
    const late = browser.clone();
    await client.del(keyOf(id));
    await b.visit(browser, (session) => session.destroy());
    await heard(a.events, 'destroyed', id);
    expect((await a.visit(late, (session) => session.value)).result).toBeUndefined();
    expect(await client.hexists(keyOf(id), '@ended')).toBe(1);
    await client.flushall();
    const cookie = { cookie: `sid=${'x'.repeat(47)}` };
    await b.visit(new BrowserWith(cookie, b.url), (session) => session.destroy());
    expect(await client.keys('*')).toEqual([]);
  });

  it('that were lost for a while leave a gap, and no local copy', async () => {
    const proxy = await startProxy(redis.port);
    const a = await start(redisAt(proxy));
    const browser = new Browser(a.url);
    const { result: id } = await a.visit(browser, (session) => ((session.value = 'cart'), session.id));
    await client.del(keyOf(id));
    proxy.reset();
    expect(await heard(a.events, 'gap')).toMatchObject({ origin: 'elsewhere' });
    // The connection that commands take was lost as well.
    const { result } = await eventually('it serves again', () =>
      a.visit(browser, (session) => session.value).catch(() => undefined),
    );
    expect(result).toBeUndefined();
  });

  it('are not needed: a server that refuses them is told of once', async () => {
    const mute = { redis: { ...redisAt(redis).redis, username: 'mute', password: 'mute-password' } };
    const [a, b] = [await start(mute), await start()];
    const browser = new Browser(a.url);
    await a.visit(browser, (session) => session.authenticate('anna'));
    await a.visit(browser, (session) => session.regenerateId());
    expect((await b.visit(browser, (session) => session.principal)).result).toBe('anna');
    await a.visit(browser, (session) => session.destroy());
    expect(b.events.filter(({ origin }) => origin === 'elsewhere')).toEqual([]);
    expect(a.log.messages('warn').filter((line) => line.includes('SUBSCRIBE'))).toHaveLength(1);
  });
});
