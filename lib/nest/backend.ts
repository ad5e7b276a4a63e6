import { Logger } from '@nestjs/common';
import type { ResolvedSettings } from '../config/settings.js';
import type { SessionStore } from '../core/store.js';
import { AnonymousTrafficStore } from '../stores/anonymous-store.js';
import { MemoryStore } from '../stores/memory-store.js';
import { addressOf, createRedisClient, topologyOf, type RedisClient } from '../stores/redis-client.js';
import { RedisCommands } from '../stores/redis-commands.js';
import { RedisConnection } from '../stores/redis-connection.js';
import { RedisStore } from '../stores/redis-store.js';

/**
 * How long a session's end stays known under its old id where no node keeps copies: as long as a request that was
 * under way may still take.
 */
const ENDED_MARKER_MS = 60_000;

/** The store of a module and what has to be done before its first use. */
export interface SessionBackend {
  readonly store: SessionStore;
  /** Connects; rejects if Redis cannot be used. Nothing for memory. */
  connect(): Promise<void>;
}

/** Builds what the settings ask for. Nothing is connected yet. */
export function createBackend(settings: ResolvedSettings): SessionBackend {
  if (!settings.enabled) {
    return { store: memoryStore(settings, ENDED_MARKER_MS), connect: () => Promise.resolve() };
  }
  const { redis, keyPrefix, anonymousTraffic } = settings;
  const address = redis.client === undefined ? addressOf(redis) : addressOfClient(redis.client);
  const connection =
    redis.client === undefined
      ? new RedisConnection(createRedisClient(redis), address, redis.timeoutMs, new Logger('RedisConnection'))
      : undefined;
  const commands = new RedisCommands(
    connection?.client ?? (redis.client as RedisClient),
    address,
    redis.timeoutMs,
  );
  // Where nodes keep anonymous sessions in memory, an end must stay known for as long as such a copy can live.
  const endedMarkerMs = anonymousTraffic
    ? ENDED_MARKER_MS
    : Math.max(ENDED_MARKER_MS, settings.idleTimeoutSeconds * 1000);
  const shared = new RedisStore(
    commands,
    {
      keyPrefix,
      topology:
        redis.client === undefined ? topologyOf(redis) : redis.client.isCluster ? 'cluster' : 'standalone',
      touchIntervalMs: settings.touchIntervalSeconds * 1000,
      anonymousCopySeconds: anonymousTraffic ? undefined : settings.undefinedSessionTypeTimeoutSeconds,
      endedMarkerMs,
    },
    () => connection?.close() ?? Promise.resolve(),
  );
  const store = anonymousTraffic
    ? shared
    : new AnonymousTrafficStore(shared, memoryStore(settings, endedMarkerMs));
  return {
    store,
    // A client that was given to us is connected by its owner; that it answers is asked of either.
    connect: async () => {
      await connection?.connect();
      await shared.health();
    },
  };
}

function memoryStore(settings: ResolvedSettings, endedMarkerMs: number): MemoryStore {
  return new MemoryStore({ ...settings.memory, endedMarkerMs, now: settings.now });
}

function addressOfClient(client: RedisClient): string {
  const { host, port } = 'slots' in client ? {} : (client.options as { host?: string; port?: number });
  return host === undefined ? 'the injected client' : `${host}:${port ?? 6379} (injected client)`;
}
