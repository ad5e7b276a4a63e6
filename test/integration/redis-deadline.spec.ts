import { beforeAll, describe, expect, it } from '@jest/globals';
import { SessionStoreUnavailableError } from '../../lib/core/errors.js';
import type { RedisClient } from '../../lib/stores/redis-client.js';
import { RedisCommands } from '../../lib/stores/redis-commands.js';
import { change, freshId, newSession, renewal } from '../contract/builders.js';
import { connect, keyOf, redisStore } from '../contract/redis-rig.js';
import { startProxy } from '../support/tcp-proxy.js';
import { startRedis, type RedisProcess } from '../support/redis-server.js';

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

  it('because the clock of Redis went forward is the only one: the next goes through', async () => {
    const HOUR_MS = 3_600_000;
    /** As if the first answer came from a master whose clock is an hour behind that of the next. */
    class OtherClock extends RedisCommands {
      #asked = false;
      override async run(...args: Parameters<RedisCommands['run']>): Promise<unknown> {
        const reply = (await super.run(...args)) as number[];
        if (this.#asked) return reply;
        this.#asked = true;
        return [reply[0], Number(reply[1]) - HOUR_MS, reply[2]];
      }
    }
    const node = await redisStore(redis.port, {
      wrap: ({ client: own, address, timeoutMs }) => new OtherClock(own, address, timeoutMs),
    });
    const id = freshId();
    await node.create(id, newSession({}));
    await expect(node.save(id, change({ a: '1' }))).rejects.toThrow(/did not apply it/);
    await expect(node.save(id, change({ a: '2' }))).resolves.toMatchObject({ status: 'written' });
    expect(await client.hget(keyOf(id), 'a')).toBe('2');
  });
});

describe('an answer that is there when its time is up', () => {
  it('counts: a process that was stuck does not blame Redis', async () => {
    const timeoutMs = 100;
    const commands = new RedisCommands(client, 'here', timeoutMs);
    const answer = commands.call('ECHO', 'heard');
    const end = performance.now() + 2 * timeoutMs;
    while (performance.now() < end);
    await expect(answer).resolves.toBe('heard');
  });
});
