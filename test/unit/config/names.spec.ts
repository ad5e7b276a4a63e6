import { describe, expect, it } from '@jest/globals';
import { CATALOG } from '../../../lib/config/catalog.js';
import { poolSettingNames } from '../../../lib/config/declare.js';
import { REFUSED_POOL_SETTINGS } from '../../../lib/config/given.js';
import { onlyIssue, resolve } from './environment.js';
import { sampleOf } from './samples.js';

const NAMED = CATALOG.flatMap((setting) =>
  setting.name === undefined ? [] : [{ oldNames: [], ...setting, name: setting.name }],
);
const EVERY_NAME = NAMED.flatMap((row) => [row.name, ...row.oldNames].map((name) => ({ name, row })));

describe('setting names', () => {
  it.each(EVERY_NAME)('$name takes effect', ({ name, row }) => {
    const { text, expected, seen, beside, inseparable } = sampleOf(row.path);
    if (!inseparable) expect(seen(resolve({ ...beside }))).not.toEqual(expected);
    expect(seen(resolve({ ...beside, [name]: text }))).toEqual(expected);
  });

  it.each(EVERY_NAME.filter(({ name, row }) => name !== row.name))(
    'the new name wins over $name',
    ({ name, row }) => {
      const { text, expected, seen, beside } = sampleOf(row.path);
      expect(seen(resolve({ ...beside, [row.name]: text, [name]: '***' }))).toEqual(expected);
    },
  );

  it.each(NAMED)('$name wins over code', (row) => {
    const { text, expected, seen, beside } = sampleOf(row.path);
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
