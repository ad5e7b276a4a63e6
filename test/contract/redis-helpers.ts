import { onCleanup } from '../support/cleanup.js';
import { GuestStore } from '../../lib/stores/layers/guest-store.js';
import { LocalCopies } from '../../lib/stores/layers/local-copies.js';
import { MemoryStore } from '../../lib/stores/memory-store.js';
import { createRedisClient, type RedisClient } from '../../lib/redis/client.js';
import { RedisCommands } from '../../lib/redis/commands.js';
import { RedisStore, type RedisStoreOptions } from '../../lib/stores/redis/redis-store.js';
import { tagOf, type SessionId } from '../../lib/core/token.js';

import { LIMITS } from './contract-fixture.js';

export const PREFIX = 'test:session:';
export const TOMBSTONE_MS = 60_000;
export const COPY_LIFE_MS = 60_000;

/** The key that holds a session. */
export function keyOf(id: SessionId): string {
  return `${PREFIX}{${tagOf(id)}}${id.slice(4)}`;
}

/** What a command may take where a test is not about that: a busy machine is no outage. */
const PATIENCE_MS = 20_000;

/** A connected client, ended when the test file ends. */
export async function connect(port: number, timeoutMs = PATIENCE_MS): Promise<RedisClient> {
  const client = createRedisClient({ host: '127.0.0.1', port, database: 0, timeoutMs });
  client.on('error', () => undefined);
  onCleanup(() => client.disconnect());
  await client.connect();
  return client;
}

/** A RedisStore with a client of its own. */
export async function redisStore(
  port: number,
  options: Partial<RedisStoreOptions> & {
    timeoutMs?: number;
    wrap?: (commands: RedisCommands) => RedisCommands;
  } = {},
): Promise<RedisStore> {
  const { timeoutMs = PATIENCE_MS, wrap = (commands) => commands, ...rest } = options;
  const client = await connect(port, timeoutMs);
  return new RedisStore(
    wrap(new RedisCommands(client, { address: `127.0.0.1:${port}`, via: 'host' }, timeoutMs)),
    {
      keyPrefix: PREFIX,
      topology: 'standalone',
      touchIntervalMs: 0,
      tombstoneMs: TOMBSTONE_MS,
      limits: LIMITS,
      ...rest,
    },
    async () => client.disconnect(),
  );
}

/** A node that keeps anonymous sessions in its own memory, with copies in Redis. */
export async function anonymousNode(
  port: number,
  options: {
    copySeconds?: number;
    now?: () => number;
    copyLifeMs?: number;
    wrap?: (commands: RedisCommands) => RedisCommands;
  } = {},
): Promise<{ store: GuestStore; shared: RedisStore; local: MemoryStore }> {
  const { copySeconds = 15, now = () => Date.now(), copyLifeMs = COPY_LIFE_MS, wrap } = options;
  const shared = await redisStore(port, {
    anonymousCopySeconds: copySeconds,
    tombstoneMs: copyLifeMs + TOMBSTONE_MS,
    ...(wrap !== undefined && { wrap }),
  });
  const local = new MemoryStore({ maxSessions: 1000, maxBytes: 10_000_000, tombstoneMs: TOMBSTONE_MS, now });
  const copies = new LocalCopies(local, { lifeMs: copyLifeMs, now });
  return { store: new GuestStore(shared, copies), shared, local };
}

/** Milliseconds that a session's record has left; 0 for none and for a tombstone. Fails for a key without expiry. */
export async function redisLifeMs(client: RedisClient, id: SessionId): Promise<number> {
  const key = keyOf(id);
  const life = await client.pttl(key);
  if (life === -1) throw new Error(`The key ${key} has no expiry.`);
  return (await client.hexists(key, '@v')) === 1 ? life : 0;
}
