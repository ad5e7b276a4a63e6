import type { RedisSettings } from '../config/redis-settings.js';
import { Availability } from '../redis/availability.js';
import { ReplicatedExecutor } from '../redis/replicated-executor.js';
import { ResilientExecutor } from '../redis/resilient-executor.js';
import { addressOf, createRedisClient, duplicateOf } from '../redis/client.js';
import { RedisConnection, type ClientFactory } from '../redis/connection.js';
import type { RedisExecutor } from '../redis/executor.js';
import { MARK_POINT } from '../redis/script.js';

/** Whatever happens to this connection happens to the usual one as well, which tells it. */
const SILENT = { log: () => undefined, warn: () => undefined };

/** The connection that ends of sessions take where replicas must confirm them. */
export interface ConfirmedLogouts {
  readonly executor: RedisExecutor;
  /** Resolves once Redis has answered on it. */
  connect(): Promise<void>;
  /** Resolves once replicas have all that the master has acknowledged so far, to whomever. */
  readonly confirm: () => Promise<void>;
  /** What an operator should know of the server behind an executor; undefined: it has the replicas. */
  risk(executor: RedisExecutor): Promise<string | undefined>;
  close(): Promise<void>;
}

/** Builds it, with a guard of its own. Nothing is connected yet. */
export function confirmedLogouts(settings: RedisSettings, keyPrefix: string): ConfirmedLogouts {
  const { client, timeoutMs, maxCommandsInFlight, logoutConfirmedByReplicas: replicas } = settings;
  const address = client === undefined ? addressOf(settings) : 'the injected client';
  const availability = new Availability(address, SILENT);
  const make: ClientFactory = (hooks) =>
    client === undefined ? createRedisClient(settings, hooks) : duplicateOf(client, timeoutMs, hooks);
  const connection = new RedisConnection(make, address, timeoutMs, availability);
  const point = `${keyPrefix}point-in-time`;
  const ends = new ReplicatedExecutor(connection, replicas, point);
  const executor = new ResilientExecutor(ends, maxCommandsInFlight, availability);
  return {
    executor,
    connect: () => connection.connect(),
    confirm: async () => void (await executor.run(MARK_POINT, [point], [])),
    risk: async (usual) => {
      const role = await usual.call('ROLE').catch(() => undefined);
      if (!Array.isArray(role) || String(role[0]) !== 'master' || !Array.isArray(role[2])) return undefined;
      const there = role[2].length;
      return there >= replicas
        ? undefined
        : `REDIS_SESSION_LOGOUT_CONFIRMED_BY_REPLICAS is ${replicas} and Redis at ${address} has ${there} replicas: ` +
            'every logout will be told 503 until there are more.';
    },
    close: async () => {
      executor.close();
      await connection.close();
    },
  };
}
