import { expect, it } from '@jest/globals';

import type { SessionId } from '../../lib/core/token.js';
import { DESTROY } from '../../lib/stores/redis/scripts.js';
import { freshId, newSession } from '../contract/builders.js';
import { keyOf, PREFIX } from '../contract/redis-helpers.js';
import { redisClient } from '../support/redis-client.js';
import { recordCount } from '../support/records.js';
import { eventually } from '../support/eventually.js';
import { DATA_PASSWORD, MASTER_NAME, SENTINEL_PASSWORD, startSentinel } from './helpers/sentinel.js';
import { linkTo, storeOn } from './helpers/store-on.js';

it('logouts that replicas confirm follow a failover behind Sentinel', async () => {
  const sentinel = await startSentinel();
  const settings = {
    REDIS_SESSION_SENTINEL_MASTER: MASTER_NAME,
    REDIS_SESSION_SENTINELS: sentinel.sentinels,
    REDIS_SESSION_SENTINEL_PASSWORD: SENTINEL_PASSWORD,
    REDIS_SESSION_PASSWORD: DATA_PASSWORD,
    REDIS_SESSION_TIMEOUT: '1000',
    REDIS_SESSION_LOGOUT_CONFIRMED_BY_REPLICAS: '1',
  };
  const store = await storeOn({ settings });
  const link = linkTo({ settings });
  await link.connect();
  const end = (id: SessionId): Promise<unknown> =>
    link.executor.run(DESTROY, [keyOf(id)], [0, '', '', PREFIX, 60_000, 0, 0, 1, 'destroyed']);
  const [first, second] = [freshId(), freshId()];
  await store.create(first, newSession({ cart: 'tea' }));
  await store.create(second, newSession({ cart: 'milk' }));
  await eventually('the first is confirmed', async () => (await end(first), true));

  const before = await sentinel.masterPort();
  const watcher = redisClient(Number(sentinel.sentinels.split(',')[0]?.split(':')[1]), {
    password: SENTINEL_PASSWORD,
  });
  await sentinel.replicated();
  await watcher.call('SENTINEL', 'FAILOVER', MASTER_NAME);
  await eventually('the other is the master', async () =>
    (await sentinel.masterPort()) === before ? undefined : true,
  );
  const other = sentinel.servers.find(({ port }) => port === before);
  // By the master that was, once it has become a replica.
  expect(await eventually('the second is confirmed', async () => (await end(second), true))).toBe(true);
  expect((await store.load(second)).status).toBe('ended');
  const copy = redisClient(Number(other?.port), { password: DATA_PASSWORD });
  expect(await recordCount(copy)).toBe(0);
});
