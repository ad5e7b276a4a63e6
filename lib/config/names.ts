/** How a setting's text is read. `secret`, `secrets`, `url`: never printed as they are. */
export type SettingKind =
  | 'boolean'
  | 'integer'
  | 'text'
  | 'keyword'
  | 'policies'
  | 'nodes'
  | 'secure'
  | 'pem'
  | 'url'
  | 'secret'
  | 'secrets';

/** A setting that an operator may write: its place in SessionModuleOptions and its names. */
export interface SettingName<Path extends string = string> {
  readonly path: Path;
  readonly name: string;
  /** Names that an existing environment file may use; `name` wins where both are set. */
  readonly oldNames: readonly string[];
  readonly kind: SettingKind;
}

const PREFIX = 'REDIS_SESSION_';

function row<const Path extends string>(
  path: Path,
  name: string,
  kind: SettingKind,
  ...oldNames: string[]
): SettingName<Path> {
  return { path, name: PREFIX + name, kind, oldNames };
}

/** Every setting that ConfigService is asked for, and nothing else. */
export const SETTING_NAMES = [
  row('enabled', 'ENABLED', 'boolean', 'TOMCAT_REDIS_SESSION_ENABLED'),
  row('redis.url', 'URL', 'url'),
  row('redis.cluster.nodes', 'CLUSTER_NODES', 'nodes'),
  row('redis.host', 'HOST', 'text', 'TOMCAT_REDIS_SESSION_HOST'),
  row('redis.port', 'PORT', 'integer', 'TOMCAT_REDIS_SESSION_PORT'),
  row('redis.username', 'USERNAME', 'secret', 'TOMCAT_REDIS_SESSION_USERNAME'),
  row('redis.password', 'PASSWORD', 'secret', 'TOMCAT_REDIS_SESSION_PASSWORD'),
  row('redis.tls.enabled', 'SSL_ENABLED', 'boolean', 'TOMCAT_REDIS_SESSION_SSL_ENABLED'),
  row('redis.tls.ca', 'SSL_CA', 'pem'),
  row('redis.tls.cert', 'SSL_CERT', 'pem'),
  row('redis.tls.key', 'SSL_KEY', 'secret'),
  row('redis.tls.servername', 'SSL_SERVERNAME', 'text'),
  row('redis.tls.rejectUnauthorized', 'SSL_REJECT_UNAUTHORIZED', 'boolean'),
  row('redis.tls.allowUnauthorized', 'SSL_ALLOW_UNAUTHORIZED', 'boolean'),
  row('redis.sentinel.master', 'SENTINEL_MASTER', 'text', 'TOMCAT_REDIS_SESSION_SENTINEL_MASTER'),
  row('redis.sentinel.nodes', 'SENTINELS', 'nodes', 'TOMCAT_REDIS_SESSION_SENTINELS'),
  row('redis.sentinel.username', 'SENTINEL_USERNAME', 'secret'),
  row('redis.sentinel.password', 'SENTINEL_PASSWORD', 'secret'),
  row('redis.database', 'DATABASE', 'integer', 'TOMCAT_REDIS_SESSION_DATABASE'),
  row('redis.timeoutMs', 'TIMEOUT', 'integer', 'TOMCAT_REDIS_SESSION_TIMEOUT'),
  row('redis.maxCommandsInFlight', 'MAX_COMMANDS_IN_FLIGHT', 'integer'),
  row('redis.startup', 'STARTUP', 'keyword'),
  row('redis.logoutConfirmedByReplicas', 'LOGOUT_CONFIRMED_BY_REPLICAS', 'integer'),
  row('idleTimeoutSeconds', 'USER_TIMEOUT', 'integer', 'TOMCAT_REDIS_USER_SESSION_TIMEOUT'),
  row('absoluteTimeoutSeconds', 'ABSOLUTE_TIMEOUT', 'integer'),
  row('touchIntervalSeconds', 'TOUCH_INTERVAL', 'integer'),
  row('preset', 'PRESET', 'keyword'),
  row('policies', 'PERSISTENT_POLICIES', 'policies', 'TOMCAT_REDIS_SESSION_PERSISTENT_POLICIES'),
  row(
    'manualDirtyTracking',
    'MANUAL_DIRTY_TRACKING_SUPPORT',
    'boolean',
    'TOMCAT_REDIS_MANUAL_DIRTY_TRACKING_SUPPORT',
  ),
  row(
    'manualDirtyAttribute',
    'MANUAL_DIRTY_TRACKING_ATTR',
    'text',
    // The attribute belongs to …_SUPPORT, whose own name an operator may extend.
    'REDIS_SESSION_MANUAL_DIRTY_TRACKING_SUPPORT_ATTR',
    'TOMCAT_REDIS_MANUAL_DIRTY_TRACKING_KEY',
    'TOMCAT_REDIS_MANUAL_DIRTY_TRACKING_ATTR',
    'TOMCAT_REDIS_MANUAL_DIRTY_TRACKING_SUPPORT_KEY',
    'TOMCAT_REDIS_MANUAL_DIRTY_TRACKING_SUPPORT_ATTR',
  ),
  row('persistOnDemand', 'PERSIST_ON_DEMAND', 'boolean', 'TOMCAT_REDIS_PERSIST_ON_DEMAND'),
  row('persistOnDemandAttribute', 'PERSIST_ON_DEMAND_ATTR', 'text', 'TOMCAT_REDIS_PERSIST_ON_DEMAND_ATTR'),
  row(
    'redis.pool.maxConnections',
    'MAX_CONNECTIONS',
    'integer',
    'TOMCAT_REDIS_MAX_CONNECTIONS',
    'connectionPoolMaxTotal',
  ),
  row(
    'redis.pool.maxIdle',
    'MAX_IDLE_CONNECTIONS',
    'integer',
    'TOMCAT_REDIS_MAX_IDLE_CONNECTIONS',
    'connectionPoolMaxIdle',
  ),
  row(
    'redis.pool.minIdle',
    'MIN_IDLE_CONNECTIONS',
    'integer',
    'TOMCAT_REDIS_MIN_IDLE_CONNECTIONS',
    'connectionPoolMinIdle',
  ),
  pool('maxWaitMillis', 'integer'),
  pool('lifo', 'boolean'),
  pool('blockWhenExhausted', 'boolean'),
  pool('testOnBorrow', 'boolean'),
  pool('testOnReturn', 'boolean'),
  pool('testOnCreate', 'boolean'),
  pool('testWhileIdle', 'boolean'),
  pool('minEvictableIdleTimeMillis', 'integer'),
  pool('softMinEvictableIdleTimeMillis', 'integer'),
  pool('timeBetweenEvictionRunsMillis', 'integer'),
  pool('numTestsPerEvictionRun', 'integer'),
  row('anonymousTraffic', 'ENABLED_FOR_ANON_TRAFFIC', 'boolean', 'TOMCAT_REDIS_ENABLED_FOR_ANON_TRAFFIC'),
  row(
    'undefinedSessionTypeTimeoutSeconds',
    'UNDEFINED_SESSION_TYPE_TIMEOUT',
    'integer',
    'TOMCAT_REDIS_UNDEFINED_SESSION_TYPE_TIMEOUT',
  ),
  row('clusterId', 'CLUSTER_ID', 'text', 'DOT_DOTCMS_CLUSTER_ID'),
  row('codec', 'CODEC', 'keyword'),
  row('unstorable', 'UNSTORABLE', 'keyword'),
  row('maxSessionBytes', 'MAX_BYTES', 'integer'),
  row('maxAttributes', 'MAX_ATTRIBUTES', 'integer'),
  row('maxSessionsPerUser', 'MAX_SESSIONS_PER_USER', 'integer'),
  row('sessionLimitPolicy', 'SESSION_LIMIT_POLICY', 'keyword'),
  row('memory.maxSessions', 'MEMORY_MAX_SESSIONS', 'integer'),
  row('memory.maxBytes', 'MEMORY_MAX_BYTES', 'integer'),
  row('cookie.name', 'COOKIE_NAME', 'text'),
  row('cookie.path', 'COOKIE_PATH', 'text'),
  row('cookie.domain', 'COOKIE_DOMAIN', 'text'),
  row('cookie.sameSite', 'COOKIE_SAME_SITE', 'keyword'),
  row('cookie.secure', 'COOKIE_SECURE', 'secure'),
  row('cookie.maxAgeSeconds', 'COOKIE_MAX_AGE', 'integer'),
  row('cookie.partitioned', 'COOKIE_PARTITIONED', 'boolean'),
  row('transport.header', 'TRANSPORT_HEADER', 'keyword'),
  row('secrets', 'SECRETS', 'secrets'),
  row('encryptionKeys', 'ENCRYPTION_KEYS', 'secrets'),
] as const;

/** Options that have no name, because no text can say them or because they are the programmer's business. */
export const CODE_ONLY_PATHS = [
  'redis.client',
  'redis.cluster.natMap',
  'isAuthenticated',
  'device',
  'saveOnServerError',
  'now',
] as const;

export type SettingPath = (typeof SETTING_NAMES)[number]['path'] | (typeof CODE_ONLY_PATHS)[number];

/** Settings of commons-pool2 that no pool in Node can honour: setting one is refused, with the reason. */
export const REFUSED_POOL_SETTINGS: ReadonlyMap<string, string> = new Map([
  ['fairness', 'Node has one thread, and callers are always served in the order they came'],
  ['jmxEnabled', 'there is no JMX in Node; use the health indicator'],
  ['jmxNameBase', 'there is no JMX in Node; use the health indicator'],
  ['jmxNamePrefix', 'there is no JMX in Node; use the health indicator'],
  ['evictionPolicyClassName', 'it names a Java class; use the idle time settings'],
]);

/** The two names of a commons-pool2 property: `CONNECTION_POOL_TEST_ON_BORROW` and `connectionPoolTestOnBorrow`. */
export function poolSettingNames(property: string): { readonly name: string; readonly oldName: string } {
  const words = property.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase();
  return {
    name: `${PREFIX}CONNECTION_POOL_${words}`,
    oldName: `connectionPool${property.charAt(0).toUpperCase()}${property.slice(1)}`,
  };
}

/** The new name of a setting. */
export function nameOf(path: SettingPath): string {
  return SETTING_NAMES.find((setting) => setting.path === path)?.name ?? path;
}

function pool<const Property extends string>(
  property: Property,
  kind: SettingKind,
): SettingName<`redis.pool.${Property}`> {
  const { name, oldName } = poolSettingNames(property);
  return { path: `redis.pool.${property}`, name, kind, oldNames: [oldName] };
}
