import { describe, expect, it } from '@jest/globals';
import { MemoryStore } from '../../../lib/stores/memory-store.js';
import { Redis } from 'ioredis';
import type { SessionModuleOptions } from '../../../lib/config/options.js';
import { onlyIssue, resolve } from './environment.js';

const PEM = '-----BEGIN CERTIFICATE-----';

const STORE = new MemoryStore();

describe('warnings', () => {
  it.each<[object, SessionModuleOptions, string]>([
    [
      { REDIS_SESSION_HOST: 'r', REDIS_SESSION_PORT: 1 },
      {},
      'REDIS_SESSION_HOST, REDIS_SESSION_PORT. Sessions live in this process; set REDIS_SESSION_ENABLED=true to keep them in Redis.',
    ],
    [
      { REDIS_SESSION_ENCRYPTION_KEYS: 'EBqNPuyVTgzo7sFUMqqDMnOLxVVbZBUjjGLi41ZByyI=' },
      {},
      'REDIS_SESSION_ENCRYPTION_KEYS. Sessions live in this process; set REDIS_SESSION_ENABLED=true to keep them in Redis.',
    ],
    [
      { REDIS_SESSION_COOKIE_NAME: 'shop' },
      { transport: { header: 'x-session' } },
      'REDIS_SESSION_COOKIE_NAME. The token travels in a header.',
    ],
    [
      { connectionPoolLifo: 'true' },
      { redis: {} },
      'connectionPoolLifo. One connection is no pool; raise REDIS_SESSION_MAX_CONNECTIONS.',
    ],
    [
      {},
      { redis: { host: 'r', sentinel: { master: 'm', nodes: 's' } } },
      'redis.host. Sentinel says where the master is.',
    ],
    [
      {},
      { redis: { host: 'r', cluster: { nodes: 's' } } },
      'redis.host. The nodes of the cluster say where Redis is.',
    ],
    [
      {},
      { redis: { cluster: { natMap: {} } } },
      'redis.cluster.natMap. There are no REDIS_SESSION_CLUSTER_NODES.',
    ],
    [
      {},
      { redis: { sentinel: { password: 'p' } } },
      'redis.sentinel.password. There is no REDIS_SESSION_SENTINEL_MASTER.',
    ],
    [
      { REDIS_SESSION_SSL_ENABLED: 'no', REDIS_SESSION_SSL_CA: PEM },
      { redis: {} },
      'REDIS_SESSION_SSL_CA. TLS is switched off.',
    ],
    [
      {},
      { manualDirtyTracking: false, manualDirtyAttribute: 'd' },
      'manualDirtyAttribute. Manual dirty tracking is switched off.',
    ],
    [
      {},
      { persistOnDemand: false, persistOnDemandAttribute: 'd' },
      'persistOnDemandAttribute. Persist on demand is switched off.',
    ],
    [
      {},
      { redis: {}, storeGuests: true, guestCopySeconds: 9, memory: { maxBytes: 5 } },
      'guestCopySeconds, memory.maxBytes. All sessions are stored in Redis with the usual timeouts.',
    ],
    [
      { REDIS_SESSION_ENABLED: 'true', REDIS_SESSION_HOST: 'redis', REDIS_SESSION_MEMORY_MAX_BYTES: '5' },
      { store: STORE },
      'REDIS_SESSION_ENABLED, REDIS_SESSION_HOST, REDIS_SESSION_MEMORY_MAX_BYTES. Sessions live in the store that code gives.',
    ],
  ])('tell that in %p and %p something has no effect', (environment, code, expected) => {
    expect(resolve({ ...environment }, code).warnings).toEqual([`Without effect: ${expected}`]);
  });

  it.each<[object, SessionModuleOptions, boolean]>([
    [{ NODE_ENV: 'production' }, {}, true],
    [{ NODE_ENV: 'production' }, { store: STORE }, false],
    [{ NODE_ENV: 'production', REDIS_SESSION_ENABLED: 'false' }, { redis: {} }, true],
    [{ NODE_ENV: 'production', REDIS_SESSION_ENABLED: 'true' }, {}, false],
    [{ NODE_ENV: 'production' }, { redis: {} }, false],
    [{ NODE_ENV: 'test' }, {}, false],
  ])('in %p and %p warn of sessions in memory in production: %p', (environment, code, warned) => {
    const warning = expect.stringMatching(/^NODE_ENV is production .*REDIS_SESSION_ENABLED=true/);
    expect(resolve({ ...environment }, code).warnings).toEqual(warned ? [warning] : []);
  });

  it.each([
    ['anonymousTraffic', 'storeGuests', true],
    ['undefinedSessionTypeTimeoutSeconds', 'guestCopySeconds', 7],
  ] as const)('tell that the option %s, which still works, is called %s now', (old, name, value) => {
    const warning = `The option ${old} is called ${name} now. The old name works for the time being: rename it.`;
    const settings = resolve({}, { redis: {}, [old]: value });
    expect([settings[name], settings.warnings]).toEqual([value, [warning]]);
    // The new name wins, whichever comes first.
    for (const code of [
      { [old]: value, [name]: 3 },
      { [name]: 3, [old]: value },
    ]) {
      if (name === 'guestCopySeconds') expect(resolve({}, { redis: {}, ...code }).guestCopySeconds).toBe(3);
    }
  });

  it('name an old option in what is wrong with it', () => {
    expect(onlyIssue({}, { anonymousTraffic: 'x' as unknown as boolean })).toContain(
      '- anonymousTraffic = "x": must be true',
    );
  });

  it('say nothing of what is not in effect where sessions are kept in this process on purpose', () => {
    expect(
      resolve({ REDIS_SESSION_ENABLED: 'false', REDIS_SESSION_HOST: 'r', REDIS_SESSION_CLUSTER_ID: 'a' })
        .warnings,
    ).toEqual([]);
  });

  it('tell of settings that an injected client overrides', () => {
    const client = new Redis({ lazyConnect: true });
    const environment = {
      REDIS_SESSION_HOST: 'r',
      REDIS_SESSION_TIMEOUT: '5',
      REDIS_SESSION_MAX_CONNECTIONS: '3',
    };
    expect(resolve(environment, { redis: { client } }).warnings).toEqual([
      'Without effect: REDIS_SESSION_HOST, REDIS_SESSION_MAX_CONNECTIONS. The application injects its own client.',
    ]);
    client.disconnect();
  });
});

describe('a cookie and a session that do not end together', () => {
  const warningsOf = (environment: Record<string, unknown>): string[] =>
    [...resolve(environment, {}).warnings].filter((text) => text.startsWith('REDIS_SESSION_COOKIE_MAX_AGE'));

  it.each<[Record<string, unknown>, string]>([
    [{ REDIS_SESSION_COOKIE_MAX_AGE: 86400 }, 'of 86400 s outlives the idle time of sessions, 1800 s'],
    [
      { REDIS_SESSION_COOKIE_MAX_AGE: 1801, REDIS_SESSION_USER_TIMEOUT: 1800 },
      'of 1801 s outlives the idle time of sessions, 1800 s',
    ],
    [
      { REDIS_SESSION_COOKIE_MAX_AGE: 1800, REDIS_SESSION_PRESET: 'aal2' },
      'of 1800 s ends before the idle time of sessions, 3600 s',
    ],
    [
      { REDIS_SESSION_COOKIE_MAX_AGE: 60, TOMCAT_REDIS_USER_SESSION_TIMEOUT: 120 },
      'of 60 s ends before the idle time of sessions, 120 s',
    ],
  ])('are warned of: %p', (environment, text) => {
    expect(warningsOf(environment)).toEqual([expect.stringContaining(text)]);
  });

  it.each<[Record<string, unknown>]>([
    [{}],
    [{ REDIS_SESSION_USER_TIMEOUT: 60 }],
    [{ REDIS_SESSION_COOKIE_MAX_AGE: 60, REDIS_SESSION_USER_TIMEOUT: 60 }],
    [{ REDIS_SESSION_COOKIE_MAX_AGE: 1800 }],
    [{ REDIS_SESSION_COOKIE_MAX_AGE: 60, REDIS_SESSION_TRANSPORT_HEADER: 'x-session' }],
  ])('are not found in %p', (environment) => {
    expect(warningsOf(environment)).toEqual([]);
  });
});
