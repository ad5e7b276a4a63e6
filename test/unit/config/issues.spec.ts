import { describe, expect, it } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import type { SessionModuleOptions } from '../../../lib/config/options.js';
import { SESSION_POLICIES } from '../../../lib/core/environment.js';
import { RESERVED_MEMBERS } from '../../../lib/core/members.js';
import { issueLines, onlyIssue, type Environment } from './environment.js';

const PEM = '-----BEGIN CERTIFICATE-----';
const PRODUCTION = { NODE_ENV: 'production' };

describe('issues', () => {
  it('are all in one error', () => {
    expect(
      issueLines(
        {
          TOMCAT_REDIS_SESSION_PORT: '70000',
          REDIS_SESSION_ENABLED: 'maybe',
          REDIS_SESSION_TIMEOUT: '0',
          REDIS_SESSION_PERSISTENT_POLICIES: 'DEFAULT,NEVER',
          REDIS_SESSION_CLUSTER_ID: '{a}',
          REDIS_SESSION_COOKIE_NAME: 'a b',
          REDIS_SESSION_SECRETS: 'too short',
          connectionPoolJmxEnabled: 'true',
        },
        { policy: 'x', touchIntervalSeconds: -1, codec: { name: 'Mine' } } as object,
      ),
    ).toEqual([
      'The session settings cannot be used: 11 faults. Correct and start again.',
      expect.stringMatching(
        /^- policy: is not an option; known in the session options: enabled, redis, .*, storeGuests, .*, now\.$/,
      ) as unknown,
      '- connectionPoolJmxEnabled: has no meaning here: there is no JMX in Node; use the health indicator; remove it.',
      '- REDIS_SESSION_ENABLED = "maybe": must be true or false (also 1 or 0, yes or no, on or off).',
      '- TOMCAT_REDIS_SESSION_PORT = "70000": must be an integer from 1 to 65535.',
      '- REDIS_SESSION_TIMEOUT = "0": must be an integer from 1 to 600000 ms.',
      '- REDIS_SESSION_CLUSTER_ID = "{a}": must be 1 to 64 of letters, digits and _.:-.',
      '- touchIntervalSeconds = -1: must be an integer from 0 to 315360000 seconds.',
      `- REDIS_SESSION_PERSISTENT_POLICIES = "DEFAULT,NEVER": must be one or more of ${SESSION_POLICIES.join(', ')}.`,
      '- codec = a value of type object: must be msgpack or json, or in code a SessionCodec.',
      '- REDIS_SESSION_COOKIE_NAME = "a b": must be an RFC 6265 token: letters, digits and !#$%&\'*+-.^_`|~.',
      '- REDIS_SESSION_SECRETS = (not shown): must be secrets of at least 32 bytes each, random and no well-known sample: openssl rand -base64 32.',
    ]);
  });

  const ranges: readonly (readonly [string, string, string])[] = [
    ['HOST', 'redis://r', 'a host name or an IP address'],
    ['PORT', '0', 'an integer from 1 to 65535'],
    ['DATABASE', '-1', 'an integer from 0 to 65535'],
    ['TIMEOUT', '600001', 'an integer from 1 to 600000 ms'],
    ['MAX_COMMANDS_IN_FLIGHT', '0', 'an integer from 1 to 1000000'],
    ['STARTUP', 'never', 'fail, wait, background'],
    ['LOGOUT_CONFIRMED_BY_REPLICAS', '-1', 'an integer from 0 to 100'],
    ['USER_TIMEOUT', '315360001', 'an integer from 1 to 315360000 seconds'],
    ['USER_TIMEOUT', '0', 'an integer from 1 to 315360000 seconds'],
    ['ABSOLUTE_TIMEOUT', '-1', 'an integer from 0 to 315360000 seconds, 0 for none'],
    ['UNDEFINED_SESSION_TYPE_TIMEOUT', '0', 'an integer from 1 to 315360000 seconds'],
    ['MAX_CONNECTIONS', '10001', 'an integer from 1 to 10000'],
    ['CONNECTION_POOL_MAX_WAIT_MILLIS', '-2', 'an integer from -1 to 2147483647 ms'],
    ['CONNECTION_POOL_LIFO', 'up', 'true or false'],
    ['MANUAL_DIRTY_TRACKING_SUPPORT', 'x', 'true or false'],
    ['PERSIST_ON_DEMAND', 'x', 'true or false'],
    ['MANUAL_DIRTY_TRACKING_ATTR', ' ', 'the name of an attribute, not empty'],
    ['SSL_ENABLED', 'x', 'true or false'],
    ['SSL_REJECT_UNAUTHORIZED', 'x', 'true or false'],
    ['CODEC', 'java', 'msgpack or json'],
    ['PRESET', 'aal4', 'aal1, aal2, aal3'],
    ['TRANSPORT_HEADER', 'cookie', 'the name of a request header that has no other meaning'],
    ['TRANSPORT_HEADER', 'a:b', 'the name of a request header that has no other meaning'],
    ['CLUSTER_ID', 'a'.repeat(65), '1 to 64 of letters'],
    ['MAX_BYTES', '0', 'an integer from 1 to 536870912 bytes'],
    ['MAX_ATTRIBUTES', '0', 'an integer from 1 to 1000000'],
    ['MEMORY_MAX_SESSIONS', '0', 'an integer from 1 to 100000000'],
    ['MEMORY_MAX_BYTES', '0', 'an integer from 1 to 1099511627776 bytes'],
    ['COOKIE_PATH', 'app', "a path of at most 1024 characters that starts with '/'"],
    ['COOKIE_PATH', '/;x', "a path of at most 1024 characters that starts with '/'"],
    ['COOKIE_PATH', '/\u0001', "a path of at most 1024 characters that starts with '/'"],
    ['COOKIE_PATH', `/${'a'.repeat(1024)}`, "a path of at most 1024 characters that starts with '/'"],
    ['COOKIE_DOMAIN', '.example.com', 'a host name, without a dot in front'],
    ['COOKIE_DOMAIN', 'a;b', 'a host name, without a dot in front'],
    ['COOKIE_SAME_SITE', 'lazy', 'lax, strict or none'],
    ['COOKIE_SECURE', 'maybe', 'true, false or auto'],
    ['COOKIE_MAX_AGE', '34560001', 'an integer from 1 to 34560000 seconds (400 days)'],
    ['COOKIE_PARTITIONED', 'x', 'true or false'],
    ['CLUSTER_NODES', 'a:b', 'an integer from 1 to 65535'],
    ['CLUSTER_NODES', 'a:', 'an integer from 1 to 65535'],
    ['CLUSTER_NODES', 'a,,b', 'a host name or an IP address'],
    ['URL', 'http://r', 'redis://[user[:password]@]host[:port][/database]'],
    ['URL', 'redis://r/x', 'redis://[user[:password]@]host[:port][/database]'],
    ['URL', 'redis://r?family=6', 'redis://[user[:password]@]host[:port][/database]'],
    ['URL', 'redis://r:0', 'an integer from 1 to 65535'],
    [
      'URL',
      'unix://host',
      'redis://[user[:password]@]host[:port][/database], rediss:// for TLS, or unix:///path',
    ],
    ['URL', 'redis:///1', 'redis://[user[:password]@]host[:port][/database]'],
  ];
  it.each(ranges)('refuse %s = %p, which must be %s', (name, text, allowed) => {
    const issue = onlyIssue({ [`REDIS_SESSION_${name}`]: text });
    expect(issue).toMatch(new RegExp(`^- REDIS_SESSION_${name} = `));
    expect(issue).toContain(`must be ${allowed}`);
  });

  it.each([
    ['shop:session', "whose CLUSTER_ID is 'shop'"],
    ['shop:eu:session:x', "whose CLUSTER_ID is 'shop:eu'"],
    ['session', 'without a CLUSTER_ID'],
    ['session:x', 'without a CLUSTER_ID'],
  ])('refuse a CLUSTER_ID %p, which lies under that of an application %s', (clusterId, other) => {
    expect(onlyIssue({ REDIS_SESSION_CLUSTER_ID: clusterId })).toContain(
      `its keys would lie under those of an application ${other}`,
    );
  });

  const SENTINELS = { TOMCAT_REDIS_SESSION_SENTINELS: 's:1' };
  const contradictions: readonly (readonly [Environment, string])[] = [
    [
      { REDIS_SESSION_URL: 'redis://u:p@r', TOMCAT_REDIS_SESSION_HOST: 'h', REDIS_SESSION_PORT: '1' },
      'REDIS_SESSION_URL = redis://***@r: contradicts TOMCAT_REDIS_SESSION_HOST, REDIS_SESSION_PORT: say where Redis is in one way',
    ],
    [
      { REDIS_SESSION_URL: 'redis://r', REDIS_SESSION_CLUSTER_NODES: 'c' },
      'REDIS_SESSION_URL = redis://r: contradicts REDIS_SESSION_CLUSTER_NODES: say where Redis is in one way',
    ],
    [
      { REDIS_SESSION_URL: 'redis://r', REDIS_SESSION_SENTINEL_MASTER: 'm', ...SENTINELS },
      'REDIS_SESSION_URL = redis://r: contradicts REDIS_SESSION_SENTINEL_MASTER: say where Redis is in one way',
    ],
    [
      { REDIS_SESSION_SENTINEL_MASTER: 'm' },
      'REDIS_SESSION_SENTINEL_MASTER = "m": needs the addresses of the sentinels (REDIS_SESSION_SENTINELS)',
    ],
    [
      SENTINELS,
      'TOMCAT_REDIS_SESSION_SENTINELS = "s:1": needs the name of the master (REDIS_SESSION_SENTINEL_MASTER)',
    ],
    [
      { REDIS_SESSION_CLUSTER_NODES: 'c', REDIS_SESSION_SENTINEL_MASTER: 'm', ...SENTINELS },
      'REDIS_SESSION_SENTINEL_MASTER = "m": contradicts REDIS_SESSION_CLUSTER_NODES: Redis is either behind Sentinel or a cluster',
    ],
    [
      { REDIS_SESSION_CLUSTER_NODES: 'c', TOMCAT_REDIS_SESSION_DATABASE: '1' },
      'TOMCAT_REDIS_SESSION_DATABASE = "1": must be 0 together with REDIS_SESSION_CLUSTER_NODES: a cluster has no other database',
    ],
    [
      { REDIS_SESSION_CLUSTER_NODES: 'c', REDIS_SESSION_MAX_CONNECTIONS: '2' },
      'REDIS_SESSION_MAX_CONNECTIONS = "2": must be 1 for a cluster, whose client keeps one connection for each node',
    ],
    [
      { REDIS_SESSION_CLUSTER_NODES: 'c', REDIS_SESSION_LOGOUT_CONFIRMED_BY_REPLICAS: '1' },
      'REDIS_SESSION_LOGOUT_CONFIRMED_BY_REPLICAS = "1": must be 0 for a cluster: WAIT, which asks the replicas, names no key and so no node; make the cluster itself refuse writes with min-replicas-to-write',
    ],
    [
      { REDIS_SESSION_URL: 'redis://r/1', REDIS_SESSION_DATABASE: '2' },
      'REDIS_SESSION_DATABASE = "2": contradicts the database in REDIS_SESSION_URL: set one of them',
    ],
    [
      { REDIS_SESSION_URL: 'redis://:a@r', REDIS_SESSION_PASSWORD: 'b' },
      'REDIS_SESSION_PASSWORD = (not shown): contradicts the password in REDIS_SESSION_URL: set one of them',
    ],
    [
      { REDIS_SESSION_URL: 'rediss://r', REDIS_SESSION_SSL_ENABLED: 'no' },
      'REDIS_SESSION_SSL_ENABLED = "no": contradicts rediss:// in REDIS_SESSION_URL',
    ],
    [
      { TOMCAT_REDIS_MAX_CONNECTIONS: '4', TOMCAT_REDIS_MAX_IDLE_CONNECTIONS: '5' },
      'TOMCAT_REDIS_MAX_IDLE_CONNECTIONS = "5": must not be more than TOMCAT_REDIS_MAX_CONNECTIONS (4)',
    ],
    [
      { REDIS_SESSION_MAX_IDLE_CONNECTIONS: '2' },
      'REDIS_SESSION_MAX_IDLE_CONNECTIONS = "2": must not be more than REDIS_SESSION_MAX_CONNECTIONS (1)',
    ],
    [
      {
        REDIS_SESSION_MAX_CONNECTIONS: '9',
        REDIS_SESSION_MAX_IDLE_CONNECTIONS: '2',
        TOMCAT_REDIS_MIN_IDLE_CONNECTIONS: '3',
      },
      'TOMCAT_REDIS_MIN_IDLE_CONNECTIONS = "3": must not be more than REDIS_SESSION_MAX_IDLE_CONNECTIONS (2)',
    ],
    [
      { REDIS_SESSION_MAX_CONNECTIONS: '9', REDIS_SESSION_MIN_IDLE_CONNECTIONS: '10' },
      'REDIS_SESSION_MIN_IDLE_CONNECTIONS = "10": must not be more than REDIS_SESSION_MAX_CONNECTIONS (9)',
    ],
    [
      { REDIS_SESSION_SSL_CA: '/ca.pem' },
      'REDIS_SESSION_SSL_CA = "/ca.pem": needs TLS: set REDIS_SESSION_SSL_ENABLED=true, or false to say that it is off',
    ],
    [
      { REDIS_SESSION_SSL_ENABLED: 'true', REDIS_SESSION_SSL_CERT: PEM },
      'REDIS_SESSION_SSL_CERT = (not shown): needs its private key (REDIS_SESSION_SSL_KEY)',
    ],
    [
      { REDIS_SESSION_SSL_ENABLED: 'true', REDIS_SESSION_SSL_KEY: PEM },
      'REDIS_SESSION_SSL_KEY = (not shown): needs its certificate (REDIS_SESSION_SSL_CERT)',
    ],
    [
      { ...PRODUCTION, REDIS_SESSION_SSL_ENABLED: 'true', REDIS_SESSION_SSL_REJECT_UNAUTHORIZED: 'false' },
      'REDIS_SESSION_SSL_REJECT_UNAUTHORIZED = "false": is refused in production, since anybody could pose as Redis: give the authority in REDIS_SESSION_SSL_CA, or accept the risk with REDIS_SESSION_SSL_ALLOW_UNAUTHORIZED=true',
    ],
    [
      { REDIS_SESSION_MANUAL_DIRTY_TRACKING_ATTR: 'a', REDIS_SESSION_PERSIST_ON_DEMAND_ATTR: 'a' },
      'REDIS_SESSION_PERSIST_ON_DEMAND_ATTR = "a": must differ from the attribute of manual dirty tracking',
    ],
    [
      { REDIS_SESSION_COOKIE_NAME: '__host-a', REDIS_SESSION_COOKIE_DOMAIN: 'example.com' },
      'REDIS_SESSION_COOKIE_NAME = "__host-a": must not start with \'__Host-\' together with a domain',
    ],
    [
      { REDIS_SESSION_COOKIE_NAME: '__Host-a', REDIS_SESSION_COOKIE_PATH: '/a' },
      "REDIS_SESSION_COOKIE_NAME = \"__Host-a\": must not start with '__Host-' unless the path is '/'",
    ],
    [
      { REDIS_SESSION_COOKIE_NAME: '__Host-a', REDIS_SESSION_COOKIE_SECURE: 'false' },
      'REDIS_SESSION_COOKIE_NAME = "__Host-a": has a prefix that needs a Secure cookie, and Secure is switched off',
    ],
    [
      { REDIS_SESSION_COOKIE_NAME: '__Secure-a', REDIS_SESSION_COOKIE_SECURE: 'false' },
      'REDIS_SESSION_COOKIE_NAME = "__Secure-a": has a prefix that needs a Secure cookie, and Secure is switched off',
    ],
    [
      { REDIS_SESSION_COOKIE_SAME_SITE: 'none' },
      'REDIS_SESSION_COOKIE_SAME_SITE = "none": needs REDIS_SESSION_COOKIE_SECURE=true: user agents refuse the cookie otherwise',
    ],
    [
      { REDIS_SESSION_COOKIE_PARTITIONED: 'true', REDIS_SESSION_COOKIE_SECURE: 'auto' },
      'REDIS_SESSION_COOKIE_PARTITIONED = "true": needs REDIS_SESSION_COOKIE_SECURE=true: user agents refuse the cookie otherwise',
    ],
  ];
  it.each(contradictions)('refuse %p', (environment, expected) => {
    expect(onlyIssue(environment)).toBe(`- ${expected}.`);
  });

  it('refuse a cookie that user agents would drop for its size', () => {
    expect(onlyIssue({ REDIS_SESSION_COOKIE_NAME: 'a'.repeat(4000) })).toBe(
      `- REDIS_SESSION_COOKIE_NAME = "${'a'.repeat(80)}…": makes a cookie of 4175 bytes; user agents keep at most 4096.`,
    );
  });

  it.each<Environment>([
    { ...PRODUCTION, REDIS_SESSION_COOKIE_SAME_SITE: 'none', REDIS_SESSION_COOKIE_PARTITIONED: 'true' },
    { REDIS_SESSION_COOKIE_NAME: '__Host-a' },
    {
      ...PRODUCTION,
      REDIS_SESSION_SSL_ENABLED: 'true',
      REDIS_SESSION_SSL_REJECT_UNAUTHORIZED: 'false',
      REDIS_SESSION_SSL_ALLOW_UNAUTHORIZED: 'true',
    },
    { REDIS_SESSION_URL: 'redis://u:p@r/2', REDIS_SESSION_PASSWORD: 'p', REDIS_SESSION_DATABASE: '2' },
    { REDIS_SESSION_HOST: 'redis', REDIS_SESSION_SENTINEL_MASTER: 'm', ...SENTINELS },
    { REDIS_SESSION_ABSOLUTE_TIMEOUT: '60' },
    { REDIS_SESSION_COOKIE_DOMAIN: 'localhost' },
  ])('accept %p', (environment) => {
    expect(issueLines(environment)).toEqual([]);
  });

  it.each([...RESERVED_MEMBERS])('refuse the member %s as an attribute', (name) => {
    expect(onlyIssue({ REDIS_SESSION_PERSIST_ON_DEMAND_ATTR: name })).toContain(
      'must not be a member of HttpSession',
    );
    expect(onlyIssue({}, { manualDirtyAttribute: name })).toContain('must not be a member of HttpSession');
  });

  it.each<[SessionModuleOptions, string]>([
    [{ manualDirtyAttribute: '' }, 'manualDirtyAttribute = "": must be the name of an attribute, not empty'],
    // Checked whether or not it is in effect.
    [
      { manualDirtyTracking: false, manualDirtyAttribute: '' },
      'manualDirtyAttribute = "": must be the name of an attribute, not empty',
    ],
    [{ clusterId: '' }, 'clusterId = "": must be 1 to 64 of letters, digits and _.:-'],
    [{ policies: [] }, `policies = "": must be one or more of ${SESSION_POLICIES.join(', ')}`],
    [
      { touchIntervalSeconds: 60, idleTimeoutSeconds: 60 },
      'touchIntervalSeconds = 60: must be at most a tenth of the idle timeout (60 seconds): sessions outlive that by as much',
    ],
    [
      { store: { load: () => undefined } as never },
      'store = a value of type object: must be a SessionStore: an object with the methods load, touch, create, save, renew, compareAndSet, destroy, ids, health, close',
    ],
    [{ now: 5 as unknown as () => number }, 'now = 5: must be a function that answers epoch milliseconds'],
    [
      { isAuthenticated: true as unknown as () => boolean },
      'isAuthenticated = true: must be a function from a session to a boolean',
    ],
    [
      { saveOnServerError: 'x' as unknown as boolean },
      'saveOnServerError = "x": must be true or false (also 1 or 0, yes or no, on or off)',
    ],
    [
      { redis: { client: {} as never } },
      'redis.client = a value of type object: must be a client of ioredis: a Redis or a Cluster',
    ],
    [
      { redis: { sentinel: { master: 'm', nodes: [{ host: 's', port: 0 }] } } },
      'redis.sentinel.nodes = an array: must be an integer from 1 to 65535',
    ],
    [
      { redis: { cluster: { nodes: 5 as unknown as string } } },
      'redis.cluster.nodes = 5: must be addresses as host:port, separated by commas',
    ],
    [
      { redis: { tls: 5 as unknown as true } },
      'redis.tls = 5: must be true or false (also 1 or 0, yes or no, on or off)',
    ],
  ])('refuse %p in code', (code, expected) => {
    expect(onlyIssue({}, code)).toBe(`- ${expected}.`);
  });

  it.each<unknown>([
    'yaml',
    { name: 'x' },
    ...['', 'Upper', 'a'.repeat(33)].map((name) => ({ name, encode: String, decode: String })),
  ])('refuse the codec %p', (codec) => {
    expect(onlyIssue({}, { codec } as SessionModuleOptions)).toMatch(
      /^- codec = .*must be msgpack or json, or in code a SessionCodec\.$/,
    );
  });

  it('hold no secret, wherever it was put', () => {
    const canary = `c4nary${randomBytes(9).toString('hex')}`;
    const lines = issueLines({
      REDIS_SESSION_URL: `http://${canary}:${canary}@r`,
      REDIS_SESSION_HOST: `redis://:${canary}@h`,
      REDIS_SESSION_SENTINELS: `${canary}@h:x`,
      REDIS_SESSION_SECRETS: canary,
      REDIS_SESSION_PASSWORD: { canary },
      REDIS_SESSION_USERNAME: [canary],
      REDIS_SESSION_SSL_ENABLED: 'true',
      REDIS_SESSION_SSL_KEY: canary,
      REDIS_SESSION_SSL_CA: `-----BEGIN ${canary}`,
      REDIS_SESSION_CLUSTER_ID: `-----BEGIN ${canary}`,
      REDIS_SESSION_ENABLED: 'true',
    });
    expect(lines.length).toBeGreaterThan(8);
    expect(lines.join('\n')).not.toContain(canary);
  });
});
