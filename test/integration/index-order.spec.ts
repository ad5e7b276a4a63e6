import { beforeAll, beforeEach, expect, it } from '@jest/globals';
import { SessionStoreUnavailableError } from '../../lib/core/errors.js';
import type { IndexName } from '../../lib/core/session-index.js';
import { RedisCommands } from '../../lib/redis/commands.js';
import { RedisSessionIndex } from '../../lib/stores/redis/redis-index.js';
import { freshId } from '../contract/builders.js';
import { connect, PREFIX } from '../contract/redis-helpers.js';
import { eventually } from '../support/eventually.js';
import { redisClient } from '../support/redis-client.js';
import { startRedis, type RedisProcess } from '../support/redis-server.js';

// A record that is sent behind its entry, without waiting, must not come to be before it: an end of all sessions between the two
// would not find it.

let redis: RedisProcess;
let index: RedisSessionIndex;
beforeAll(async () => {
  redis = await startRedis();
});
beforeEach(async () => {
  const client = await connect(redis.port);
  index = new RedisSessionIndex(new RedisCommands(client, { address: 'test', via: 'host' }, 20_000), {
    keyPrefix: PREFIX,
  });
});

const add = (user: string, isFollowed: boolean): Promise<unknown> =>
  index.add(user, freshId(), { lifeMs: 60_000, isFollowed });
const entriesOf = async (user: string): Promise<number> =>
  (await index.read(index.namesOf(user)[0] as IndexName)).entries.length;

it('nothing is sent behind an entry before the server has run its script on this connection', async () => {
  expect(index.isOrdered).toBe(false);
  await add('anna', false);
  expect(index.isOrdered).toBe(true);
  await redisClient(redis.port).call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
  // Whoever answers now may be another server.
  await eventually('the connection is lost', () => (index.isOrdered ? undefined : true));
  await add('anna', false);
  expect(index.isOrdered).toBe(true);
});

it('an entry that something was sent behind is not sent again where the server has lost its scripts', async () => {
  await add('bert', false);
  await redisClient(redis.port).script('FLUSH');
  expect(index.isOrdered).toBe(true);
  await expect(add('carl', true)).rejects.toThrow(SessionStoreUnavailableError);
  expect(await entriesOf('carl')).toBe(0);
  expect(index.isOrdered).toBe(false);
  await add('carl', false);
  expect(await entriesOf('carl')).toBe(1);
  expect(index.isOrdered).toBe(true);
});
