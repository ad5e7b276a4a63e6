import { once } from 'node:events';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { SessionStoreUnavailableError } from '../../lib/core/errors.js';
import type { RedisClient } from '../../lib/redis/client.js';
import type { SessionId } from '../../lib/core/token.js';
import { RedisCommands } from '../../lib/redis/commands.js';
import type { RedisExecutor } from '../../lib/redis/executor.js';
import { RedisStore } from '../../lib/stores/redis/redis-store.js';
import { change, freshId, newSession, renewal } from '../contract/builders.js';
import { connect, keyOf, TOMBSTONE_MS, PREFIX, redisStore } from '../contract/redis-helpers.js';
import { linkTo } from '../topologies/helpers/store-on.js';
import { skewClocks } from '../topologies/helpers/skewed-clocks.js';
import { startProxy } from '../support/tcp-proxy.js';
import { startRedis, type RedisProcess } from '../support/redis-server.js';

const HERE = { address: 'here', via: 'host' } as const;

let redis: RedisProcess;
let client: RedisClient;
beforeAll(async () => {
  redis = await startRedis();
  client = await connect(redis.port);
});

describe('a write that was reported as failed', () => {
  const TIMEOUT_MS = 500;

  it('is not applied once Redis is back, whatever it is', async () => {
    const server = await startRedis();
    const node = await redisStore(server.port, { timeoutMs: TIMEOUT_MS });
    const look = await connect(server.port, 20_000);
    const id = freshId();
    const [created, renewed, left] = [freshId(), freshId(id), freshId()];
    await node.create(id, newSession({ n: '1' }));
    await node.create(left, newSession());
    await node.destroy(freshId());
    server.pause();
    const calls = [
      node.create(created, newSession()),
      node.save(id, change({ n: '2', late: '1' })),
      node.compareAndSet(id, 'n', Buffer.from('1'), Buffer.from('2'), true),
      node.renew(id, renewal(renewed)),
      node.destroy(left),
    ];
    const outcomes = await Promise.allSettled(calls);
    server.resume();
    // Answered behind all that was sent before.
    await node.load(id);
    for (const outcome of outcomes) {
      expect(outcome).toMatchObject({ status: 'rejected', reason: expect.any(SessionStoreUnavailableError) });
    }
    expect((await look.keys('*')).sort()).toEqual([keyOf(id), keyOf(left)].sort());
    expect(await look.hget(keyOf(id), 'n')).toBe('1');
    expect(await look.hexists(keyOf(id), 'late')).toBe(0);
  });

  it('and was a logout does not end the login that followed it, on a way that was open', async () => {
    const server = await startRedis();
    const proxy = await startProxy(server.port);
    const stalled = await redisStore(proxy.port, { timeoutMs: TIMEOUT_MS });
    const other = await redisStore(server.port, { timeoutMs: TIMEOUT_MS });
    const look = await connect(server.port, 20_000);
    const id = freshId();
    const renewed = freshId(id);
    await stalled.create(id, newSession());
    // The server knows the script from here on, so that one command is all that is under way.
    await stalled.destroy(freshId());
    proxy.stall();
    await expect(stalled.destroy(id)).rejects.toThrow(SessionStoreUnavailableError);
    await other.renew(id, renewal(renewed));
    proxy.unstall();
    await expect(stalled.load(renewed)).resolves.toMatchObject({ status: 'found' });
    expect(await look.exists(keyOf(renewed))).toBe(1);
  });

  it('is not applied even if it is the very first, after the check at boot', async () => {
    const server = await startRedis();
    const node = await redisStore(server.port, { timeoutMs: TIMEOUT_MS });
    const look = await connect(server.port, 20_000);
    await node.health();
    server.pause();
    await expect(node.create(freshId(), newSession())).rejects.toThrow(SessionStoreUnavailableError);
    server.resume();
    expect(await look.keys('*')).toEqual([]);
  });

  it('is sent again at once where only the idea of the time was wrong: the clock of Redis was set', async () => {
    const HOUR_MS = 3_600_000;
    const own = await connect(redis.port);
    const commands = new RedisCommands(own, HERE, 2_000);
    const id = freshId();
    const node = storeWith(commands);
    await node.create(id, newSession({}));
    skewClocks(own, { [redis.port]: HOUR_MS });
    await expect(node.save(id, change({ a: '1' }))).resolves.toMatchObject({ status: 'written' });
    skewClocks(own, { [redis.port]: -HOUR_MS });
    await expect(node.save(id, change({ a: '2' }))).resolves.toMatchObject({ status: 'written' });
    expect(await client.hget(keyOf(id), 'a')).toBe('2');
  });

  it('is not applied by another server that is there after the connection was lost, whose clock is slow', async () => {
    const server = await startRedis();
    const own = await connect(server.port, TIMEOUT_MS);
    const node = storeWith(new RedisCommands(own, HERE, TIMEOUT_MS));
    const look = await connect(server.port, 20_000);
    const id = freshId();
    await node.create(id, newSession({ n: '1' }));
    const again = once(own, 'ready');
    await look.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    await again;
    skewClocks(own, { [server.port]: -10_000 });
    server.pause();
    await expect(node.save(id, change({ n: '2' }))).rejects.toThrow(SessionStoreUnavailableError);
    server.resume();
    await own.ping();
    expect(await look.hget(keyOf(id), 'n')).toBe('1');
  });
});

/** The event loop stands still. */
function stall(milliseconds: number): void {
  const end = performance.now() + milliseconds;
  while (performance.now() < end);
}

function storeWith(commands: RedisExecutor): RedisStore {
  const options = {
    keyPrefix: PREFIX,
    topology: 'standalone',
    touchIntervalMs: 0,
    tombstoneMs: TOMBSTONE_MS,
  };
  return new RedisStore(commands, options, async () => undefined);
}

describe.each<[string, (timeoutMs: number) => Promise<RedisExecutor>]>([
  ['one connection', async (ms) => new RedisCommands(await connect(redis.port, ms), HERE, ms)],
  [
    'a pool',
    async (timeoutMs) => {
      const pool = { maxConnections: 4 };
      const link = linkTo({ redis: { host: '127.0.0.1', port: redis.port, timeoutMs, pool } });
      await link.connect();
      return link.executor;
    },
  ],
])('row 26: a process that was stuck does not blame Redis: %s', (_what, connected) => {
  const TIMEOUT_MS = 1_000;

  it.each([
    ['in the turn in which its writes begin, before anything is sent', 0],
    ['once they are sent', 1],
    ['a turn later', 2],
  ])('%s', async (_when, turns) => {
    const store = storeWith(await connected(TIMEOUT_MS));
    const ids = Array.from({ length: 12 }, () => freshId());
    for (const id of ids) await store.create(id, newSession({}));
    for (let round = 0; round < 3; round += 1) {
      const work = ids.flatMap((id) => [store.save(id, change({ n: String(round) })), store.load(id)]);
      for (let n = 0; n < turns; n += 1) await new Promise((resolve) => setImmediate(resolve));
      stall(1.5 * TIMEOUT_MS);
      const statuses = (await Promise.all(work)).map(({ status }) => status);
      expect(statuses).toEqual(ids.flatMap(() => ['written', 'found']));
    }
  });

  it('in the middle of many writes, one after the other', async () => {
    const store = storeWith(await connected(TIMEOUT_MS));
    const ids = Array.from({ length: 12 }, () => freshId());
    for (const id of ids) await store.create(id, newSession({}));
    const write = async (id: SessionId): Promise<void> => {
      for (let n = 0; n < 40; n += 1) {
        // Wherever that is: each has got somewhere else.
        if (n === 20 && id === ids[3]) stall(1.5 * TIMEOUT_MS);
        expect(await store.save(id, change({ n: String(n) }))).toMatchObject({ status: 'written' });
      }
    };
    await Promise.all(ids.map(write));
  });
});

describe('an answer that is there when its time is up', () => {
  it('counts: a process that was stuck does not blame Redis', async () => {
    const timeoutMs = 100;
    const commands = new RedisCommands(client, HERE, timeoutMs);
    const answer = commands.call('ECHO', 'heard');
    const end = performance.now() + 2 * timeoutMs;
    while (performance.now() < end);
    await expect(answer).resolves.toBe('heard');
  });
});
