import { setTimeout as sleep } from 'node:timers/promises';
import { realTimer } from '../core/clock.js';
import { Availability, type AvailabilityLog } from './availability.js';
import { createRedisClient, endpointOf, topologyOf, type RedisClient } from './client.js';
import { diagnoseCluster, unassignedSlots } from './cluster-diagnosis.js';
import { RedisConnection, type ClientFactory } from './connection.js';
import { EvictionWatch, uncheckable } from './eviction.js';
import type { RedisExecutor, RedisLink } from './executor.js';
import type { Endpoint } from './failure.js';
import { endpointOfClient, InjectedClient, riskyOptions } from './injected-client.js';
import { RedisPool, type RedisPoolOptions } from './pool.js';
import { EndsApart } from './replicated-executor.js';
import { createReplicatedLink, type ReplicatedLinkOptions } from './replicated-link.js';
import { ResilientExecutor } from './resilient-executor.js';
import type { Script } from './script.js';

/** How often Redis is looked for where the application is to wait for it. */
const STARTUP_POLL_MS = 250;

/** The way to Redis, as the settings have it. */
export interface RedisLinkOptions extends ReplicatedLinkOptions {
  /** More than one connection: a pool, else one that all share. */
  readonly pool: RedisPoolOptions;
  /** Whether Redis must be there at the start. */
  readonly startup: 'fail' | 'wait' | 'background';
}

/** What the link has to know of the sessions that it carries. */
interface LinkUse {
  /** What the names of all keys begin with. */
  readonly keyPrefix: string;
  /** The script that ends a session, which replicas may have to confirm. */
  readonly end: Script;
}

/**
 * Tries on a link what requests will do; resolves to what an operator should know, rejects where sessions cannot be
 * served.
 */
type Rehearsal = (executor: RedisExecutor) => Promise<readonly string[]>;

/** A link with its guards. */
export interface ResilientLink {
  readonly executor: RedisExecutor;
  readonly topology: string;
  /** See SessionEnvironment.confirmEnds. */
  readonly confirmEnds?: (() => Promise<void>) | undefined;
  /**
   * Resolves once Redis has answered and the rehearsal has succeeded, to false where it was closed before; rejects, and
   * closes, where the settings say that Redis must be there.
   */
  connect(rehearsal?: Rehearsal): Promise<boolean>;
  close(): Promise<void>;
}

/** Builds it. Nothing is connected yet. */
export function createRedisLink(
  options: RedisLinkOptions,
  use: LinkUse,
  log: AvailabilityLog,
): ResilientLink {
  const { client, maxCommandsInFlight, logoutConfirmedByReplicas } = options;
  const endpoint = client === undefined ? endpointOf(options) : endpointOfClient(client);
  const availability = new Availability(endpoint, log);
  const link = linkOf(options, endpoint, availability);
  const usual = new ResilientExecutor(link, maxCommandsInFlight, availability);
  const logouts =
    logoutConfirmedByReplicas > 0
      ? createReplicatedLink(options, endpoint, `${use.keyPrefix}point-in-time`)
      : undefined;
  const watch = new EvictionWatch(link, log, realTimer);
  let closing = false;

  const close = async (): Promise<void> => {
    closing = true;
    watch.stop();
    usual.close();
    await Promise.all([link.close(), logouts?.close()]);
  };
  const attempt = async (rehearsal: Rehearsal): Promise<readonly string[]> => {
    try {
      await Promise.all([link.connect(), logouts?.connect()]);
      return await rehearsal(link);
    } catch (error) {
      throw (client === undefined && (await diagnoseCluster(options))) || error;
    }
  };
  const start = async (rehearsal: Rehearsal): Promise<readonly string[]> => {
    if (options.startup === 'fail') {
      return attempt(rehearsal).catch(async (error: unknown) => {
        await close();
        throw error;
      });
    }
    return waitFor(
      () => attempt(rehearsal),
      availability,
      () => closing,
    );
  };
  /** Tells what an operator should know of the server. One question after the other: a pool would open a connection for each. */
  const lookAround = async (): Promise<void> => {
    for (const look of [
      () => uncheckable(link),
      () => logouts?.risk(link),
      () => missingSlots(link, endpoint),
    ]) {
      const note = await look();
      if (note !== undefined && !closing) log.warn(note);
    }
    await watch.begin();
  };
  const connect = async (rehearsal: Rehearsal = () => Promise.resolve([])): Promise<boolean> => {
    const warnings = await start(rehearsal);
    if (closing) return false;
    for (const warning of [...warnings, ...risksOf(client)]) log.warn(warning);
    // One that is down keeps nobody waiting for more than the time of one command.
    await Promise.race([lookAround(), sleep(options.timeoutMs, undefined, { ref: false })]);
    return !closing;
  };
  return {
    executor: logouts === undefined ? usual : new EndsApart(usual, logouts.executor, use.end),
    topology: topologyOfLink(options),
    confirmEnds: logouts?.confirm,
    connect,
    close,
  };
}

function linkOf(options: RedisLinkOptions, endpoint: Endpoint, availability: Availability): RedisLink {
  const { client, timeoutMs, pool } = options;
  if (client !== undefined) {
    return new InjectedClient(client, endpoint, timeoutMs, {
      failed: (cause) => availability.gone(cause),
      ready: () => availability.back(),
    });
  }
  const make: ClientFactory = (hooks) => createRedisClient(options, hooks);
  return pool.maxConnections > 1
    ? new RedisPool(make, endpoint, timeoutMs, pool)
    : new RedisConnection(make, endpoint, timeoutMs, availability);
}

function topologyOfLink(options: RedisLinkOptions): string {
  const { client } = options;
  if (client === undefined) return topologyOf(options);
  return client.isCluster ? 'cluster' : 'standalone';
}

function risksOf(client: RedisClient | undefined): string[] {
  const risks = client === undefined ? [] : riskyOptions(client);
  if (risks.length === 0) return [];
  return [`The injected ioredis client does not keep all promises. Set ${risks.join('; ')}.`];
}

/** Of a cluster that serves what it can although nobody serves all of it. */
async function missingSlots(link: RedisLink, { via, address }: Endpoint): Promise<string | undefined> {
  if (via !== 'cluster') return undefined;
  const info = await link.call('CLUSTER', 'INFO').catch(() => '');
  const missing = unassignedSlots(String(info));
  return missing && `Redis at ${address}: ${missing.words}. Sessions in the others get 503.`;
}

/** Looks for Redis until it is there or nobody wants it any more. */
async function waitFor(
  attempt: () => Promise<readonly string[]>,
  availability: Availability,
  isOver: () => boolean,
): Promise<readonly string[]> {
  while (!isOver()) {
    try {
      const warnings = await attempt();
      availability.back();
      return warnings;
    } catch (error) {
      if (isOver()) break;
      availability.absent(error);
      await sleep(STARTUP_POLL_MS);
    }
  }
  return [];
}
