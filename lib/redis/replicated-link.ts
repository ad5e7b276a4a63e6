import { Availability } from './availability.js';
import { createRedisClient, duplicateOf, type RedisClient, type RedisConnectionOptions } from './client.js';
import { RedisConnection, type ClientFactory } from './connection.js';
import type { RedisExecutor } from './executor.js';
import { cause, causeOf, isForbidden, unavailable, type Endpoint } from './failure.js';
import { ReplicatedExecutor } from './replicated-executor.js';
import { ResilientExecutor } from './resilient-executor.js';
import { MARK_POINT } from './script.js';

/** Logs nothing: what happens to this connection happens to the usual one as well, which reports it. */
const SILENT = { log: () => undefined, warn: () => undefined, debug: () => undefined };

/** The settings that it follows. */
export interface ReplicatedLinkOptions extends RedisConnectionOptions {
  /** The application's own client, which wins over where and how; it is duplicated. */
  readonly client?: RedisClient | undefined;
  readonly maxCommandsInFlight: number;
  /** How many replicas must have an end of a session before it is acknowledged; 0: none. */
  readonly logoutConfirmedByReplicas: number;
}

/** The connection that ends of sessions take where replicas must confirm them. */
interface ReplicatedLink {
  readonly executor: RedisExecutor;
  /**
   * Resolves once Redis has answered on it; that there are replicas is not asked for.
   * @throws SessionStoreUnavailableError also where the server refuses to wait for them.
   */
  connect(): Promise<void>;
  /** Resolves once replicas have all that the master has acknowledged so far, to whomever. */
  readonly confirm: () => Promise<void>;
  /** What an operator should know of the server behind an executor; undefined: it has the replicas, or does not tell. */
  risk(executor: RedisExecutor): Promise<string | undefined>;
  close(): Promise<void>;
}

/**
 * Builds it, with a guard of its own. Nothing is connected yet.
 * @param point A key that nobody uses, within what the Redis user may touch.
 */
export function createReplicatedLink(
  options: ReplicatedLinkOptions,
  endpoint: Endpoint,
  point: string,
): ReplicatedLink {
  const { client, timeoutMs, maxCommandsInFlight, logoutConfirmedByReplicas: replicas } = options;
  const availability = new Availability(endpoint, SILENT);
  const make: ClientFactory = (hooks) =>
    client === undefined ? createRedisClient(options, hooks) : duplicateOf(client, timeoutMs, hooks);
  const connection = new RedisConnection(make, endpoint, timeoutMs, availability);
  const ends = new ReplicatedExecutor(connection, replicas, point);
  const executor = new ResilientExecutor(ends, maxCommandsInFlight, availability);
  return {
    executor,
    connect: async () => {
      await connection.connect();
      await assertMayWait(connection);
    },
    confirm: async () => void (await executor.run(MARK_POINT, [point], [])),
    risk: async (usual) => {
      const role = await usual.call('ROLE').catch(() => undefined);
      if (!Array.isArray(role) || String(role[0]) !== 'master' || !Array.isArray(role[2])) return undefined;
      const there = role[2].length;
      const facts = `REDIS_SESSION_LOGOUT_CONFIRMED_BY_REPLICAS is ${replicas} and Redis at ${endpoint.address} has ${there} replicas: `;
      if (there < replicas) return `${facts}every logout will be told 503 until there are more.`;
      if (there > replicas)
        return (
          `${facts}a failover to one that has not confirmed a logout brings the session back, a planned one those of about a ` +
          `second. It outlives any failover only with ${there}.`
        );
      return undefined;
    },
    close: async () => {
      executor.close();
      await connection.close();
    },
  };
}

/** Tries a WAIT for no replica, which returns at once. A replica refuses it, which is ignored, since it may become a master later. */
async function assertMayWait(connection: RedisConnection): Promise<void> {
  try {
    await connection.call('WAIT', '0', '1');
  } catch (error) {
    const { reason, words } = causeOf(error);
    if (reason === 'REFUSED') return;
    if (!isForbidden(error)) throw error;
    const what = `${words}, which REDIS_SESSION_LOGOUT_CONFIRMED_BY_REPLICAS needs`;
    throw unavailable(connection.endpoint, cause(reason, what));
  }
}
