import { beforeAll, describe, expect, it, jest } from '@jest/globals';
import { Redis } from 'ioredis';
import { setTimeout as delay } from 'node:timers/promises';
import { SessionStoreUnavailableError } from '../../lib/core/errors.js';
import { RedisSessionIndex } from '../../lib/stores/redis/redis-index.js';
import { freshId, newSession } from '../contract/builders.js';
import { PREFIX } from '../contract/redis-helpers.js';
import { describeSessionIndex } from '../contract/session-index.contract.js';
import { describeSessionStore } from '../contract/session-store.contract.js';
import { eventually } from '../support/eventually.js';
import { aclLine } from '../security/acl-line.js';
import { addSlots } from './helpers/cluster.js';
import { startRedis, type RedisProcess } from '../support/redis-server.js';
import { linkTo, nodesOn, storeOn, type Place } from './helpers/store-on.js';

const USERS = [
  'user default on >admin-password ~* &* +@all',
  aclLine('shop', 'shop-password', PREFIX),
  `${aclLine('blind', 'blind-password', PREFIX)} -info`,
];
let redis: RedisProcess;
beforeAll(async () => {
  redis = await startRedis({ aclFile: USERS });
});
const as = (username: string, password: string): Place => ({
  redis: { host: redis.host, port: redis.port, username, password },
});

/** A cluster of one server, for a user without INFO. */
async function blindOnCluster(): Promise<Place> {
  const { host, port } = await startRedis({
    aclFile: USERS,
    args: ['--cluster-enabled', 'yes', '--cluster-announce-ip', '127.0.0.1'],
  });
  const admin = new Redis({ host, port, password: 'admin-password' });
  await addSlots(admin);
  await eventually('all slots are served', async () =>
    (await admin.cluster('INFO')).includes('cluster_state:ok') ? true : undefined,
  );
  await admin.quit();
  const settings = {
    REDIS_SESSION_CLUSTER_NODES: `${host}:${port}`,
    REDIS_SESSION_USERNAME: 'blind',
    REDIS_SESSION_PASSWORD: 'blind-password',
  };
  return { settings };
}

const shop = (): Place => as('shop', 'shop-password');

describeSessionStore('a Redis with a user of least privileges', { authenticated: true }, () =>
  nodesOn(shop(), as('default', 'admin-password')),
);

describeSessionIndex('the index of a user of least privileges', async () => {
  const node = async (): Promise<RedisSessionIndex> => {
    const link = linkTo(shop());
    await link.connect();
    return new RedisSessionIndex(link.executor, { keyPrefix: PREFIX });
  };
  const [index, peer] = [await node(), await node()];
  return { index, peer, pass: (milliseconds) => delay(milliseconds + 2) };
});

describe('a user of least privileges', () => {
  it.each([
    ['CONFIG', ['CONFIG', 'GET', 'maxmemory']],
    ['KEYS', ['KEYS', '*']],
    ['FLUSHALL', ['FLUSHALL']],
    ['another channel', ['PUBLISH', 'other:events', 'x']],
    ['another key', ['HGETALL', 'other:session:x']],
  ])('may not use %s', async (_what, [name = '', ...args]) => {
    const link = linkTo(shop());
    await link.connect();
    await expect(link.executor.call(name, ...args)).rejects.toThrow(/NOPERM/);
  });

  it('gets a clear error where the prefix is not the one it is allowed', async () => {
    const store = await storeOn(as('default', 'admin-password'));
    await store.create(freshId(), newSession());
    const link = linkTo(shop());
    await link.connect();
    const outcome: unknown = await link.executor
      .call('HGETALL', 'elsewhere')
      .catch((error: unknown) => error);
    expect(outcome).toBeInstanceOf(SessionStoreUnavailableError);
    expect(String(outcome)).toContain('Check the ACL of REDIS_SESSION_USERNAME');
  });

  it.each([
    ['of one server', () => as('blind', 'blind-password')],
    ['of a cluster', blindOnCluster],
  ])(
    'works without INFO, %s: nothing is said of eviction then, and nothing past the logger',
    async (_of, where) => {
      const printed = jest.spyOn(console, 'warn').mockImplementation(() => undefined);
      const store = await storeOn(await where());
      const id = freshId();
      await store.create(id, newSession());
      expect(await store.load(id)).toMatchObject({ status: 'found' });
      expect(printed).not.toHaveBeenCalled();
    },
  );
});
