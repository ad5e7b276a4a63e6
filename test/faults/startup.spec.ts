import { describe, expect, it } from '@jest/globals';
import { redisClient } from '../support/redis-client.js';
import { eachAdapter } from '../support/apps.js';
import { freePort } from '../support/free-port.js';
import { LogSink } from '../support/log-sink.js';
import { startRedis } from '../support/redis-server.js';
import { eventually } from '../support/eventually.js';
import { linkTo } from '../topologies/helpers/store-on.js';
import { evictionRisk } from '../../lib/redis/eviction.js';
import { startFaultApp } from './helpers/fault-app.js';
import { startSwitchboard } from './helpers/switchboard.js';

eachAdapter('a start without Redis', (adapter) => {
  it('fails by default, and names where Redis should be and what to check', async () => {
    const port = await freePort();
    await expect(startFaultApp(adapter, { host: '127.0.0.1', port })).rejects.toThrow(
      new RegExp(`127\\.0\\.0\\.1:${port} .*ECONNREFUSED.*REDIS_SESSION_PORT`),
    );
  });

  it('waits for it where that is asked for', async () => {
    const port = await freePort();
    const starting = startFaultApp(adapter, { host: '127.0.0.1', port, startup: 'wait' });
    const first = await Promise.race([
      starting.then(() => 'started'),
      startRedis({ port }).then(() => 'redis'),
    ]);
    expect(first).toBe('redis');
    const app = await starting;
    expect((await (await app.loggedIn()).get('/read')).json()).toEqual({ count: 1, who: 'ann' });
  });

  it('goes on in the background where that is asked for: 503 for sessions until it is there', async () => {
    const port = await freePort();
    const app = await startFaultApp(adapter, { host: '127.0.0.1', port, startup: 'background' });
    expect((await app.browser().get('/plain')).status).toBe(200);
    expect((await app.browser().post('/write')).status).toBe(503);
    expect(app.log.messages('log').join()).not.toContain('Successful!');
    await startRedis({ port });
    const user = await eventually('sessions are served', async () => {
      const one = await app.loggedIn();
      return (await one.get('/read')).json<{ who: string | null }>().who === null ? undefined : one;
    });
    expect((await user.get('/read')).json()).toEqual({ count: 1, who: 'ann' });
    await eventually('the success is told', () =>
      app.log.messages('log').some((line) => line.startsWith('Successful!')) ? true : undefined,
    );
    expect(
      app.log.entries.filter(({ context, level }) => context === 'RedisConnection' && level === 'warn'),
    ).toHaveLength(1);
  });

  it('in the background ends in order although Redis never came', async () => {
    const app = await startFaultApp(adapter, {
      host: '127.0.0.1',
      port: await freePort(),
      startup: 'background',
    });
    await expect(app.close()).resolves.toBeUndefined();
  });
});

describe('a start with a cluster that is wholly dead', () => {
  it('names its nodes, and says that none of them answers', async () => {
    const nodes = [await freePort(), await freePort()].map((port) => `127.0.0.1:${port}`);
    const failure = linkTo({ redis: { cluster: { nodes: nodes.join(',') } } })
      .connect()
      .then(
        () => 'connected',
        (error: unknown) => error,
      );
    const { message, reason } = (await failure) as Error & { reason: string };
    expect(reason).toBe('CLUSTER_DOWN');
    const [, told = ''] =
      /no node of the cluster answers: (.*)\. Check REDIS_SESSION_CLUSTER_NODES/.exec(message) ?? [];
    for (const node of nodes) expect(told).toContain(node);
  });
});

describe('a pool whose server is gone', () => {
  it('tells it with the first request that fails, once, before it counts as down', async () => {
    const redis = await startRedis();
    const log = new LogSink();
    const app = await startFaultApp(
      'express',
      { host: redis.host, port: redis.port, pool: { maxConnections: 3 } },
      log,
    );
    const user = await app.loggedIn();
    await redis.kill();
    for (let n = 0; n < 2; n += 1) expect((await user.get('/read')).status).toBe(503);
    expect(log.messages('warn')).toEqual([
      expect.stringMatching(/^A request with a session got 503: Redis at .*\. Check REDIS_SESSION_HOST/),
    ]);
  });
});

describe('a Redis that evicts', () => {
  it.each([
    ['noeviction', '100mb', undefined],
    ['allkeys-lru', '0', undefined],
    ['allkeys-lru', '100mb', /maxmemory-policy allkeys-lru: .* logged out/],
    ['volatile-lru', '100mb', /volatile-lru/],
    ['volatile-ttl', '100mb', /volatile-ttl/],
  ])(
    'by %s with maxmemory %s is warned of where sessions are in danger',
    async (policy, maxmemory, warning) => {
      const redis = await startRedis({ args: ['--maxmemory', maxmemory, '--maxmemory-policy', policy] });
      const link = linkTo({ redis: { host: redis.host, port: redis.port } });
      await link.connect();
      const risk = await evictionRisk(link.executor);
      if (warning === undefined) expect(risk).toBeUndefined();
      else expect(risk).toMatch(warning);
    },
  );
});

describe('an address that is led to another server', () => {
  it('after a failover is followed as soon as the old one says that it is a replica; reads go on meanwhile', async () => {
    const [old, next] = [await startRedis(), await startRedis()];
    const board = await startSwitchboard(old.port);
    const link = linkTo({ redis: { host: board.host, port: board.port } });
    await link.connect();
    await link.executor.call('SET', 'k', 'old');
    await redisClient(old.port).replicaof('127.0.0.1', 1);
    // The address still leads to the old one: nothing is gained by reconnecting, and no read fails for trying.
    for (let n = 0; n < 20; n++) {
      await expect(link.executor.call('SET', 'k', 'x')).rejects.toThrow(/READONLY/);
      expect(await link.executor.call('GET', 'k')).toBe('old');
    }
    board.target = next.port;
    const start = performance.now();
    await eventually('writes reach the new master', async () => {
      expect(['old', null]).toContain(await link.executor.call('GET', 'k'));
      return (await link.executor.call('SET', 'k', 'new')) === 'OK' ? true : undefined;
    });
    expect(performance.now() - start).toBeLessThan(10_000);
    expect(await redisClient(next.port).get('k')).toBe('new');
  });
});
