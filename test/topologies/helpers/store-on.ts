import 'reflect-metadata';
import type { RedisOptions, SessionModuleOptions } from '../../../lib/config/options.js';
import { resolveSettings } from '../../../lib/config/resolve.js';
import { createRedisLink, type ResilientLink } from '../../../lib/redis/link.js';
import { RedisStore } from '../../../lib/stores/redis/redis-store.js';
import { DESTROY } from '../../../lib/stores/redis/scripts.js';
import type { SessionId } from '../../../lib/core/token.js';
import { LIMITS } from '../../contract/contract-fixture.js';
import { keyOf, TOMBSTONE_MS, PREFIX } from '../../contract/redis-helpers.js';
import type { StoreUnderTest } from '../../contract/session-store.contract.js';
import { onCleanup } from '../../support/cleanup.js';
import { LogSink } from '../../support/log-sink.js';

/** Where Redis is, as an operator says it (settings) or as code does. */
export type Place = { settings: Readonly<Record<string, string>> } | { redis: RedisOptions };

/** The way to Redis exactly as the module makes it from its settings; closed when the test file ends. */
export function linkTo(place: Place, log = new LogSink()): ResilientLink {
  const code: SessionModuleOptions = 'redis' in place ? { redis: place.redis } : { enabled: true };
  const read = 'settings' in place ? (name: string): unknown => place.settings[name] : undefined;
  const link = createRedisLink(resolveSettings(code, read).redis, { keyPrefix: PREFIX, end: DESTROY }, log);
  onCleanup(() => link.close());
  return link;
}

/** A connected store on it. */
export async function storeOn(place: Place): Promise<RedisStore> {
  const link = linkTo(place);
  await link.connect();
  const options = { keyPrefix: PREFIX, touchIntervalMs: 0, tombstoneMs: TOMBSTONE_MS, limits: LIMITS };
  return new RedisStore(link.executor, { ...options, topology: link.topology }, () => link.close());
}

/** What a store promises is not about time. */
function patient(place: Place): Place {
  if ('redis' in place) return { redis: { ...place.redis, timeoutMs: 20_000 } };
  return { settings: { ...place.settings, REDIS_SESSION_TIMEOUT: '20000' } };
}

/** Two nodes on it, and how long a record has left, as `observer` sees it. */
export async function nodesOn(place: Place, observer = place): Promise<StoreUnderTest> {
  const [store, peer] = await Promise.all([storeOn(patient(place)), storeOn(patient(place))]);
  const link = linkTo(observer);
  await link.connect();
  const lifeMs = async (id: SessionId): Promise<number> => {
    const key = keyOf(id);
    const life = Number(await link.executor.call('PTTL', key));
    if (life === -1) throw new Error(`The key ${key} has no expiry.`);
    return (await link.executor.call('HEXISTS', key, '@v')) === 1 ? life : 0;
  };
  return { store, peer, lifeMs };
}
