import { describe, expect, it, jest } from '@jest/globals';
import type { RedisOptions } from 'nestjs-redis-session';
import { eventually } from '../support/eventually.js';
import { redisClient } from '../support/redis-client.js';
import { startRedis, type RedisProcess } from '../support/redis-server.js';
import { exchange } from '../support/redis-wire.js';
import { startFaultApp } from './helpers/fault-app.js';

// A server is started twice in each, and loads until it is told to make haste.
jest.setTimeout(120_000);

/** The adapter makes no difference to any of this. */
const ADAPTER = 'express';
/** Between two keys it answers, so that nobody waits for an answer for longer than this. */
const KEY_LOAD_MS = 50;
/** Enough keys to load for minutes. */
const KEYS = 4000;
/** Many times the longest that the server takes to say that it is loading. */
const TIMEOUT_MS = 3000;

interface LoadingServer {
  readonly redis: RedisOptions;
  /** Loads the rest at once; resolves once it is there. */
  readonly finish: () => Promise<RedisProcess>;
}

/** A server that was started a moment ago, and loads its data set. */
async function loadingServer(): Promise<LoadingServer> {
  const before = await startRedis();
  const admin = redisClient(before.port);
  await Promise.all(Array.from({ length: KEYS }, (_, n) => admin.set(`filler:${n}`, 'x'.repeat(1100))));
  await admin.call('SAVE');
  const { dir, host, port } = before;
  await before.stop();
  const delay = ['--key-load-delay', String(KEY_LOAD_MS * 1000)];
  const started = startRedis({
    ...{ dir, port },
    args: [...delay, '--loading-process-events-interval-bytes', '1024'],
  });
  const asked = (...words: string[]): Promise<string> =>
    exchange(port, [words], (text) => text.endsWith('\r\n')).catch(() => '');
  await eventually('it loads', async () => ((await asked('PING')).startsWith('-LOADING') ? true : undefined));
  return {
    redis: { host, port, timeoutMs: TIMEOUT_MS },
    finish: async () => {
      expect(await asked('CONFIG', 'SET', 'key-load-delay', '0')).toContain('OK');
      return started;
    },
  };
}

const LOADING = /it is loading its data set\. It will be back by itself.*REDIS_SESSION_STARTUP=wait/;

describe('a server that is loading its data set at the start', () => {
  it.each<[string, RedisOptions]>([
    ['one connection', {}],
    ['a pool', { pool: { maxConnections: 3 } }],
  ])('is told by its name, with %s', async (_how, more) => {
    const { redis, finish } = await loadingServer();
    await expect(startFaultApp(ADAPTER, { ...redis, ...more })).rejects.toThrow(LOADING);
    await finish();
  });

  it('is what health, the log and requests hear until it is done', async () => {
    const { redis, finish } = await loadingServer();
    const app = await startFaultApp(ADAPTER, { ...redis, startup: 'background' });
    await eventually('it is told', () =>
      app.log.messages('warn').some((line) => LOADING.test(line)) ? true : undefined,
    );
    expect(app.log.messages('warn').join('\n')).not.toContain('did not answer');
    expect((await app.browser().post('/write')).status).toBe(503);
    expect(await app.health()).toMatchObject({
      status: 'down',
      message: expect.stringMatching(LOADING) as unknown,
    });
    await finish();
    await eventually('sessions are served', async () =>
      (await app.browser().post('/login', { user: 'ann' })).status === 200 ? true : undefined,
    );
  });
});
