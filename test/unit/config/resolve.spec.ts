import { describe, expect, it } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { Redis } from 'ioredis';
import type { SessionModuleOptions } from '../../../lib/config/options.js';
import { resolveSettings } from '../../../lib/config/resolve.js';
import { issueLines, onlyIssue, resolve } from './environment.js';

const PEM = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----';

describe('resolveSettings', () => {
  it('fills in the defaults', () => {
    const { now, ...settings } = { ...resolve({}) };
    expect(Math.abs(now() - Date.now())).toBeLessThan(1000);
    expect(structuredClone(settings)).toMatchObject({
      enabled: false,
      clusterId: undefined,
      redis: {
        url: undefined,
        host: 'localhost',
        port: 6379,
        username: undefined,
        password: undefined,
        database: 0,
        timeoutMs: 2000,
        maxCommandsInFlight: 20_000,
        startup: 'fail',
        logoutConfirmedByReplicas: 0,
        tlsEnabled: false,
        tls: undefined,
        sentinel: undefined,
        cluster: undefined,
        pool: {
          maxConnections: 1,
          maxIdle: 1,
          minIdle: 0,
          maxWaitMillis: -1,
          lifo: true,
          blockWhenExhausted: true,
          testOnBorrow: false,
          testOnReturn: false,
          testOnCreate: false,
          testWhileIdle: false,
          minEvictableIdleTimeMillis: 1_800_000,
          softMinEvictableIdleTimeMillis: -1,
          timeBetweenEvictionRunsMillis: -1,
          numTestsPerEvictionRun: 3,
        },
        client: undefined,
      },
      cookie: {
        name: undefined,
        path: '/',
        domain: undefined,
        sameSite: 'lax',
        secure: 'auto',
        maxAgeSeconds: undefined,
        partitioned: false,
      },
      secrets: [],
      encryptionKeys: [],
      transport: { header: undefined },
      preset: undefined,
      idleTimeoutSeconds: 1800,
      absoluteTimeoutSeconds: 0,
      policies: ['DEFAULT'],
      manualDirtyTracking: true,
      manualDirtyAttribute: '__dot_session_attribute_changed__',
      persistOnDemand: true,
      persistOnDemandAttribute: '__dot_session_persist_now__',
      storeGuests: false,
      guestCopySeconds: 15,
      unstorable: 'warn',
      maxSessionsPerUser: 0,
      sessionLimitPolicy: 'evict-oldest',
      device: undefined,
      maxSessionBytes: 65_536,
      maxAttributes: 1000,
      memory: { maxSessions: 10_000, maxBytes: 67_108_864 },
      codec: 'msgpack',
      isAuthenticated: undefined,
      touchIntervalSeconds: 30,
      saveOnServerError: true,
      warnings: [],
    });
  });

  it('takes everything from code where there is no ConfigService', () => {
    const client = new Redis({ lazyConnect: true });
    const codec = { name: 'own', encode: () => new Uint8Array(), decode: () => undefined };
    const isAuthenticated = (): boolean => true;
    const now = (): number => 5;
    const code: SessionModuleOptions = {
      redis: { client },
      codec,
      isAuthenticated,
      now,
      touchIntervalSeconds: 60,
      saveOnServerError: false,
      cookie: { maxAgeSeconds: 60 },
    };
    const settings = resolveSettings(code);
    expect(settings).toMatchObject({ enabled: true, touchIntervalSeconds: 60, saveOnServerError: false });
    expect(settings.redis.client).toBe(client);
    expect(settings.codec).toBe(codec);
    expect(settings.isAuthenticated).toBe(isAuthenticated);
    expect(settings.now).toBe(now);
    expect(Object.isFrozen(client) || Object.isFrozen(codec)).toBe(false);
    client.disconnect();
  });

  it.each<[string, SessionModuleOptions, string | undefined, boolean]>([
    ['is off by default', {}, undefined, false],
    ['is on where code gives redis', { redis: {} }, undefined, true],
    ['follows code over redis in code', { enabled: false, redis: {} }, undefined, false],
    ['follows the environment over redis in code', { redis: { host: 'r' } }, 'false', false],
    ['follows the environment over code', { enabled: false }, 'true', true],
  ])('enabled %s', (_name, code, text, expected) => {
    expect(resolve({ REDIS_SESSION_ENABLED: text }, code).enabled).toBe(expected);
  });

  it.each([
    ['true', true],
    ['TRUE', true],
    ['1', true],
    ['Yes', true],
    ['on', true],
    [' on ', true],
    [1, true],
    [true, true],
    ['false', false],
    ['0', false],
    ['NO', false],
    ['off', false],
    [0, false],
    [false, false],
    ['', false],
    [undefined, false],
  ])('reads %p as the boolean %p', (raw, expected) => {
    expect(resolve({ REDIS_SESSION_ENABLED: raw }).enabled).toBe(expected);
  });

  it.each(['12abc', '1e3', '1.5', '0x10', ' ', '+5', 1.5, true, '99999999999999999999', NaN, {}])(
    'refuses %p as an integer',
    (raw) => {
      expect(onlyIssue({ REDIS_SESSION_USER_TIMEOUT: raw })).toMatch(
        /must be an integer from 1 to 315360000 seconds\.$/,
      );
    },
  );

  it('takes types of custom loaders as they are', () => {
    const settings = resolve({
      REDIS_SESSION_PORT: 6380,
      REDIS_SESSION_PERSISTENT_POLICIES: ['DEFAULT', 'SAVE_ON_CHANGE', 'DEFAULT'],
      REDIS_SESSION_CLUSTER_ID: 7,
      REDIS_SESSION_PASSWORD: 12345,
    });
    expect(settings.redis).toMatchObject({ port: 6380, password: '12345' });
    expect(settings).toMatchObject({ policies: ['DEFAULT', 'SAVE_ON_CHANGE'], keyPrefix: '7:session:' });
  });

  it('takes an empty string in the environment as not set', () => {
    expect(resolve({ REDIS_SESSION_HOST: '', TOMCAT_REDIS_SESSION_HOST: 'old' }).redis.host).toBe('old');
  });

  it.each<[string, string | undefined, SessionModuleOptions, object]>([
    ['development', undefined, {}, { secure: 'auto', names: { secure: '__Host-sid', plain: 'sid' } }],
    ['production', undefined, {}, { secure: true }],
    ['production', 'auto', {}, { secure: 'auto' }],
    ['production', undefined, { cookie: { path: '/a' } }, { names: { secure: 'sid', plain: 'sid' } }],
    ['production', undefined, { cookie: { domain: 'a.b' } }, { names: { secure: 'sid', plain: 'sid' } }],
  ])('in %s with secure %p and %p the cookie is %p', (NODE_ENV, secure, code, expected) => {
    expect(resolve({ NODE_ENV, REDIS_SESSION_COOKIE_SECURE: secure }, code).cookie).toMatchObject(expected);
  });

  it('lets an address in the environment replace one of another form in code', () => {
    const url = { REDIS_SESSION_URL: 'redis://a' };
    expect(resolve(url, { redis: { host: 'b', port: 1 } }).redis).toMatchObject({ host: 'a', port: 6379 });
    const host = { REDIS_SESSION_HOST: 'a' };
    const code = {
      redis: { url: 'redis://b', sentinel: { master: 'm', nodes: 's' }, cluster: { nodes: 'c' } },
    };
    expect(resolve(host, code).redis).toMatchObject({
      host: 'a',
      url: undefined,
      sentinel: undefined,
      cluster: undefined,
    });
  });

  it.each([
    ['unix:///run/redis.sock', { socketPath: '/run/redis.sock' }],
    ['unix://:p%40w@/run/redis.sock', { socketPath: '/run/redis.sock', password: 'p@w' }],
    ['unix://app:pw@/a%20b.sock', { socketPath: '/a b.sock', username: 'app', password: 'pw' }],
  ])('reads the URL of a unix socket: %s', (url, expected) => {
    expect(resolve({ REDIS_SESSION_URL: url }).redis).toMatchObject(expected);
  });

  it('hands on where the nodes of a cluster are behind NAT', () => {
    const natMap = { '10.0.0.1:6379': { host: 'edge', port: 7001 } };
    expect(resolve({}, { redis: { cluster: { nodes: 'edge:7001', natMap } } }).redis.cluster?.natMap).toBe(
      natMap,
    );
    expect(Object.isFrozen(natMap)).toBe(false);
  });

  it('lets the environment overrule parts of a URL in code, and the other way round', () => {
    const environment = {
      REDIS_SESSION_USERNAME: 'eu',
      REDIS_SESSION_PASSWORD: 'ep',
      REDIS_SESSION_DATABASE: '5',
      REDIS_SESSION_SSL_ENABLED: 'false',
    };
    const expected = { host: 'h', username: 'eu', password: 'ep', database: 5, tls: undefined };
    expect(resolve(environment, { redis: { url: 'rediss://u:p@h/3' } }).redis).toMatchObject(expected);
    const code = { redis: { username: 'u', password: 'p', database: 3 } };
    expect(resolve({ REDIS_SESSION_URL: 'redis://eu:ep@h/5' }, code).redis).toMatchObject(expected);
    expect(resolve({ REDIS_SESSION_URL: 'redis://h' }, code).redis).toMatchObject(code.redis);
  });

  it('takes TLS from code as true, false or an object', () => {
    expect(resolve({}, { redis: { tls: true } }).redis.tls).toMatchObject({ rejectUnauthorized: true });
    expect(resolve({}, { redis: { tls: false } }).redis.tls).toBeUndefined();
    expect(resolve({}, { redis: { tls: { ca: Buffer.from(PEM) } } }).redis.tls?.ca).toBe(PEM);
    expect(
      resolve({ REDIS_SESSION_SSL_ENABLED: 'false' }, { redis: { tls: { ca: PEM } } }).redis.tls,
    ).toBeUndefined();
  });

  it('reads PEM files, and only where Redis is used', () => {
    const directory = mkdtempSync(join(tmpdir(), 'config-'));
    const [good, bad] = [join(directory, 'ca.pem'), join(directory, 'bad.pem')] as const;
    writeFileSync(good, PEM);
    writeFileSync(bad, 'no certificate');
    const environment = { REDIS_SESSION_ENABLED: 'true', REDIS_SESSION_SSL_ENABLED: 'true' };
    try {
      expect(resolve({ ...environment, REDIS_SESSION_SSL_CA: good }).redis.tls?.ca).toBe(PEM);
      for (const path of [bad, join(directory, 'absent.pem')]) {
        expect(onlyIssue({ ...environment, REDIS_SESSION_SSL_CA: path })).toBe(
          `- REDIS_SESSION_SSL_CA = "${path}": must be PEM text, or the path of a readable PEM file.`,
        );
        expect(
          issueLines({ ...environment, REDIS_SESSION_ENABLED: 'false', REDIS_SESSION_SSL_CA: path }),
        ).toEqual([]);
      }
    } finally {
      rmSync(directory, { recursive: true });
    }
  });

  it('keeps maxIdle within the bounds that were set', () => {
    const idle = (maxConnections: number, minIdle: number): number =>
      resolve({}, { redis: { pool: { maxConnections, minIdle } } }).redis.pool.maxIdle;
    expect([idle(128, 0), idle(4, 0), idle(128, 20)]).toEqual([8, 4, 20]);
  });

  it('answers something that nobody can change', () => {
    const settings = resolve({ REDIS_SESSION_SECRETS: 'Tr0ub4dor-horse-battery-lamp-moon-7' });
    for (const part of [settings, settings.redis, settings.redis.pool, settings.cookie, settings.secrets]) {
      expect(Object.isFrozen(part)).toBe(true);
    }
  });

  it('shows no secret when it is printed', () => {
    const canary = randomBytes(24).toString('base64url');
    const settings = resolve(
      {
        REDIS_SESSION_URL: `rediss://${canary}:${canary}@a`,
        REDIS_SESSION_SECRETS: `${canary}${canary.split('').reverse().join('')}`,
        REDIS_SESSION_SSL_CERT: PEM,
        REDIS_SESSION_SSL_KEY: `-----BEGIN PRIVATE KEY-----${canary}`,
        REDIS_SESSION_SENTINEL_PASSWORD: canary,
      },
      { enabled: true },
    );
    expect(settings.redis.password).toBe(canary);
    expect(settings.redis.tls?.key).toContain(canary);
    for (const text of [
      inspect(settings, { depth: 9 }),
      inspect({ settings }, { depth: 9 }),
      JSON.stringify(settings),
    ]) {
      expect(text).toContain('- Set -');
      expect(text).not.toContain(canary);
    }
  });

  it.each<[SessionModuleOptions & object, string]>([
    [
      { idelTimeoutSeconds: 5 } as object,
      'idelTimeoutSeconds: is not an option; known in the session options: enabled,',
    ],
    [
      { redis: { hots: 'a' } as object },
      'redis.hots: is not an option; known in redis: client, url, cluster, sentinel, host,',
    ],
    [
      { redis: { tls: { enabled: true } as object } },
      'redis.tls.enabled: is not an option; known in redis.tls: ca,',
    ],
    [
      { redis: { pool: { fairness: true } as object } },
      'redis.pool.fairness: is not an option; known in redis.pool:',
    ],
    [{ cookie: 'sid' as unknown as object }, 'cookie: must be an object with name, path,'],
  ])('refuses the unknown option in %p', (code, expected) => {
    expect(onlyIssue({}, code)).toContain(`- ${expected}`);
  });
});
