import type { StoreHealth } from '../../core/store.js';
import { evictedKeys } from '../../redis/eviction.js';
import { sampleNodes, type RedisExecutor } from '../../redis/executor.js';
import { TOUCH } from './scripts.js';

/**
 * Asks Redis what requests ask: a read and a script, on a key that does not exist. On a cluster it asks each node that
 * serves sessions, which is healthy as long as one answers. Details that the server does not tell are left out.
 */
export async function healthOf(
  redis: RedisExecutor,
  { topology, keyPrefix }: { topology: string; keyPrefix: string },
): Promise<StoreHealth> {
  const [nodes, role, evicted] = await Promise.all([
    examined(redis, keyPrefix),
    redis.call('ROLE').catch(() => undefined),
    evictedKeys(redis),
  ]);
  return {
    kind: 'redis',
    topology,
    role: Array.isArray(role) ? String(role[0]) : undefined,
    evictedKeys: evicted,
    ...nodes,
  };
}

/** @throws SessionStoreUnavailableError where no node serves. */
async function examined(
  redis: RedisExecutor,
  keyPrefix: string,
): Promise<Pick<StoreHealth, 'latencyMs' | 'unreachable'>> {
  const keys = sampleNodes(
    redis,
    (n) => `${keyPrefix}health:${n}`,
    (key) => key,
  );
  const outcomes = await Promise.allSettled([...keys.values()].map((key) => latencyOf(redis, key)));
  const latencies = outcomes.flatMap((it) => (it.status === 'fulfilled' ? [it.value] : []));
  if (latencies.length === 0) throw outcomes.find((it) => it.status === 'rejected')?.reason;
  const unreachable = [...keys.keys()].flatMap((node, at) =>
    node !== undefined && outcomes[at]?.status === 'rejected' ? [node] : [],
  );
  return { latencyMs: Math.max(...latencies), ...(unreachable.length > 0 && { unreachable }) };
}

/** The latency of a read, in milliseconds. */
async function latencyOf(redis: RedisExecutor, key: string): Promise<number> {
  const start = performance.now();
  await Promise.all([redis.load(key), redis.run(TOUCH, [key], [0])]);
  return Math.round((performance.now() - start) * 100) / 100;
}
