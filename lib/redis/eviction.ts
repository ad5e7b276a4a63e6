import type { Timer } from '../core/clock.js';
import type { AvailabilityLog } from './availability.js';
import { forbiddenAmong, type RedisExecutor } from './executor.js';

/** How often a server is asked whether it evicts keys: the policy can be changed while it runs. */
const LOOK_INTERVAL_MS = 60_000;

/**
 * A warning where Redis may evict sessions when it is full; undefined where it may not, or does not tell. Every key of
 * this package has an expiry, so the `volatile-` policies hit sessions just as the `allkeys-` ones do, and those hit
 * the marks of ended sessions too. Only `noeviction` keeps what was acknowledged: a full Redis then refuses new writes,
 * which the client is told (redis.io/docs/latest/develop/reference/eviction).
 *
 * Asked by INFO, which managed services allow where they refuse CONFIG.
 */
export async function evictionRisk(redis: RedisExecutor): Promise<string | undefined> {
  const policies = (await infoOf(redis, 'memory')).flatMap((info) => {
    const policy = /^maxmemory_policy:(\S+)/m.exec(info)?.[1];
    const isBounded = Number(/^maxmemory:(\d+)/m.exec(info)?.[1]) > 0;
    return isBounded && policy !== undefined && policy !== 'noeviction' ? [policy] : [];
  });
  if (policies.length === 0) return undefined;
  return (
    `Redis at ${redis.endpoint.address} has maxmemory-policy ${[...new Set(policies)].join(', ')}: when it is full it ` +
    'evicts sessions, and their users are logged out without a trace. Set maxmemory-policy noeviction, and watch its memory.'
  );
}

/** How many keys were evicted since the servers started, sessions or others; undefined where they do not tell. */
export async function evictedKeys(redis: RedisExecutor): Promise<number | undefined> {
  const counts = (await infoOf(redis, 'stats')).flatMap((info) => {
    const count = /^evicted_keys:(\d+)/m.exec(info)?.[1];
    return count === undefined ? [] : [Number(count)];
  });
  return counts.length === 0 ? undefined : counts.reduce((sum, count) => sum + count, 0);
}

/** What cannot be told without these commands. */
const UNKNOWN_WITHOUT: Readonly<Record<string, string>> = {
  ROLE: 'health shows no role',
  INFO: 'whether it evicts sessions when it is full is not known',
};

/** One line at boot about commands that a server refuses and that sessions do not need; undefined: it refuses none. */
export async function uncheckable(redis: RedisExecutor): Promise<string | undefined> {
  const refused = await forbiddenAmong(redis, [['ROLE'], ['INFO', 'memory']]);
  if (refused.length === 0) return undefined;
  return (
    `Redis at ${redis.endpoint.address} refuses ${refused.join(' and ')}, which sessions do not need: ` +
    `${refused.map((name) => UNKNOWN_WITHOUT[name]).join('; ')}.`
  );
}

/** Looks now and then whether Redis may evict sessions, and whether it has evicted anything, and tells of changes. */
export class EvictionWatch {
  readonly #redis: RedisExecutor;
  readonly #log: AvailabilityLog;
  readonly #timer: Timer;
  #risk: string | undefined;
  #evicted: number | undefined;
  #stop: (() => void) | undefined;
  #isStopped = false;

  constructor(redis: RedisExecutor, log: AvailabilityLog, timer: Timer) {
    this.#redis = redis;
    this.#log = log;
    this.#timer = timer;
  }

  /** Looks, and goes on doing so. Never rejects. */
  async begin(): Promise<void> {
    await this.look();
    if (!this.#isStopped) this.#stop = this.#timer(LOOK_INTERVAL_MS, () => void this.begin());
  }

  stop(): void {
    this.#isStopped = true;
    this.#stop?.();
  }

  /** Never rejects: a server that is away or does not tell is asked again. */
  async look(): Promise<void> {
    const risk = await evictionRisk(this.#redis);
    const evicted = await evictedKeys(this.#redis);
    if (risk !== undefined && risk !== this.#risk) this.#log.warn(risk);
    this.#risk = risk;
    if (evicted === undefined) return;
    const more = evicted - (this.#evicted ?? evicted);
    this.#evicted = evicted;
    if (more <= 0) return;
    this.#log.warn(
      `Redis at ${this.#redis.endpoint.address} evicted ${more} keys since it was last looked at, sessions among them or ` +
        'others: whoever loses one is logged out. Raise maxmemory, and set maxmemory-policy noeviction.',
    );
  }
}

/** The INFO of each server that answers. */
async function infoOf(redis: RedisExecutor, section: string): Promise<string[]> {
  const replies = await redis.callEach('INFO', section).catch((): unknown[] => []);
  return replies.filter((info): info is string => typeof info === 'string');
}
