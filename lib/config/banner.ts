import { nameOf, type SettingPath } from './names.js';
import { maskedRedisUrl, parseRedisUrl } from './redis-url.js';
import type { NodeSettings, RedisSettings } from './redis-settings.js';
import type { ResolvedSettings } from './settings.js';

type Line = readonly [SettingPath, unknown];

/**
 * What the module logs at boot: a heading, what was attached to what, and `[✓] NAME: value` once for each setting
 * in effect. Credentials, secrets and keys print as `- Set -` or `- Not Set -`.
 *
 * @param attached For instance `RedisSessionInterceptor attached to AppModule`.
 */
export function bannerLines(settings: ResolvedSettings, attached: string): string[] {
  const lines: Line[] = [
    ['enabled', settings.enabled],
    ...(settings.enabled ? redisLines(settings) : memoryLines(settings)),
    ...sessionLines(settings),
    ...(settings.transport.header === undefined
      ? cookieLines(settings)
      : [['transport.header', settings.transport.header] as const]),
    ['secrets', setOrNot(settings.secrets)],
    ...(settings.enabled ? [['encryptionKeys', setOrNot(settings.encryptionKeys)] as const] : []),
  ];
  return [
    settings.enabled ? 'Redis-based sessions' : 'Sessions in this process',
    attached,
    ...lines.map(([path, value]) => `[✓] ${nameOf(path)}: ${String(value)}`),
    ...(settings.enabled
      ? []
      : [
          "Sessions live in this process's memory, within the bounds above, and end with it.",
          `Set ${nameOf('enabled')}=true to keep them in Redis.`,
        ]),
  ];
}

/** Logged once Redis has answered a PING. */
export function successLine(settings: ResolvedSettings): string {
  return `Successful! Redis-based sessions will expire after ${settings.idleTimeoutSeconds} seconds.`;
}

/** How a secret shows. */
export function setOrNot(value: unknown): string {
  return value === undefined || (Array.isArray(value) && value.length === 0) ? '- Not Set -' : '- Set -';
}

function redisLines(settings: ResolvedSettings): Line[] {
  const { redis, clusterId, anonymousTraffic } = settings;
  return [
    ...(redis.client ? [['redis.client', '- Injected client -'] as const] : connectionLines(redis)),
    ['redis.timeoutMs', redis.timeoutMs],
    ['redis.maxCommandsInFlight', redis.maxCommandsInFlight],
    ['redis.startup', redis.startup],
    ['redis.logoutConfirmedByReplicas', redis.logoutConfirmedByReplicas],
    ['clusterId', clusterId ?? '- Not Set -'],
    ['touchIntervalSeconds', settings.touchIntervalSeconds],
    ['anonymousTraffic', anonymousTraffic],
    ...(anonymousTraffic
      ? []
      : ([
          ['undefinedSessionTypeTimeoutSeconds', settings.undefinedSessionTypeTimeoutSeconds],
          ...memoryLines(settings),
        ] satisfies Line[])),
  ];
}

function connectionLines(redis: RedisSettings): Line[] {
  const { url, sentinel, cluster, tls, pool } = redis;
  // A database in the URL shows there.
  const database = parseRedisUrl(url)?.database !== redis.database && !cluster;
  return [
    ...addressLines(redis),
    ['redis.username', setOrNot(redis.username)],
    ['redis.password', setOrNot(redis.password)],
    ...(sentinel
      ? ([
          ['redis.sentinel.username', setOrNot(sentinel.username)],
          ['redis.sentinel.password', setOrNot(sentinel.password)],
        ] as const)
      : []),
    ['redis.tls.enabled', tls !== undefined],
    ...(tls
      ? ([
          ['redis.tls.ca', setOrNot(tls.ca)],
          ['redis.tls.cert', setOrNot(tls.cert)],
          ['redis.tls.key', setOrNot(tls.key)],
          ...(tls.servername === undefined ? [] : [['redis.tls.servername', tls.servername] as const]),
          ['redis.tls.rejectUnauthorized', tls.rejectUnauthorized],
          ...(tls.allowUnauthorized ? [['redis.tls.allowUnauthorized', true] as const] : []),
        ] as const)
      : []),
    ...(database ? [['redis.database', redis.database] as const] : []),
    ['redis.pool.maxConnections', pool.maxConnections],
    ...(pool.maxConnections > 1 ? poolLines(redis) : []),
  ];
}

function addressLines({ url, sentinel, cluster, host, port }: RedisSettings): Line[] {
  if (url !== undefined) return [['redis.url', maskedRedisUrl(url)]];
  if (cluster) return [['redis.cluster.nodes', addresses(cluster.nodes)]];
  if (sentinel) {
    return [
      ['redis.sentinel.master', sentinel.master],
      ['redis.sentinel.nodes', addresses(sentinel.nodes)],
    ];
  }
  return [
    ['redis.host', host],
    ['redis.port', port],
  ];
}

function addresses(nodes: readonly NodeSettings[]): string {
  return nodes
    .map(({ host, port }) => (host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`))
    .join(',');
}

function poolLines({ pool }: RedisSettings): Line[] {
  return [
    ['redis.pool.maxIdle', pool.maxIdle],
    ['redis.pool.minIdle', pool.minIdle],
    ['redis.pool.maxWaitMillis', pool.maxWaitMillis],
    ['redis.pool.lifo', pool.lifo],
    ['redis.pool.blockWhenExhausted', pool.blockWhenExhausted],
    ['redis.pool.testOnBorrow', pool.testOnBorrow],
    ['redis.pool.testOnReturn', pool.testOnReturn],
    ['redis.pool.testOnCreate', pool.testOnCreate],
    ['redis.pool.testWhileIdle', pool.testWhileIdle],
    ['redis.pool.minEvictableIdleTimeMillis', pool.minEvictableIdleTimeMillis],
    ['redis.pool.softMinEvictableIdleTimeMillis', pool.softMinEvictableIdleTimeMillis],
    ['redis.pool.timeBetweenEvictionRunsMillis', pool.timeBetweenEvictionRunsMillis],
    ['redis.pool.numTestsPerEvictionRun', pool.numTestsPerEvictionRun],
  ];
}

function sessionLines(settings: ResolvedSettings): Line[] {
  const { manualDirtyAttribute: dirty, persistOnDemandAttribute: persist, codec } = settings;
  return [
    ...(settings.preset === undefined ? [] : [['preset', settings.preset] as const]),
    ['idleTimeoutSeconds', settings.idleTimeoutSeconds],
    ['absoluteTimeoutSeconds', settings.absoluteTimeoutSeconds],
    ['policies', settings.policies.join(',')],
    ['manualDirtyTracking', dirty !== undefined],
    ...(dirty === undefined ? [] : [['manualDirtyAttribute', dirty] as const]),
    ['persistOnDemand', persist !== undefined],
    ...(persist === undefined ? [] : [['persistOnDemandAttribute', persist] as const]),
    ['codec', typeof codec === 'string' ? codec : codec.name],
    ['unstorable', settings.unstorable],
    ['maxSessionBytes', settings.maxSessionBytes],
    ['maxAttributes', settings.maxAttributes],
    ['maxSessionsPerUser', settings.maxSessionsPerUser],
    ...(settings.maxSessionsPerUser === 0
      ? []
      : [['sessionLimitPolicy', settings.sessionLimitPolicy] as const]),
  ];
}

function cookieLines({ cookie }: ResolvedSettings): Line[] {
  return [
    ['cookie.name', cookieName(cookie)],
    ['cookie.path', cookie.path],
    ...(cookie.domain === undefined ? [] : [['cookie.domain', cookie.domain] as const]),
    ['cookie.sameSite', cookie.sameSite],
    ['cookie.secure', cookie.secure],
    ...(cookie.maxAgeSeconds === undefined ? [] : [['cookie.maxAgeSeconds', cookie.maxAgeSeconds] as const]),
    ['cookie.partitioned', cookie.partitioned],
  ];
}

function cookieName({ names, secure }: ResolvedSettings['cookie']): string {
  if (secure !== 'auto' || names.secure === names.plain) return secure === false ? names.plain : names.secure;
  return `${names.secure} (${names.plain} where the connection is not secure)`;
}

function memoryLines({ memory }: ResolvedSettings): Line[] {
  return [
    ['memory.maxSessions', memory.maxSessions],
    ['memory.maxBytes', memory.maxBytes],
  ];
}
