import { describe, expect, it } from '@jest/globals';
import { REFUSED_POOL_SETTINGS, SETTING_NAMES, poolSettingNames } from '../../../lib/config/names.js';
import type { ResolvedSettings } from '../../../lib/config/settings.js';
import { onlyFault, resolve, type Environment } from './environment.js';

interface Sample {
  readonly text: string;
  readonly expected: unknown;
  readonly seen: (settings: ResolvedSettings) => unknown;
  /** What else must be set for this to be in effect. */
  readonly beside?: Environment;
  /** What is beside it is refused without it. */
  readonly inseparable?: true;
}

type Row = (typeof SETTING_NAMES)[number];

const PEM = '-----BEGIN CERTIFICATE-----\\nAAAA\\n-----END CERTIFICATE-----';
const PEM_READ = PEM.replaceAll('\\n', '\n');
const TLS = { REDIS_SESSION_ENABLED: 'true', REDIS_SESSION_SSL_ENABLED: 'true' };
const SENTINEL = { REDIS_SESSION_SENTINEL_MASTER: 'm', REDIS_SESSION_SENTINELS: 's:1' };
const POOL = { REDIS_SESSION_MAX_CONNECTIONS: '20' };
const FIRST = 'Tr0ub4dor-horse-battery-lamp-moon-7';
const SECOND = 'zebra_Quilt_92_marble_fountain_kite';
const FIRST_KEY = 'BUHP8yw/JS8nwsjyhR88ZRkgFX8rJd2JKDlkW2SeS9A=';
const SECOND_KEY = 'AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8';

const pool = (name: keyof ResolvedSettings['redis']['pool'], text: string, expected: unknown): Sample => ({
  text,
  expected,
  seen: ({ redis }) => redis.pool[name],
  beside: POOL,
});

/** A value of each setting that is not its default, and where it must be seen. A new row needs one. */
const SAMPLES: Readonly<Record<Row['path'], Sample>> = {
  enabled: { text: 'true', expected: true, seen: (s) => s.enabled },
  'redis.url': {
    text: 'rediss://u:p%40w@r.example:7000/3',
    expected: { host: 'r.example', port: 7000, username: 'u', password: 'p@w', database: 3, tls: true },
    seen: ({ redis: { host, port, username, password, database, tls } }) => ({
      host,
      port,
      username,
      password,
      database,
      tls: tls !== undefined,
    }),
  },
  'redis.cluster.nodes': {
    text: 'a:7001, b:7002,c,[::1]:7003',
    expected: [
      { host: 'a', port: 7001 },
      { host: 'b', port: 7002 },
      { host: 'c', port: 6379 },
      { host: '::1', port: 7003 },
    ],
    seen: ({ redis }) => redis.cluster?.nodes.map((node) => ({ ...node })),
  },
  'redis.host': { text: 'r.example', expected: 'r.example', seen: ({ redis }) => redis.host },
  'redis.port': { text: '6380', expected: 6380, seen: ({ redis }) => redis.port },
  'redis.username': { text: 'app', expected: 'app', seen: ({ redis }) => redis.username },
  'redis.password': { text: ' p w ', expected: ' p w ', seen: ({ redis }) => redis.password },
  'redis.tls.enabled': {
    text: 'yes',
    expected: true,
    seen: ({ redis }) => redis.tls?.rejectUnauthorized,
  },
  'redis.tls.ca': { text: PEM, expected: PEM_READ, seen: ({ redis }) => redis.tls?.ca, beside: TLS },
  'redis.tls.cert': {
    text: PEM,
    expected: PEM_READ,
    seen: ({ redis }) => redis.tls?.cert,
    beside: { ...TLS, REDIS_SESSION_SSL_KEY: PEM },
    inseparable: true,
  },
  'redis.tls.key': {
    text: PEM,
    expected: PEM_READ,
    seen: ({ redis }) => redis.tls?.key,
    beside: { ...TLS, REDIS_SESSION_SSL_CERT: PEM },
    inseparable: true,
  },
  'redis.tls.servername': {
    text: 'n',
    expected: 'n',
    seen: ({ redis }) => redis.tls?.servername,
    beside: TLS,
  },
  'redis.tls.rejectUnauthorized': {
    text: 'off',
    expected: false,
    seen: ({ redis }) => redis.tls?.rejectUnauthorized,
    beside: TLS,
  },
  'redis.tls.allowUnauthorized': {
    text: 'on',
    expected: true,
    seen: ({ redis }) => redis.tls?.allowUnauthorized,
    beside: TLS,
  },
  'redis.sentinel.master': {
    text: 'mymaster',
    expected: 'mymaster',
    seen: ({ redis }) => redis.sentinel?.master,
    beside: { REDIS_SESSION_SENTINELS: 's:1' },
    inseparable: true,
  },
  'redis.sentinel.nodes': {
    text: 's1:26380,s2',
    expected: [
      { host: 's1', port: 26380 },
      { host: 's2', port: 26379 },
    ],
    seen: ({ redis }) => redis.sentinel?.nodes.map((node) => ({ ...node })),
    beside: { REDIS_SESSION_SENTINEL_MASTER: 'm' },
    inseparable: true,
  },
  'redis.sentinel.username': {
    text: 'su',
    expected: 'su',
    seen: ({ redis }) => redis.sentinel?.username,
    beside: SENTINEL,
  },
  'redis.sentinel.password': {
    text: 'sp',
    expected: 'sp',
    seen: ({ redis }) => redis.sentinel?.password,
    beside: SENTINEL,
  },
  'redis.database': { text: '4', expected: 4, seen: ({ redis }) => redis.database },
  'redis.timeoutMs': { text: '500', expected: 500, seen: ({ redis }) => redis.timeoutMs },
  'redis.maxCommandsInFlight': {
    text: '500',
    expected: 500,
    seen: ({ redis }) => redis.maxCommandsInFlight,
  },
  'redis.logoutConfirmedByReplicas': {
    text: '2',
    expected: 2,
    seen: ({ redis }) => redis.logoutConfirmedByReplicas,
  },
  'redis.startup': { text: 'Background', expected: 'background', seen: ({ redis }) => redis.startup },
  idleTimeoutSeconds: { text: '60', expected: 60, seen: (s) => s.idleTimeoutSeconds },
  touchIntervalSeconds: { text: '5', expected: 5, seen: (s) => s.touchIntervalSeconds },
  absoluteTimeoutSeconds: { text: '3600', expected: 3600, seen: (s) => s.absoluteTimeoutSeconds },
  preset: {
    text: 'AAL2',
    expected: [3600, 86_400],
    seen: (s) => [s.idleTimeoutSeconds, s.absoluteTimeoutSeconds],
  },
  policies: {
    text: 'save_on_change, ALWAYS_SAVE_AFTER_REQUEST',
    expected: ['SAVE_ON_CHANGE', 'ALWAYS_SAVE_AFTER_REQUEST'],
    seen: (s) => s.policies,
  },
  manualDirtyTracking: { text: 'no', expected: undefined, seen: (s) => s.manualDirtyAttribute },
  manualDirtyAttribute: { text: 'dirty', expected: 'dirty', seen: (s) => s.manualDirtyAttribute },
  persistOnDemand: { text: '0', expected: undefined, seen: (s) => s.persistOnDemandAttribute },
  persistOnDemandAttribute: { text: 'now', expected: 'now', seen: (s) => s.persistOnDemandAttribute },
  'redis.pool.maxConnections': { ...pool('maxConnections', '128', 128), beside: {} },
  'redis.pool.maxIdle': pool('maxIdle', '12', 12),
  'redis.pool.minIdle': pool('minIdle', '2', 2),
  'redis.pool.maxWaitMillis': pool('maxWaitMillis', '250', 250),
  'redis.pool.lifo': pool('lifo', 'false', false),
  'redis.pool.blockWhenExhausted': pool('blockWhenExhausted', 'false', false),
  'redis.pool.testOnBorrow': pool('testOnBorrow', 'true', true),
  'redis.pool.testOnReturn': pool('testOnReturn', 'true', true),
  'redis.pool.testOnCreate': pool('testOnCreate', 'true', true),
  'redis.pool.testWhileIdle': pool('testWhileIdle', 'true', true),
  'redis.pool.minEvictableIdleTimeMillis': pool('minEvictableIdleTimeMillis', '60000', 60_000),
  'redis.pool.softMinEvictableIdleTimeMillis': pool('softMinEvictableIdleTimeMillis', '30000', 30_000),
  'redis.pool.timeBetweenEvictionRunsMillis': pool('timeBetweenEvictionRunsMillis', '10000', 10_000),
  'redis.pool.numTestsPerEvictionRun': pool('numTestsPerEvictionRun', '-2', -2),
  anonymousTraffic: { text: 'true', expected: true, seen: (s) => s.anonymousTraffic },
  undefinedSessionTypeTimeoutSeconds: {
    text: '30',
    expected: 30,
    seen: (s) => s.undefinedSessionTypeTimeoutSeconds,
  },
  clusterId: { text: 'shop-eu', expected: 'shop-eu:session:', seen: (s) => s.keyPrefix },
  codec: { text: 'JSON', expected: 'json', seen: (s) => s.codec },
  maxSessionsPerUser: { text: '5', expected: 5, seen: (s) => s.maxSessionsPerUser },
  sessionLimitPolicy: { text: 'REJECT', expected: 'reject', seen: (s) => s.sessionLimitPolicy },
  unstorable: { text: 'ERROR', expected: 'error', seen: (s) => s.unstorable },
  maxSessionBytes: { text: '1024', expected: 1024, seen: (s) => s.maxSessionBytes },
  maxAttributes: { text: '7', expected: 7, seen: (s) => s.maxAttributes },
  'memory.maxSessions': { text: '9', expected: 9, seen: ({ memory }) => memory.maxSessions },
  'memory.maxBytes': { text: '4096', expected: 4096, seen: ({ memory }) => memory.maxBytes },
  'cookie.name': {
    text: 'shop',
    expected: { secure: 'shop', plain: 'shop' },
    seen: ({ cookie }) => ({ ...cookie.names }),
  },
  'cookie.path': { text: '/app', expected: '/app', seen: ({ cookie }) => cookie.path },
  'cookie.domain': { text: 'example.com', expected: 'example.com', seen: ({ cookie }) => cookie.domain },
  'cookie.sameSite': { text: 'Strict', expected: 'strict', seen: ({ cookie }) => cookie.sameSite },
  'cookie.secure': { text: 'true', expected: true, seen: ({ cookie }) => cookie.secure },
  'cookie.maxAgeSeconds': {
    text: '34560000',
    expected: 34_560_000,
    seen: ({ cookie }) => cookie.maxAgeSeconds,
  },
  'cookie.partitioned': {
    text: 'true',
    expected: true,
    seen: ({ cookie }) => cookie.partitioned,
    beside: { REDIS_SESSION_COOKIE_SECURE: 'true' },
  },
  'transport.header': { text: 'Authorization', expected: 'authorization', seen: (s) => s.transport.header },
  encryptionKeys: {
    text: `${FIRST_KEY}, ${SECOND_KEY}`,
    expected: [FIRST_KEY, SECOND_KEY],
    seen: (s) => s.encryptionKeys,
  },
  secrets: { text: `${FIRST}, ${SECOND}`, expected: [FIRST, SECOND], seen: (s) => s.secrets },
};

const EVERY_NAME = SETTING_NAMES.flatMap((row) => [row.name, ...row.oldNames].map((name) => ({ name, row })));

describe('setting names', () => {
  it.each(EVERY_NAME)('$name takes effect', ({ name, row }) => {
    const { text, expected, seen, beside, inseparable } = SAMPLES[row.path];
    if (!inseparable) expect(seen(resolve({ ...beside }))).not.toEqual(expected);
    expect(seen(resolve({ ...beside, [name]: text }))).toEqual(expected);
  });

  it.each(EVERY_NAME.filter(({ name, row }) => name !== row.name))(
    'the new name wins over $name',
    ({ name, row }) => {
      const { text, expected, seen, beside } = SAMPLES[row.path];
      expect(seen(resolve({ ...beside, [row.name]: text, [name]: '***' }))).toEqual(expected);
    },
  );

  it.each(SETTING_NAMES)('$name wins over code', (row) => {
    const { text, expected, seen, beside } = SAMPLES[row.path];
    const code = { enabled: false, redis: { host: 'code', database: 0, pool: { maxConnections: 1 } } };
    expect(seen(resolve({ ...beside, [row.name]: text }, code))).toEqual(expected);
  });

  it('are unique', () => {
    const names = EVERY_NAME.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
  });

  it('refuses two old names that contradict each other, but not two that agree', () => {
    const names = [
      'TOMCAT_REDIS_MANUAL_DIRTY_TRACKING_KEY',
      'TOMCAT_REDIS_MANUAL_DIRTY_TRACKING_ATTR',
    ] as const;
    expect(onlyFault({ [names[0]]: 'a', [names[1]]: 'b' })).toBe(
      `- ${names[0]} = "a": contradicts ${names[1]}: set REDIS_SESSION_MANUAL_DIRTY_TRACKING_ATTR alone, or the same value in both.`,
    );
    expect(resolve({ [names[0]]: 'a', [names[1]]: 'a' }).manualDirtyAttribute).toBe('a');
  });

  it.each(
    [...REFUSED_POOL_SETTINGS].flatMap(([property, reason]) => {
      const { name, oldName } = poolSettingNames(property);
      return [
        { name, reason },
        { name: oldName, reason },
      ];
    }),
  )('$name is refused with the reason', ({ name, reason }) => {
    expect(onlyFault({ [name]: 'true' })).toBe(`- ${name}: has no meaning here: ${reason}; remove it.`);
  });

  it('are those of the contract', () => {
    const contract = SETTING_NAMES.filter(({ oldNames }) => oldNames.length > 0).map(
      ({ name, oldNames }) => `${name.replace('REDIS_SESSION_', '')} ${oldNames.join(' ')}`,
    );
    expect(contract).toEqual([
      'ENABLED TOMCAT_REDIS_SESSION_ENABLED',
      'HOST TOMCAT_REDIS_SESSION_HOST',
      'PORT TOMCAT_REDIS_SESSION_PORT',
      'USERNAME TOMCAT_REDIS_SESSION_USERNAME',
      'PASSWORD TOMCAT_REDIS_SESSION_PASSWORD',
      'SSL_ENABLED TOMCAT_REDIS_SESSION_SSL_ENABLED',
      'SENTINEL_MASTER TOMCAT_REDIS_SESSION_SENTINEL_MASTER',
      'SENTINELS TOMCAT_REDIS_SESSION_SENTINELS',
      'DATABASE TOMCAT_REDIS_SESSION_DATABASE',
      'TIMEOUT TOMCAT_REDIS_SESSION_TIMEOUT',
      'USER_TIMEOUT TOMCAT_REDIS_USER_SESSION_TIMEOUT',
      'PERSISTENT_POLICIES TOMCAT_REDIS_SESSION_PERSISTENT_POLICIES',
      'MANUAL_DIRTY_TRACKING_SUPPORT TOMCAT_REDIS_MANUAL_DIRTY_TRACKING_SUPPORT',
      'MANUAL_DIRTY_TRACKING_ATTR REDIS_SESSION_MANUAL_DIRTY_TRACKING_SUPPORT_ATTR' +
        ' TOMCAT_REDIS_MANUAL_DIRTY_TRACKING_KEY TOMCAT_REDIS_MANUAL_DIRTY_TRACKING_ATTR' +
        ' TOMCAT_REDIS_MANUAL_DIRTY_TRACKING_SUPPORT_KEY TOMCAT_REDIS_MANUAL_DIRTY_TRACKING_SUPPORT_ATTR',
      'PERSIST_ON_DEMAND TOMCAT_REDIS_PERSIST_ON_DEMAND',
      'PERSIST_ON_DEMAND_ATTR TOMCAT_REDIS_PERSIST_ON_DEMAND_ATTR',
      'MAX_CONNECTIONS TOMCAT_REDIS_MAX_CONNECTIONS connectionPoolMaxTotal',
      'MAX_IDLE_CONNECTIONS TOMCAT_REDIS_MAX_IDLE_CONNECTIONS connectionPoolMaxIdle',
      'MIN_IDLE_CONNECTIONS TOMCAT_REDIS_MIN_IDLE_CONNECTIONS connectionPoolMinIdle',
      'CONNECTION_POOL_MAX_WAIT_MILLIS connectionPoolMaxWaitMillis',
      'CONNECTION_POOL_LIFO connectionPoolLifo',
      'CONNECTION_POOL_BLOCK_WHEN_EXHAUSTED connectionPoolBlockWhenExhausted',
      'CONNECTION_POOL_TEST_ON_BORROW connectionPoolTestOnBorrow',
      'CONNECTION_POOL_TEST_ON_RETURN connectionPoolTestOnReturn',
      'CONNECTION_POOL_TEST_ON_CREATE connectionPoolTestOnCreate',
      'CONNECTION_POOL_TEST_WHILE_IDLE connectionPoolTestWhileIdle',
      'CONNECTION_POOL_MIN_EVICTABLE_IDLE_TIME_MILLIS connectionPoolMinEvictableIdleTimeMillis',
      'CONNECTION_POOL_SOFT_MIN_EVICTABLE_IDLE_TIME_MILLIS connectionPoolSoftMinEvictableIdleTimeMillis',
      'CONNECTION_POOL_TIME_BETWEEN_EVICTION_RUNS_MILLIS connectionPoolTimeBetweenEvictionRunsMillis',
      'CONNECTION_POOL_NUM_TESTS_PER_EVICTION_RUN connectionPoolNumTestsPerEvictionRun',
      'ENABLED_FOR_ANON_TRAFFIC TOMCAT_REDIS_ENABLED_FOR_ANON_TRAFFIC',
      'UNDEFINED_SESSION_TYPE_TIMEOUT TOMCAT_REDIS_UNDEFINED_SESSION_TYPE_TIMEOUT',
      'CLUSTER_ID DOT_DOTCMS_CLUSTER_ID',
    ]);
  });
});
