import { describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { bannerLines, successLine } from '../../../lib/config/banner.js';
import { CATALOG } from '../../../lib/config/catalog.js';
import type { SessionModuleOptions } from '../../../lib/config/options.js';
import { resolve, type Environment } from './environment.js';
import { sampleOf } from './samples.js';

const ATTACHED = 'RedisSessionInterceptor attached to AppModule';
const PEM = '-----BEGIN PRIVATE KEY-----';

function banner(environment: Environment, code?: SessionModuleOptions): string[] {
  return bannerLines(resolve({ NODE_ENV: 'test', ...environment }, code), ATTACHED);
}

/** Settings that are declared later may have lines in between. */
function expectInOrder(lines: readonly string[], expected: readonly string[]): void {
  expect(lines.filter((line) => expected.includes(line))).toEqual(expected);
}

/** `NAME: value` of the settings, without those that the expected defaults below show. */
function connection(environment: Environment, code?: SessionModuleOptions): string[] {
  const lines = banner({ REDIS_SESSION_ENABLED: 'true', ...environment }, code);
  const end = lines.findIndex((line) => line.startsWith('[✓] REDIS_SESSION_TIMEOUT'));
  return lines.slice(3, end).map((line) => line.replace('[✓] REDIS_SESSION_', ''));
}

describe('banner', () => {
  it('has one line for each setting that is in effect, wherever that is', () => {
    for (const { path, name } of CATALOG) {
      if (name === undefined) continue;
      const { text, beside } = sampleOf(path);
      const lines = banner({ REDIS_SESSION_ENABLED: 'true', ...beside, [name]: text });
      expect([name, lines.filter((line) => line.startsWith(`[✓] ${name}: `)).length]).toEqual([name, 1]);
    }
  });

  it('prints settings in the order of their declaration, secrets masked', () => {
    const lines = banner({ REDIS_SESSION_ENABLED: 'true', TOMCAT_REDIS_SESSION_PASSWORD: 'hunter2' });
    expectInOrder(lines, [
      'Redis-based sessions',
      'RedisSessionInterceptor attached to AppModule',
      '[✓] REDIS_SESSION_ENABLED: true',
      '[✓] REDIS_SESSION_HOST: localhost',
      '[✓] REDIS_SESSION_PORT: 6379',
      '[✓] REDIS_SESSION_USERNAME: - Not Set -',
      '[✓] REDIS_SESSION_PASSWORD: - Set -',
      '[✓] REDIS_SESSION_SSL_ENABLED: false',
      '[✓] REDIS_SESSION_DATABASE: 0',
      '[✓] REDIS_SESSION_MAX_CONNECTIONS: 1',
      '[✓] REDIS_SESSION_TIMEOUT: 2000',
      '[✓] REDIS_SESSION_MAX_COMMANDS_IN_FLIGHT: 20000',
      '[✓] REDIS_SESSION_STARTUP: fail',
      '[✓] REDIS_SESSION_LOGOUT_CONFIRMED_BY_REPLICAS: 0',
      '[✓] REDIS_SESSION_CLUSTER_ID: - Not Set -',
      '[✓] REDIS_SESSION_ENABLED_FOR_ANON_TRAFFIC: false',
      '[✓] REDIS_SESSION_UNDEFINED_SESSION_TYPE_TIMEOUT: 15',
      '[✓] REDIS_SESSION_MEMORY_MAX_SESSIONS: 10000',
      '[✓] REDIS_SESSION_MEMORY_MAX_BYTES: 67108864',
      '[✓] REDIS_SESSION_USER_TIMEOUT: 1800',
      '[✓] REDIS_SESSION_ABSOLUTE_TIMEOUT: 0',
      '[✓] REDIS_SESSION_TOUCH_INTERVAL: 30',
      '[✓] REDIS_SESSION_PERSISTENT_POLICIES: DEFAULT',
      '[✓] REDIS_SESSION_MANUAL_DIRTY_TRACKING_SUPPORT: true',
      '[✓] REDIS_SESSION_MANUAL_DIRTY_TRACKING_ATTR: __dot_session_attribute_changed__',
      '[✓] REDIS_SESSION_PERSIST_ON_DEMAND: true',
      '[✓] REDIS_SESSION_PERSIST_ON_DEMAND_ATTR: __dot_session_persist_now__',
      '[✓] REDIS_SESSION_CODEC: msgpack',
      '[✓] REDIS_SESSION_UNSTORABLE: warn',
      '[✓] REDIS_SESSION_MAX_BYTES: 65536',
      '[✓] REDIS_SESSION_MAX_ATTRIBUTES: 1000',
      '[✓] REDIS_SESSION_MAX_SESSIONS_PER_USER: 0',
      '[✓] REDIS_SESSION_COOKIE_NAME: __Host-sid (sid where the connection is not secure)',
      '[✓] REDIS_SESSION_COOKIE_PATH: /',
      '[✓] REDIS_SESSION_COOKIE_SAME_SITE: lax',
      '[✓] REDIS_SESSION_COOKIE_SECURE: auto',
      '[✓] REDIS_SESSION_COOKIE_PARTITIONED: false',
      '[✓] REDIS_SESSION_SECRETS: - Not Set -',
      '[✓] REDIS_SESSION_ENCRYPTION_KEYS: - Not Set -',
    ]);
  });

  it('says in memory mode where sessions live and how to change that', () => {
    const lines = banner(
      {
        NODE_ENV: 'production',
        REDIS_SESSION_ENABLED: 'false',
        REDIS_SESSION_HOST: 'unused',
        REDIS_SESSION_CLUSTER_ID: 'unused',
      },
      {
        manualDirtyTracking: false,
        persistOnDemand: false,
        secrets: ['Tr0ub4dor-horse-battery-lamp-moon-7'],
        policies: ['DEFAULT', 'SAVE_ON_CHANGE'],
        memory: { maxSessions: 5, maxBytes: 6 },
        codec: { name: 'own', encode: () => new Uint8Array(), decode: () => undefined },
        cookie: { domain: 'example.com', maxAgeSeconds: 7 },
      },
    );
    expect(lines.join()).not.toMatch(
      /HOST|TIMEOUT:? ?2000|CLUSTER_ID|TOUCH_INTERVAL|ANON_TRAFFIC|ENCRYPTION_KEYS/,
    );
    expectInOrder(lines, [
      'Sessions in this process',
      'RedisSessionInterceptor attached to AppModule',
      '[✓] REDIS_SESSION_ENABLED: false',
      '[✓] REDIS_SESSION_MEMORY_MAX_SESSIONS: 5',
      '[✓] REDIS_SESSION_MEMORY_MAX_BYTES: 6',
      '[✓] REDIS_SESSION_USER_TIMEOUT: 1800',
      '[✓] REDIS_SESSION_ABSOLUTE_TIMEOUT: 0',
      '[✓] REDIS_SESSION_PERSISTENT_POLICIES: DEFAULT,SAVE_ON_CHANGE',
      '[✓] REDIS_SESSION_MANUAL_DIRTY_TRACKING_SUPPORT: false',
      '[✓] REDIS_SESSION_PERSIST_ON_DEMAND: false',
      '[✓] REDIS_SESSION_CODEC: own',
      '[✓] REDIS_SESSION_UNSTORABLE: warn',
      '[✓] REDIS_SESSION_MAX_BYTES: 65536',
      '[✓] REDIS_SESSION_MAX_ATTRIBUTES: 1000',
      '[✓] REDIS_SESSION_MAX_SESSIONS_PER_USER: 0',
      '[✓] REDIS_SESSION_COOKIE_NAME: sid',
      '[✓] REDIS_SESSION_COOKIE_PATH: /',
      '[✓] REDIS_SESSION_COOKIE_DOMAIN: example.com',
      '[✓] REDIS_SESSION_COOKIE_SAME_SITE: lax',
      '[✓] REDIS_SESSION_COOKIE_SECURE: true',
      '[✓] REDIS_SESSION_COOKIE_MAX_AGE: 7',
      '[✓] REDIS_SESSION_COOKIE_PARTITIONED: false',
      '[✓] REDIS_SESSION_SECRETS: - Set -',
      "Sessions live in this process's memory, within the bounds above, and end with it.",
      'Set REDIS_SESSION_ENABLED=true to keep them in Redis.',
    ]);
  });

  it('prints a URL without credentials, and nothing that it says again', () => {
    expect(
      connection({
        REDIS_SESSION_URL: 'rediss://us3r:p4ss@r.example:7000/3',
        REDIS_SESSION_SSL_CA: PEM,
        REDIS_SESSION_SSL_SERVERNAME: 'n',
      }),
    ).toEqual([
      'URL: rediss://***@r.example:7000/3',
      'USERNAME: - Set -',
      'PASSWORD: - Set -',
      'SSL_ENABLED: true',
      'SSL_CA: - Set -',
      'SSL_CERT: - Not Set -',
      'SSL_KEY: - Not Set -',
      'SSL_SERVERNAME: n',
      'SSL_REJECT_UNAUTHORIZED: true',
      'MAX_CONNECTIONS: 1',
    ]);
    expect(connection({ REDIS_SESSION_URL: 'redis://[::1]' })).toContain('URL: redis://[::1]');
    expect(connection({ REDIS_SESSION_URL: 'unix://u:p4ss@/run/r.sock' })).toContain(
      'URL: unix://***@/run/r.sock',
    );
    expect(connection({ REDIS_SESSION_URL: 'redis://a' })).toContain('DATABASE: 0');
    expect(connection({ REDIS_SESSION_DATABASE: '4' }, { redis: { url: 'redis://a/3' } })).toContain(
      'DATABASE: 4',
    );
  });

  it('prints Sentinel, Cluster and a client in place of host and port', () => {
    expect(
      connection({
        REDIS_SESSION_SENTINEL_MASTER: 'm',
        REDIS_SESSION_SENTINELS: 'a:1,b',
        REDIS_SESSION_SENTINEL_PASSWORD: 'p',
      }),
    ).toEqual([
      'SENTINEL_MASTER: m',
      'SENTINELS: a:1,b:26379',
      'SENTINEL_USERNAME: - Not Set -',
      'SENTINEL_PASSWORD: - Set -',
      'USERNAME: - Not Set -',
      'PASSWORD: - Not Set -',
      'SSL_ENABLED: false',
      'DATABASE: 0',
      'MAX_CONNECTIONS: 1',
    ]);
    expect(connection({ REDIS_SESSION_CLUSTER_NODES: 'a:1,[::1]:2' })).toEqual([
      'CLUSTER_NODES: a:1,[::1]:2',
      'USERNAME: - Not Set -',
      'PASSWORD: - Not Set -',
      'SSL_ENABLED: false',
      'MAX_CONNECTIONS: 1',
    ]);
    const client = new Redis({ lazyConnect: true });
    expect(connection({ REDIS_SESSION_HOST: 'r' }, { redis: { client } })).toEqual([
      '[✓] redis.client: - Injected client -',
    ]);
    client.disconnect();
  });

  it('prints the pool where there is one', () => {
    expect(connection({ REDIS_SESSION_MAX_CONNECTIONS: '16' }).slice(6)).toEqual([
      'MAX_CONNECTIONS: 16',
      'MAX_IDLE_CONNECTIONS: 8',
      'MIN_IDLE_CONNECTIONS: 0',
      'CONNECTION_POOL_MAX_WAIT_MILLIS: -1',
      'CONNECTION_POOL_LIFO: true',
      'CONNECTION_POOL_BLOCK_WHEN_EXHAUSTED: true',
      'CONNECTION_POOL_TEST_ON_BORROW: false',
      'CONNECTION_POOL_TEST_ON_RETURN: false',
      'CONNECTION_POOL_TEST_ON_CREATE: false',
      'CONNECTION_POOL_TEST_WHILE_IDLE: false',
      'CONNECTION_POOL_MIN_EVICTABLE_IDLE_TIME_MILLIS: 1800000',
      'CONNECTION_POOL_SOFT_MIN_EVICTABLE_IDLE_TIME_MILLIS: -1',
      'CONNECTION_POOL_TIME_BETWEEN_EVICTION_RUNS_MILLIS: -1',
      'CONNECTION_POOL_NUM_TESTS_PER_EVICTION_RUN: 3',
    ]);
  });

  it('leaves out what anonymous sessions need where they are stored in Redis', () => {
    const text = banner({ REDIS_SESSION_ENABLED: '1', REDIS_SESSION_ENABLED_FOR_ANON_TRAFFIC: '1' }).join(
      '\n',
    );
    expect(text).toContain('ENABLED_FOR_ANON_TRAFFIC: true');
    expect(text).not.toMatch(/MEMORY_|UNDEFINED_SESSION/);
  });

  it('prints a preset, and the header in place of a cookie', () => {
    const lines = banner({ REDIS_SESSION_PRESET: 'aal3', REDIS_SESSION_TRANSPORT_HEADER: 'X-Session' });
    expect(lines).toContain('[✓] REDIS_SESSION_PRESET: aal3');
    expect(lines).toContain('[✓] REDIS_SESSION_USER_TIMEOUT: 900');
    expect(lines).toContain('[✓] REDIS_SESSION_ABSOLUTE_TIMEOUT: 43200');
    expect(lines).toContain('[✓] REDIS_SESSION_TRANSPORT_HEADER: x-session');
    expect(lines.join()).not.toContain('COOKIE');
  });

  it.each([
    ['true', '__Host-sid'],
    ['false', 'sid'],
  ])('names the cookie that is sent where Secure is %s', (secure, name) => {
    expect(banner({ REDIS_SESSION_COOKIE_SECURE: secure })).toContain(
      `[✓] REDIS_SESSION_COOKIE_NAME: ${name}`,
    );
  });

  it('announces the idle timeout', () => {
    expect(successLine(resolve({ REDIS_SESSION_USER_TIMEOUT: '900' }))).toBe(
      'Successful! Redis-based sessions will expire after 900 seconds.',
    );
  });
});
