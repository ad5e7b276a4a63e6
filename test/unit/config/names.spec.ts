import { describe, expect, it } from '@jest/globals';
import { getMetadataStorage } from 'class-validator';
import { CATALOG, type CatalogEntry, type SettingPath } from '../../../lib/config/catalog.js';
import { poolSettingNames } from '../../../lib/config/declare.js';
import { REFUSED_POOL_SETTINGS } from '../../../lib/config/given.js';
import type { ResolvedSettings } from '../../../lib/config/settings.js';
import { issueLines, onlyIssue, resolve, type Environment } from './environment.js';

/** A value of a setting that is not its default, and where it must be seen. */
interface Sample {
  readonly text: string;
  readonly expected: unknown;
  readonly seen: (settings: ResolvedSettings) => unknown;
  /** What else must be set for this to be in effect. */
  readonly beside?: Environment;
  /** What is beside it is refused without it. */
  readonly inseparable?: true;
}

const PEM = '-----BEGIN CERTIFICATE-----\\nAAAA\\n-----END CERTIFICATE-----';
const PEM_READ = PEM.replaceAll('\\n', '\n');
const TLS = { REDIS_SESSION_ENABLED: 'true', REDIS_SESSION_SSL_ENABLED: 'true' };
const SENTINEL = { REDIS_SESSION_SENTINEL_MASTER: 'm', REDIS_SESSION_SENTINELS: 's:1' };
const POOL = { REDIS_SESSION_MAX_CONNECTIONS: '20' };
const FIRST = 'Tr0ub4dor-horse-battery-lamp-moon-7';
const SECOND = 'zebra_Quilt_92_marble_fountain_kite';
const FIRST_KEY = 'BUHP8yw/JS8nwsjyhR88ZRkgFX8rJd2JKDlkW2SeS9A=';
const SECOND_KEY = 'AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8';

/**
 * Of settings whose texts are of a special form, or that show elsewhere or together with others. What is left out,
 * and all others have, is made of the declaration.
 */
const SPECIAL: Readonly<Partial<Record<SettingPath, Partial<Sample>>>> = {
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
  'redis.password': { text: ' p w ', expected: ' p w ' },
  'redis.tlsEnabled': { seen: ({ redis }) => redis.tls?.rejectUnauthorized },
  'redis.tls.ca': { text: PEM, expected: PEM_READ, beside: TLS },
  'redis.tls.cert': {
    text: PEM,
    expected: PEM_READ,
    beside: { ...TLS, REDIS_SESSION_SSL_KEY: PEM },
    inseparable: true,
  },
  'redis.tls.key': {
    text: PEM,
    expected: PEM_READ,
    beside: { ...TLS, REDIS_SESSION_SSL_CERT: PEM },
    inseparable: true,
  },
  'redis.tls.servername': { beside: TLS },
  'redis.tls.rejectUnauthorized': { beside: TLS },
  'redis.tls.allowUnauthorized': { beside: TLS },
  'redis.sentinel.master': {
    text: 'mymaster',
    expected: 'mymaster',
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
  'redis.sentinel.username': { beside: SENTINEL },
  'redis.sentinel.password': { beside: SENTINEL },
  'redis.pool.maxIdle': { beside: POOL },
  'redis.pool.minIdle': { beside: POOL },
  preset: {
    text: 'AAL2',
    expected: [3600, 86_400],
    seen: (s) => [s.idleTimeoutSeconds, s.absoluteTimeoutSeconds],
  },
  policies: {
    text: 'save_on_change, ALWAYS_SAVE_AFTER_REQUEST',
    expected: ['SAVE_ON_CHANGE', 'ALWAYS_SAVE_AFTER_REQUEST'],
  },
  clusterId: { text: 'shop-eu', expected: 'shop-eu:session:', seen: (s) => s.keyPrefix },
  codec: { text: 'JSON', expected: 'json' },
  'cookie.name': {
    text: 'shop',
    expected: { secure: 'shop', plain: 'shop' },
    seen: ({ cookie }) => ({ ...cookie.names }),
  },
  'cookie.path': { text: '/app', expected: '/app' },
  'cookie.partitioned': { beside: { REDIS_SESSION_COOKIE_SECURE: 'true' } },
  'transport.header': { text: 'Authorization', expected: 'authorization' },
  secrets: { text: `${FIRST}, ${SECOND}`, expected: [FIRST, SECOND] },
  encryptionKeys: { text: `${FIRST_KEY}, ${SECOND_KEY}`, expected: [FIRST_KEY, SECOND_KEY] },
};

function sampleOf(setting: CatalogEntry): Sample {
  const { path, name = '' } = setting;
  const special = SPECIAL[path] ?? {};
  const seen = (settings: ResolvedSettings): unknown =>
    path
      .split('.')
      .reduce<unknown>((at, property) => at && (at as Record<string, unknown>)[property], settings);
  if (special.text !== undefined) return { seen, text: special.text, expected: special.expected, ...special };
  const byDefault = seen(resolve({ ...special.beside }));
  const expected = candidates(setting, byDefault).find(
    (value) => value !== byDefault && issueLines({ ...special.beside, [name]: String(value) }).length === 0,
  );
  // In capitals where that must not matter.
  const text = setting.kind.type === 'words' ? String(expected).toUpperCase() : String(expected);
  return { seen, text, expected, ...special };
}

/** Values that a setting may have. */
function candidates({ kind, owner, property }: CatalogEntry, byDefault: unknown): unknown[] {
  switch (kind.type) {
    case 'boolean':
      return [true, false];
    case 'integer':
      return typeof byDefault === 'number' ? [byDefault + 1, byDefault - 1] : [1];
    case 'words':
      return getMetadataStorage()
        .getTargetValidationMetadatas(owner, '', true, false)
        .filter((check) => check.propertyName === property && check.name === 'isIn')
        .flatMap((check): unknown[] => check.constraints?.[0] as unknown[]);
    default:
      return ['sample'];
  }
}

const NAMED = CATALOG.flatMap((setting) =>
  setting.name === undefined ? [] : [{ oldNames: [], ...setting, name: setting.name }],
);
const EVERY_NAME = NAMED.flatMap((row) => [row.name, ...row.oldNames].map((name) => ({ name, row })));

describe('setting names', () => {
  it.each(EVERY_NAME)('$name takes effect', ({ name, row }) => {
    const { text, expected, seen, beside, inseparable } = sampleOf(row);
    if (!inseparable) expect(seen(resolve({ ...beside }))).not.toEqual(expected);
    expect(seen(resolve({ ...beside, [name]: text }))).toEqual(expected);
  });

  it.each(EVERY_NAME.filter(({ name, row }) => name !== row.name))(
    'the new name wins over $name',
    ({ name, row }) => {
      const { text, expected, seen, beside } = sampleOf(row);
      expect(seen(resolve({ ...beside, [row.name]: text, [name]: '***' }))).toEqual(expected);
    },
  );

  it.each(NAMED)('$name wins over code', (row) => {
    const { text, expected, seen, beside } = sampleOf(row);
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
    expect(onlyIssue({ [names[0]]: 'a', [names[1]]: 'b' })).toBe(
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
    expect(onlyIssue({ [name]: 'true' })).toBe(`- ${name}: has no meaning here: ${reason}; remove it.`);
  });

  it('are those of the contract', () => {
    const contract = NAMED.filter(({ oldNames }) => oldNames.length > 0).map(
      ({ name, oldNames }) => `${name.replace('REDIS_SESSION_', '')} ${oldNames.join(' ')}`,
    );
    expect(contract.sort()).toEqual(
      [
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
      ].sort(),
    );
  });
});
