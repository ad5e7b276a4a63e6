import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from '@jest/globals';
import type { SessionId } from '../../lib/core/token.js';
import { freshId, newSession } from '../contract/builders.js';
import { connect, keyOf, redisStore } from '../contract/redis-helpers.js';
import { eventually } from '../support/eventually.js';
import { startRedis, type RedisProcess } from '../support/redis-server.js';

/**
 * What docs/reliability.md, Limits, says of Redis, and what it advises. `kill -9` can cut the file anywhere; it is cut here where that
 * does harm: between the commands of one of our scripts, which Redis keeps as a transaction.
 */
it.each([
  ['the start after the next completes it with another, without an expiry', false, -1],
  ['a rewrite of the file takes it out', true, -2],
])('of half a transaction at the end of the append-only file: %s', async (_what, rewrites, life) => {
  const redis = await startRedis({ persistence: true });
  const [cut, other] = [freshId(), freshId()];
  await createAt(redis, cut);
  await redis.kill();
  const file = await fileOf(redis);
  const bytes = await readFile(file);
  await writeFile(file, bytes.subarray(0, bytes.lastIndexOf('PEXPIREAT') + 3));

  await redis.restart();
  expect(await lifeOf(redis, cut)).toBe(-2);
  if (rewrites) await rewrite(redis);
  await createAt(redis, other);
  await redis.kill();
  await redis.restart();
  expect(await lifeOf(redis, cut)).toBe(life);
  expect(await lifeOf(redis, other)).toBeGreaterThan(0);
});

async function createAt({ port }: RedisProcess, id: SessionId): Promise<void> {
  const store = await redisStore(port);
  await store.create(id, newSession({}, { authenticated: false }));
}

async function lifeOf({ port }: RedisProcess, id: SessionId): Promise<number> {
  const client = await connect(port);
  return client.pttl(keyOf(id));
}

async function rewrite({ port }: RedisProcess): Promise<void> {
  const client = await connect(port);
  await client.bgrewriteaof();
  await eventually('the rewrite is over', async () => {
    const info = await client.info('persistence');
    return /aof_rewrite_in_progress:0\r\naof_rewrite_scheduled:0/.test(info) || undefined;
  });
}

/** The file that is written to; since Redis 7 the newest of a directory. */
async function fileOf({ dir }: RedisProcess): Promise<string> {
  const files = (await readdir(dir, { recursive: true })).filter((name) =>
    /(\.incr|appendonly)\.aof$/.test(name),
  );
  const [file] = files;
  if (file === undefined || files.length > 1)
    throw new Error(`Test helper: ${files.length} append-only files.`);
  return join(dir, file);
}
