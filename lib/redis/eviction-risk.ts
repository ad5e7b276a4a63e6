import type { RedisExecutor } from './executor.js';

/**
 * A warning where Redis may evict sessions when it is full; undefined where it may not, or does not tell. Every key of
 * this package has an expiry, so the `volatile-` policies hit sessions just as the `allkeys-` ones do, and those hit
 * the marks of ended sessions too. Only `noeviction` keeps what was acknowledged: a full Redis then refuses new writes,
 * which the client is told (redis.io/docs/latest/develop/reference/eviction).
 *
 * Asked by INFO, which managed services allow where they refuse CONFIG.
 */
export async function evictionRisk(redis: RedisExecutor): Promise<string | undefined> {
  const info = await redis.call('INFO', 'memory').catch(() => undefined);
  if (typeof info !== 'string') return undefined;
  const policy = /^maxmemory_policy:(\S+)/m.exec(info)?.[1];
  const isBounded = Number(/^maxmemory:(\d+)/m.exec(info)?.[1]) > 0;
  if (!isBounded || policy === undefined || policy === 'noeviction') return undefined;
  return (
    `Redis at ${redis.address} has maxmemory-policy ${policy}: when it is full it evicts sessions, and their users are ` +
    'logged out without a trace. Set maxmemory-policy noeviction, and watch its memory.'
  );
}
