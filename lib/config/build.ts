import { steadyClock } from '../core/clock.js';
import type { Draft, Fault } from './draft.js';
import type { SettingPath } from './names.js';
import { readPem } from './pem.js';
import { DEFAULT_IDLE_SECONDS, timeoutsOf } from './presets.js';
import {
  ClusterSettings,
  NodeSettings,
  PoolSettings,
  RedisSettings,
  SentinelSettings,
  TlsSettings,
} from './redis-settings.js';
import { parseRedisUrl } from './redis-url.js';
import {
  CookieNames,
  CookieSettings,
  MemorySettings,
  SessionSettings,
  TransportSettings,
} from './settings.js';

const MANUAL_DIRTY_ATTRIBUTE = '__dot_session_attribute_changed__';
const PERSIST_ON_DEMAND_ATTRIBUTE = '__dot_session_persist_now__';

export interface Surroundings {
  /** NODE_ENV is `production`. */
  readonly production: boolean;
  readonly notes: readonly string[];
}

/** Fills in the defaults. The values are not validated yet, hence `unknown` all the way. */
export function buildSettings(draft: Draft, surroundings: Surroundings, faults: Fault[]): SessionSettings {
  const get = (path: SettingPath): unknown => draft.entries.get(path)?.value;
  const clusterId = get('clusterId');
  const enabled = get('enabled') ?? draft.redisInCode;
  const preset = timeoutsOf(get('preset'));
  const idleTimeoutSeconds = get('idleTimeoutSeconds') ?? preset.idleTimeoutSeconds ?? DEFAULT_IDLE_SECONDS;
  return fill(SessionSettings, {
    enabled,
    clusterId,
    keyPrefix: typeof clusterId === 'string' ? `${clusterId}:session:` : 'session:',
    redis: redis(draft, enabled === true, faults),
    cookie: cookie(draft, surroundings.production),
    secrets: get('secrets') ?? [],
    encryptionKeys: get('encryptionKeys') ?? [],
    transport: fill(TransportSettings, { header: get('transport.header') }),
    preset: get('preset'),
    idleTimeoutSeconds,
    absoluteTimeoutSeconds: get('absoluteTimeoutSeconds') ?? preset.absoluteTimeoutSeconds ?? 0,
    policies: get('policies') ?? ['DEFAULT'],
    manualDirtyAttribute: switchable(
      get('manualDirtyTracking'),
      get('manualDirtyAttribute') ?? MANUAL_DIRTY_ATTRIBUTE,
    ),
    persistOnDemandAttribute: switchable(
      get('persistOnDemand'),
      get('persistOnDemandAttribute') ?? PERSIST_ON_DEMAND_ATTRIBUTE,
    ),
    anonymousTraffic: get('anonymousTraffic') ?? false,
    undefinedSessionTypeTimeoutSeconds: get('undefinedSessionTypeTimeoutSeconds') ?? 15,
    unstorable: get('unstorable') ?? 'warn',
    maxSessionBytes: get('maxSessionBytes') ?? 65_536,
    maxAttributes: get('maxAttributes') ?? 1000,
    maxSessionsPerUser: get('maxSessionsPerUser') ?? 0,
    sessionLimitPolicy: get('sessionLimitPolicy') ?? 'evict-oldest',
    memory: fill(MemorySettings, {
      maxSessions: get('memory.maxSessions') ?? 10_000,
      maxBytes: get('memory.maxBytes') ?? 64 * 1024 * 1024,
    }),
    codec: get('codec') ?? 'msgpack',
    isAuthenticated: get('isAuthenticated'),
    device: get('device'),
    // A sixtieth: what a session may outlive its idle time by.
    touchIntervalSeconds:
      get('touchIntervalSeconds') ?? Math.min(30, Math.floor(whole(idleTimeoutSeconds) / 60)),
    saveOnServerError: get('saveOnServerError') ?? true,
    now: get('now') ?? steadyClock(),
    notes: surroundings.notes,
  });
}

/** `false` switches an attribute off. */
function switchable(enabled: unknown, attribute: unknown): unknown {
  return enabled === false ? undefined : attribute;
}

function redis(draft: Draft, enabled: boolean, faults: Fault[]): RedisSettings {
  const get = (path: SettingPath): unknown => draft.entries.get(path)?.value;
  const url = parseRedisUrl(get('redis.url'));
  // ConfigService wins over code, also over parts of a URL in code. From one source both say the same, or it is a fault.
  const either = (path: SettingPath, inUrl: unknown): unknown => {
    const overrules =
      draft.entries.get(path)?.source === 'config' && draft.entries.get('redis.url')?.source === 'code';
    return overrules ? get(path) : (inUrl ?? get(path));
  };
  const sentinel = draft.entries.has('redis.sentinel.master') && draft.entries.has('redis.sentinel.nodes');
  return fill(RedisSettings, {
    url: get('redis.url'),
    host: url?.host ?? get('redis.host') ?? 'localhost',
    port: url?.port ?? get('redis.port') ?? 6379,
    socketPath: url?.socketPath,
    username: either('redis.username', url?.username),
    password: either('redis.password', url?.password),
    database: either('redis.database', url?.database) ?? 0,
    timeoutMs: get('redis.timeoutMs') ?? 2000,
    maxCommandsInFlight: get('redis.maxCommandsInFlight') ?? 20_000,
    startup: get('redis.startup') ?? 'fail',
    logoutConfirmedByReplicas: get('redis.logoutConfirmedByReplicas') ?? 0,
    tls:
      either('redis.tls.enabled', url?.tls || undefined) === true ? tls(draft, enabled, faults) : undefined,
    sentinel: sentinel
      ? fill(SentinelSettings, {
          master: get('redis.sentinel.master'),
          nodes: nodes(get('redis.sentinel.nodes')),
          username: get('redis.sentinel.username'),
          password: get('redis.sentinel.password'),
        })
      : undefined,
    cluster: draft.entries.has('redis.cluster.nodes')
      ? fill(ClusterSettings, {
          nodes: nodes(get('redis.cluster.nodes')),
          natMap: get('redis.cluster.natMap'),
        })
      : undefined,
    pool: pool(draft),
    client: get('redis.client'),
  });
}

function tls(draft: Draft, enabled: boolean, faults: Fault[]): TlsSettings {
  const get = (path: SettingPath): unknown => draft.entries.get(path)?.value;
  const pem = (path: 'redis.tls.ca' | 'redis.tls.cert' | 'redis.tls.key'): unknown => {
    const entry = draft.entries.get(path);
    // Files of a Redis that is not used need not be there.
    if (entry === undefined || !enabled) return undefined;
    const text = readPem(entry.value);
    if (text === undefined) {
      faults.push({
        label: entry.label,
        text: 'must be PEM text, or the path of a readable PEM file',
        entry,
      });
    }
    return text;
  };
  return fill(TlsSettings, {
    ca: pem('redis.tls.ca'),
    cert: pem('redis.tls.cert'),
    key: pem('redis.tls.key'),
    servername: get('redis.tls.servername'),
    rejectUnauthorized: get('redis.tls.rejectUnauthorized') ?? true,
    allowUnauthorized: get('redis.tls.allowUnauthorized') ?? false,
  });
}

function nodes(value: unknown): unknown {
  if (!Array.isArray(value)) return value;
  return value.map((node: unknown) => fill(NodeSettings, node as Record<keyof NodeSettings, unknown>));
}

function pool(draft: Draft): PoolSettings {
  const get = (path: SettingPath): unknown => draft.entries.get(path)?.value;
  const maxConnections = get('redis.pool.maxConnections') ?? 1;
  const minIdle = get('redis.pool.minIdle') ?? 0;
  return fill(PoolSettings, {
    maxConnections,
    // commons-pool2 keeps 8, which the two bounds somebody did set must not contradict.
    maxIdle:
      get('redis.pool.maxIdle') ?? Math.min(Math.max(8, whole(minIdle)), Math.max(1, whole(maxConnections))),
    minIdle,
    maxWaitMillis: get('redis.pool.maxWaitMillis') ?? -1,
    lifo: get('redis.pool.lifo') ?? true,
    blockWhenExhausted: get('redis.pool.blockWhenExhausted') ?? true,
    testOnBorrow: get('redis.pool.testOnBorrow') ?? false,
    testOnReturn: get('redis.pool.testOnReturn') ?? false,
    testOnCreate: get('redis.pool.testOnCreate') ?? false,
    testWhileIdle: get('redis.pool.testWhileIdle') ?? false,
    minEvictableIdleTimeMillis: get('redis.pool.minEvictableIdleTimeMillis') ?? 1_800_000,
    softMinEvictableIdleTimeMillis: get('redis.pool.softMinEvictableIdleTimeMillis') ?? -1,
    timeBetweenEvictionRunsMillis: get('redis.pool.timeBetweenEvictionRunsMillis') ?? -1,
    numTestsPerEvictionRun: get('redis.pool.numTestsPerEvictionRun') ?? 3,
  });
}

function whole(value: unknown): number {
  return typeof value === 'number' && Number.isInteger(value) ? value : 1;
}

function cookie(draft: Draft, production: boolean): CookieSettings {
  const get = (path: SettingPath): unknown => draft.entries.get(path)?.value;
  const name = get('cookie.name');
  const path = get('cookie.path') ?? '/';
  const domain = get('cookie.domain');
  // RFC 6265bis, 4.1.3.2: a __Host- cookie is Secure, has Path=/ and no Domain.
  const prefix = path === '/' && domain === undefined ? '__Host-' : '';
  return fill(CookieSettings, {
    names: fill(CookieNames, { secure: name ?? `${prefix}sid`, plain: name ?? 'sid' }),
    path,
    domain,
    sameSite: get('cookie.sameSite') ?? 'lax',
    secure: get('cookie.secure') ?? (production ? true : 'auto'),
    maxAgeSeconds: get('cookie.maxAgeSeconds'),
    partitioned: get('cookie.partitioned') ?? false,
  });
}

type Values<T> = Record<Exclude<keyof T, 'toJSON' | symbol>, unknown>;

function fill<T extends object>(type: new () => T, values: Values<T>): T {
  return Object.assign(new type(), values);
}
