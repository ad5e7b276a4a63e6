import { beforeAll, describe, expect, it } from '@jest/globals';
import type { Redis } from 'ioredis';
import { RedisSessionModule, type SessionModuleOptions } from 'nestjs-redis-session';
import { CATALOG } from '../../lib/config/catalog.js';
import { eachAdapter, startApp, type Adapter } from '../support/apps.js';
import { Browser } from '../support/cookie-jar.js';
import { startRedis, type RedisProcess } from '../support/redis-server.js';
import { at, configured, observer, probe, type SessionView } from './fixtures/probe.js';
import { EFFECTS, type Bench, type Effect } from './fixtures/setting-effects.js';

let redis: RedisProcess;
let store: Redis;
let benches = 0;

beforeAll(async () => {
  redis = await startRedis();
  store = observer(redis.port);
});

function bench(adapter: Adapter): Bench {
  const prefix = `bench-${++benches}`;
  const keys = (): Promise<string[]> => store.keys(`${prefix}:session:{*`);
  return {
    adapter,
    redis,
    store,
    prefix,
    keys,
    key: async () => {
      const [key, ...more] = await keys();
      if (key === undefined || more.length > 0) throw new Error(`There are ${more.length + 1} or no keys.`);
      return key;
    },
    start: async (settings = {}) => {
      const all = { ...at(redis), REDIS_SESSION_CLUSTER_ID: prefix, ...settings };
      return new Browser((await startApp(adapter, configured(all))).url);
    },
  };
}

/** Their effect is shown in test/topologies and test/security/tls. */
const ELSEWHERE = /^redis\.(cluster|sentinel|tls|tlsEnabled|pool)\b/;

const NAMED = CATALOG.flatMap(({ path, name }) => (name === undefined ? [] : [{ path, name }]));

describe('settings', () => {
  it('have a test of their effect, each', () => {
    const due = NAMED.map(({ path }) => path).filter((path) => !ELSEWHERE.test(path));
    expect(due.filter((path) => !(path in EFFECTS))).toEqual([]);
  });
});

const ROWS: readonly (readonly [string, Effect])[] = NAMED.flatMap(({ path, name }) =>
  path in EFFECTS ? [[name, EFFECTS[path as keyof typeof EFFECTS]]] : [],
);

eachAdapter('the effect of', (adapter) => {
  it.each(ROWS)('%s', async (_name, effect) => {
    await effect(bench(adapter));
  });
});

eachAdapter('the effect of what only code can say:', (adapter) => {
  async function start(options: SessionModuleOptions): Promise<Browser> {
    const module = RedisSessionModule.forRoot({
      redis: { host: redis.host, port: redis.port },
      ...options,
    });
    return new Browser((await startApp(adapter, probe(module))).url);
  }

  it('isAuthenticated makes a session one that is stored for its full life', async () => {
    const clusterId = `code-${++benches}`;
    const browser = await start({ clusterId, isAuthenticated: (session) => 'user' in session });
    await browser.post('/session', { fruit: 'apple' });
    const [key = ''] = await store.keys(`${clusterId}:session:{*`);
    expect(await store.pttl(key)).toBeLessThanOrEqual(15_000);
    await browser.post('/session', { user: 'ann' });
    expect(await store.pttl(key)).toBeGreaterThan(1_700_000);
  });

  it('now is the clock of sessions in this process', async () => {
    let now = Date.UTC(2026, 0, 1);
    const browser = await start({ enabled: false, idleTimeoutSeconds: 60, now: () => now });
    await browser.post('/session', { fruit: 'apple' });
    now += 59_000;
    expect((await browser.get('/session')).json<SessionView>().attributes).toEqual({ fruit: 'apple' });
    now += 61_000;
    expect((await browser.get('/session')).json<SessionView>().attributes).toEqual({});
  });
});
