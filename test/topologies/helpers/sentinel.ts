import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Redis } from 'ioredis';
import { redisClient } from '../../support/redis-client.js';
import { startChild } from '../../support/child-process.js';
import { tempDir } from '../../support/cleanup.js';
import { freePort } from '../../support/free-port.js';
import { REDIS_SERVER, startRedis, type RedisProcess } from '../../support/redis-server.js';
import { eventually } from '../../support/eventually.js';

export const MASTER_NAME = 'sessions';
export const SENTINEL_PASSWORD = 'sentinels-own-password';
export const DATA_PASSWORD = 'data-password';

export interface SentinelInstallation {
  readonly servers: readonly [RedisProcess, RedisProcess];
  /** `host:port,…` */
  readonly sentinels: string;
  /** The port of the master, as the sentinels see it. */
  readonly masterPort: () => Promise<number>;
  /** Resolves once the replica has all that the master acknowledged so far. */
  readonly replicated: () => Promise<void>;
}

/**
 * A master, a replica and three sentinels, with credentials of their own. By default a busy machine is no reason for a
 * failover.
 */
export async function startSentinel(downAfterMs = 60_000): Promise<SentinelInstallation> {
  const auth = ['--masterauth', DATA_PASSWORD, '--repl-diskless-sync-delay', '0'];
  const master = await startRedis({ password: DATA_PASSWORD, args: auth });
  const replica = await startRedis({
    password: DATA_PASSWORD,
    args: [...auth, '--replicaof', '127.0.0.1', String(master.port)],
  });
  const ports = await Promise.all([0, 1, 2].map(() => startOne(master.port, downAfterMs)));
  const watchers = ports.map((port) => connectTo(port));
  await Promise.all(
    watchers.map((watcher) =>
      eventually('each sentinel knows the others and the replica', async () => {
        const facts = pairs(await watcher.call('SENTINEL', 'MASTER', MASTER_NAME));
        return facts.get('num-other-sentinels') === '2' && facts.get('num-slaves') === '1' ? true : undefined;
      }),
    ),
  );
  const [first] = watchers as [Redis, ...Redis[]];
  return {
    servers: [master, replica],
    sentinels: ports.map((port) => `127.0.0.1:${port}`).join(','),
    masterPort: async () => {
      const address = await first.call('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', MASTER_NAME);
      return Number((address as string[])[1]);
    },
    replicated: async () => {
      const client = connectTo(master.port, DATA_PASSWORD);
      await eventually('the replica is in step', async () => {
        const text = await client.info('replication');
        const offsets = [/^master_repl_offset:(\d+)/m, /offset=(\d+),lag/].map((it) => it.exec(text)?.[1]);
        return offsets[0] === offsets[1] ? true : undefined;
      });
      client.disconnect();
    },
  };
}

async function startOne(masterPort: number, downAfterMs: number): Promise<number> {
  const [dir, port] = [await tempDir(), await freePort()];
  const config = join(dir, 'sentinel.conf');
  const lines = [
    `port ${port}`,
    'bind 127.0.0.1',
    `dir ${dir}`,
    `requirepass ${SENTINEL_PASSWORD}`,
    `sentinel sentinel-pass ${SENTINEL_PASSWORD}`,
    `sentinel monitor ${MASTER_NAME} 127.0.0.1 ${masterPort} 2`,
    `sentinel auth-pass ${MASTER_NAME} ${DATA_PASSWORD}`,
    `sentinel down-after-milliseconds ${MASTER_NAME} ${downAfterMs}`,
    `sentinel failover-timeout ${MASTER_NAME} 3000`,
  ];
  await writeFile(config, lines.join('\n') + '\n');
  await startChild(REDIS_SERVER, [config, '--sentinel']);
  return port;
}

function connectTo(port: number, password = SENTINEL_PASSWORD): Redis {
  return redisClient(port, { password });
}

function pairs(reply: unknown): Map<string, string> {
  if (!Array.isArray(reply)) return new Map(Object.entries(reply as Record<string, string>));
  const texts = reply.map(String);
  return new Map(texts.flatMap((text, at) => (at % 2 === 0 ? [[text, texts[at + 1] ?? '']] : [])));
}
