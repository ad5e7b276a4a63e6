import { beforeEach, describe, expect, it } from '@jest/globals';
import type { Redis } from 'ioredis';
import type { PoolOptions } from '../../lib/config/options.js';
import type { ResilientLink } from '../../lib/redis/link.js';

import { redisClient } from '../support/redis-client.js';
import { startRedis, type RedisProcess } from '../support/redis-server.js';
import { startProxy } from '../support/tcp-proxy.js';
import { eventually } from '../support/eventually.js';
import { linkTo } from './helpers/store-on.js';

let redis: RedisProcess;
let admin: Redis;
beforeEach(async () => {
  redis = await startRedis();
  admin = redisClient(redis.port);
});

async function pooled(pool: PoolOptions, timeoutMs = 1000, port = redis.port): Promise<ResilientLink> {
  const link = linkTo({
    redis: { host: '127.0.0.1', port, timeoutMs, pool: { maxConnections: 4, ...pool } },
  });
  await link.connect();
  return link;
}

/** The connections of the pool, by their ids. */
async function connections(): Promise<string[]> {
  const own = String(await admin.client('ID'));
  const list = String(await admin.client('LIST', 'TYPE', 'NORMAL'));
  return [...list.matchAll(/^id=(\d+) /gm)].flatMap(([, id]) => (id === undefined || id === own ? [] : [id]));
}

/** So many commands under way at the same time, for so long. */
function under(link: ResilientLink, count: number, ms = 50): Promise<unknown[]> {
  return Promise.all(
    Array.from({ length: count }, () => link.executor.call('BLPOP', 'nothing', String(ms / 1000))),
  );
}

const settled = (count: number): Promise<unknown> =>
  eventually(`${count} connections`, async () => ((await connections()).length === count ? true : undefined));

describe('a pool', () => {
  it('opens no more than MAX_CONNECTIONS, on demand, and keeps MAX_IDLE_CONNECTIONS', async () => {
    const link = await pooled({ maxIdle: 2 });
    await settled(1);
    const work = under(link, 12);
    await settled(4);
    await work;
    await settled(2);
  });

  it('keeps MIN_IDLE_CONNECTIONS open from the start', async () => {
    await pooled({ minIdle: 3, maxIdle: 4 });
    await settled(3);
  });

  it('replaces a connection that was killed before it lends it', async () => {
    const link = await pooled({});
    await under(link, 4);
    await settled(4);
    const before = await connections();
    for (const id of before) await admin.client('KILL', 'ID', id);
    await eventually('they are gone', async () => ((await connections()).length === 0 ? true : undefined));
    for (let n = 0; n < 8; n++) expect(await link.executor.call('PING')).toBe('PONG');
    for (const id of await connections()) expect(before).not.toContain(id);
  });

  it('tells clearly when all were in use for MAX_WAIT_MILLIS', async () => {
    const link = await pooled({ maxConnections: 2, maxWaitMillis: 40 });
    const work = under(link, 2, 200);
    const start = performance.now();
    await expect(link.executor.call('PING')).rejects.toThrow(
      /All 2 connections to Redis at .* were in use for 40 ms\. Raise REDIS_SESSION_MAX_CONNECTIONS/,
    );
    expect(performance.now() - start).toBeLessThan(2000);
    await work;
    expect(await link.executor.call('PING')).toBe('PONG');
  });

  it('tells so at once where BLOCK_WHEN_EXHAUSTED is false', async () => {
    const link = await pooled({ maxConnections: 2, blockWhenExhausted: false });
    await under(link, 2, 20);
    const work = under(link, 2, 200);
    const start = performance.now();
    await expect(link.executor.call('PING')).rejects.toThrow(/All 2 connections .* were in use\./);
    expect(performance.now() - start).toBeLessThan(1000);
    await work;
  });

  it('waits no longer than one command may take altogether', async () => {
    const link = await pooled({ maxConnections: 2 }, 400);
    const work = under(link, 2, 100);
    const start = performance.now();
    await expect(link.executor.call('BLPOP', 'nothing', '1')).rejects.toThrow(/did not answer in 400 ms/);
    expect(performance.now() - start).toBeLessThan(4000);
    await work;
  });

  it.each([
    ['the connection used last', true, 1],
    ['the connection unused longest', false, 3],
  ])('with LIFO lends %s first', async (_which, lifo, distinct) => {
    const link = await pooled({ lifo });
    await under(link, 3);
    await settled(3);
    const used = new Set<unknown>();
    for (let n = 0; n < 6; n++) used.add(await link.executor.call('CLIENT', 'ID'));
    expect(used.size).toBe(distinct);
  });

  it.each([
    ['TEST_ON_BORROW', { testOnBorrow: true }, 3],
    ['TEST_ON_RETURN', { testOnReturn: true }, 3],
    ['neither', {}, 0],
  ])('with %s asks PING for it', async (_which, options, expected) => {
    const link = await pooled(options);
    await admin.config('RESETSTAT');
    for (let n = 0; n < 3; n++) await link.executor.call('TIME');
    const pings = /cmdstat_ping:calls=(\d+)/.exec(await admin.info('commandstats'))?.[1];
    expect(Number(pings ?? 0)).toBe(expected);
  });

  it('with TEST_ON_CREATE asks PING of each new connection', async () => {
    const link = await pooled({ testOnCreate: true });
    await admin.config('RESETSTAT');
    await under(link, 4);
    expect(await admin.info('commandstats')).toContain('cmdstat_ping:calls=3');
  });

  it('with TEST_WHILE_IDLE asks PING of idle connections in each eviction run', async () => {
    const link = await pooled({
      testWhileIdle: true,
      timeBetweenEvictionRunsMillis: 20,
      numTestsPerEvictionRun: -1,
    });
    await under(link, 3);
    await admin.config('RESETSTAT');
    await eventually('pings', async () =>
      /cmdstat_ping:calls=\d{2}/.test(await admin.info('commandstats')) ? true : undefined,
    );
  });

  it.each([
    ['MIN_EVICTABLE_IDLE_TIME_MILLIS all', { minEvictableIdleTimeMillis: 30 }, 0],
    [
      'SOFT_MIN_EVICTABLE_IDLE_TIME_MILLIS those above MIN_IDLE',
      { softMinEvictableIdleTimeMillis: 30, minIdle: 2 },
      2,
    ],
  ])('closes after %s that nobody used', async (_which, options, left) => {
    const link = await pooled({ ...options, timeBetweenEvictionRunsMillis: 20, numTestsPerEvictionRun: 10 });
    await under(link, 4);
    await settled(left);
  });

  it('replaces a connection on which an answer is still due', async () => {
    const proxy = await startProxy(redis.port);
    const link = await pooled({ maxConnections: 2 }, 200, proxy.port);
    const first = await link.executor.call('CLIENT', 'ID');
    proxy.setDelay({ toClient: 300 });
    await expect(link.executor.call('GET', 'mine')).rejects.toThrow(/did not answer/);
    proxy.setDelay(0);
    const next = await eventually('an answer', () => link.executor.call('CLIENT', 'ID'));
    expect(next).not.toBe(first);
    await eventually('the first is closed', async () =>
      (await connections()).includes(String(first)) ? undefined : true,
    );
  });

  it('that cannot be opened says why', async () => {
    const closed = linkTo({ redis: { host: '127.0.0.1', port: 1, pool: { maxConnections: 4 } } });
    await expect(closed.connect()).rejects.toThrow(/127\.0\.0\.1:1 cannot serve sessions: ECONNREFUSED/);
  });

  it('makes one attempt for each command while Redis is away, and serves again when it is back', async () => {
    const proxy = await startProxy(redis.port);
    const link = await pooled({ minIdle: 2 }, 500, proxy.port);
    await proxy.cut({ refuse: true });
    for (let n = 0; n < 4; n++) await expect(link.executor.call('PING')).rejects.toThrow(/Redis at/);
    await proxy.restore();
    await eventually('it serves', async () => (await link.executor.call('PING')) === 'PONG' || undefined);
    expect(proxy.accepted).toBeLessThan(30);
  });

  it('closes all of them', async () => {
    const link = await pooled({});
    await under(link, 4);
    await link.close();
    await settled(0);
    await expect(link.executor.call('PING')).rejects.toThrow(/closed/);
  });
});
