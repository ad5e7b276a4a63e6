import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Cluster, Redis } from 'ioredis';
import { Cluster as ClusterV5, Redis as RedisV5 } from 'ioredis-v5';
import { SessionConfigError } from '../../lib/core/errors.js';
import { riskyOptions } from '../../lib/redis/injected-client.js';
import type { RedisClient } from '../../lib/redis/client.js';
import { freshId, newSession, renewal } from '../contract/builders.js';
import { describeSessionStore } from '../contract/session-store.contract.js';
import { startRedis, type RedisProcess } from '../support/redis-server.js';
import { startCluster, type ClusterInstallation } from './helpers/cluster.js';
import { linkTo, nodesOn, storeOn } from './helpers/store-on.js';

let redis: RedisProcess;
let cluster: ClusterInstallation;
const clients: RedisClient[] = [];
beforeAll(async () => {
  [redis, cluster] = await Promise.all([startRedis(), startCluster()]);
});
afterAll(() => {
  for (const client of clients) client.disconnect();
});

/** As an application has it; both versions have the same face at run time. */
function owned(client: unknown): RedisClient {
  clients.push(client as RedisClient);
  return client as RedisClient;
}
const node = (): { host: string; port: number } => ({
  host: '127.0.0.1',
  port: cluster.servers[0]?.port ?? 0,
});

const KINDS: [string, () => RedisClient][] = [
  ['ioredis 5', () => owned(new RedisV5(redis.port))],
  ['ioredis 6', () => owned(new Redis(redis.port))],
  [
    'ioredis 6 that speaks RESP3 throughout',
    () => owned(new Redis({ port: redis.port, replyMapping: 'resp3' })),
  ],
  ['ioredis 5 of a cluster', () => owned(new ClusterV5([node()]))],
  ['ioredis 6 of a cluster', () => owned(new Cluster([node()]))],
];

for (const [name, make] of KINDS) {
  describeSessionStore(`a client of the application: ${name}`, { authenticated: true }, () =>
    nodesOn({ redis: { client: make() } }),
  );
}

describe.each(KINDS)('a client of the application: %s', (_name, make) => {
  it('is left open when the module closes', async () => {
    const client = make();
    const store = await storeOn({ redis: { client } });
    await store.close();
    expect(await client.ping()).toBe('PONG');
  });
});

describe('an injected client', () => {
  it('is connected where its owner has not done so', async () => {
    const client = owned(new Redis({ port: redis.port, lazyConnect: true, enableOfflineQueue: false }));
    const store = await storeOn({ redis: { client } });
    expect(await store.health()).toMatchObject({ topology: 'standalone', role: 'master' });
  });

  it('with a keyPrefix is refused: scripts could not follow its keys', () => {
    const client = owned(new Redis({ port: redis.port, lazyConnect: true, keyPrefix: 'app:' }));
    expect(() => linkTo({ redis: { client } })).toThrow(SessionConfigError);
  });

  it('with the defaults of ioredis is told each option that weakens a promise', () => {
    const risks = riskyOptions(owned(new Redis({ port: redis.port, lazyConnect: true }))).join();
    for (const option of [
      'enableOfflineQueue',
      'autoResendUnfulfilledCommands',
      'maxRetriesPerRequest',
      'socketTimeout',
      'reconnectOnError',
    ]) {
      expect(risks).toContain(option);
    }
    const ofCluster = riskyOptions(
      owned(new Cluster([node()], { lazyConnect: true, scaleReads: 'slave' })),
    ).join();
    for (const option of ['scaleReads', 'retryDelayOnFailover', 'retryDelayOnTryAgain'])
      expect(ofCluster).toContain(option);
    expect(ofCluster).not.toContain('enableOfflineQueue');
    const hasty = new Cluster([node()], { lazyConnect: true, enableOfflineQueue: false });
    expect(riskyOptions(owned(hasty)).join()).toContain('enableOfflineQueue: true');
  });

  it('that is set as it should be is not warned of', () => {
    const options = {
      lazyConnect: true,
      enableOfflineQueue: false,
      autoResendUnfulfilledCommands: false,
      maxRetriesPerRequest: 0,
      socketTimeout: 1000,
      reconnectOnError: (error: Error) => error.message.startsWith('READONLY'),
    };
    expect(riskyOptions(owned(new Redis({ port: redis.port, ...options })))).toEqual([]);
    const { lazyConnect, enableOfflineQueue: _ofServers, reconnectOnError: _too, ...redisOptions } = options;
    const ofCluster = new Cluster([node()], {
      lazyConnect,
      retryDelayOnFailover: 0,
      maxRedirections: 5,
      retryDelayOnTryAgain: 10,
      redisOptions,
    });
    expect(riskyOptions(owned(ofCluster))).toEqual([]);
  });

  it.each(KINDS)('can change ids across the slots of its keys: %s', async (_name, make) => {
    const store = await storeOn({ redis: { client: make() } });
    for (let n = 0; n < 10; n++) {
      const id = freshId();
      await store.create(id, newSession());
      const next = freshId(id);
      expect(await store.renew(id, renewal(next))).toMatchObject({ status: 'written' });
      expect(await store.load(next)).toMatchObject({ status: 'found' });
    }
  });
});
