import { Logger } from '@nestjs/common';
import type { RedisSettings } from '../config/redis-settings.js';
import { Availability } from '../redis/availability.js';
import { EndsApart } from '../redis/replicated-executor.js';
import { evictionRisk } from '../redis/eviction-risk.js';
import { ResilientExecutor } from '../redis/resilient-executor.js';
import { InjectedClient, riskyOptions } from '../redis/injected-client.js';
import { addressOf, createRedisClient, topologyOf } from '../redis/client.js';
import { RedisConnection, type ClientFactory } from '../redis/connection.js';
import type { RedisExecutor, RedisLink } from '../redis/executor.js';
import { RedisPool } from '../redis/pool.js';
import { DESTROY } from '../stores/redis/scripts.js';
import { confirmedLogouts } from './confirmed-logouts.js';

/** How often Redis is looked for where the application is to wait for it. */
const STARTUP_POLL_MS = 250;

/** The way to Redis that the settings ask for, with its guard. */
export interface GuardedLink {
  readonly executor: RedisExecutor;
  readonly topology: string;
  /** See SessionEnvironment.confirmEnds. */
  readonly confirmEnds?: (() => Promise<void>) | undefined;
  /**
   * Resolves once Redis has answered, to false where it was closed before; rejects, and closes, where the settings say
   * that Redis must be there.
   */
  connect(): Promise<boolean>;
  close(): Promise<void>;
}

/**
 * Builds it. Nothing is connected yet.
 * @param keyPrefix What the names of all keys begin with.
 */
export function createRedisLink(settings: RedisSettings, keyPrefix = 'session:'): GuardedLink {
  const logger = new Logger('RedisConnection');
  const { client, startup, maxCommandsInFlight } = settings;
  const availability = new Availability(
    client === undefined ? addressOf(settings) : 'the injected client',
    logger,
  );
  const link = linkOf(settings, availability);
  const usual = new ResilientExecutor(link, maxCommandsInFlight, availability);
  const logouts = settings.logoutConfirmedByReplicas > 0 ? confirmedLogouts(settings, keyPrefix) : undefined;
  let closing = false;
  const close = async (): Promise<void> => {
    closing = true;
    usual.close();
    await Promise.all([link.close(), logouts?.close()]);
  };
  const connect = async (): Promise<boolean> => {
    if (startup === 'fail') {
      await Promise.all([link.connect(), logouts?.connect()]).catch(async (error: unknown) => {
        await close();
        throw error;
      });
    } else {
      await waitFor(link, availability, () => closing);
      // Goes on trying by itself.
      if (!closing) await logouts?.connect().catch(() => undefined);
    }
    if (closing) return false;
    if (client !== undefined) {
      const risks = riskyOptions(client);
      if (risks.length > 0) {
        logger.warn(`The injected ioredis client does not keep all promises. Set ${risks.join('; ')}.`);
      }
    }
    const risks = await Promise.all([evictionRisk(link), logouts?.risk(link)]);
    for (const risk of risks) if (risk !== undefined) logger.warn(risk);
    return true;
  };
  return {
    executor: logouts === undefined ? usual : new EndsApart(usual, logouts.executor, DESTROY),
    topology: topologyOfLink(settings),
    confirmEnds: logouts?.confirm,
    connect,
    close,
  };
}

function linkOf(settings: RedisSettings, availability: Availability): RedisLink {
  const { client, timeoutMs, pool } = settings;
  if (client !== undefined) return new InjectedClient(client, timeoutMs);
  const address = addressOf(settings);
  const make: ClientFactory = (hooks) => createRedisClient(settings, hooks);
  return pool.maxConnections > 1
    ? new RedisPool(make, address, timeoutMs, pool)
    : new RedisConnection(make, address, timeoutMs, availability);
}

function topologyOfLink(settings: RedisSettings): string {
  const { client } = settings;
  if (client === undefined) return topologyOf(settings);
  return client.isCluster ? 'cluster' : 'standalone';
}

/** Looks for Redis until it is there or nobody wants it any more. */
async function waitFor(link: RedisLink, availability: Availability, isOver: () => boolean): Promise<void> {
  while (!isOver()) {
    try {
      await link.connect();
      return availability.back();
    } catch (error) {
      if (isOver()) return;
      availability.gone(
        `not there at the start (${error instanceof Error ? error.message : 'unknown failure'})`,
      );
      await new Promise((resolve) => setTimeout(resolve, STARTUP_POLL_MS));
    }
  }
}
