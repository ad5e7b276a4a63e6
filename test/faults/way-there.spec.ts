import { afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import dns from 'node:dns';
import { readFile } from 'node:fs/promises';
import type { Redis } from 'ioredis';
import type { RedisOptions } from 'nestjs-redis-session';
import { freePort } from '../support/free-port.js';
import { startRedis } from '../support/redis-server.js';
import { makeAuthority, type Authority, type KeyPair } from '../topologies/helpers/certificates.js';
import { redisClient } from '../support/redis-client.js';
import { recoveryMs, startFaultApp, expectDown } from './helpers/fault-app.js';

// Servers and processes are started in each.
jest.setTimeout(120_000);

/** The adapter makes no difference to any of this. */
const ADAPTER = 'express';
const SERVER_NAME = 'redis.internal';
/** Long enough for a machine that is busy; no test waits for it. */
const timeoutMs = 5000;

interface Case {
  /** Settles once whoever connects anew meets the fault. */
  readonly fault: () => Promise<unknown>;
  readonly repair: () => Promise<unknown>;
  readonly options: RedisOptions;
  /** A client that is not in the way. */
  readonly admin: Redis;
}

/** The same of each: what users get, what health and the log say, and that it is over by itself. */
async function check({ fault, repair, options, admin }: Case, cause: RegExp): Promise<void> {
  const app = await startFaultApp(ADAPTER, { timeoutMs, ...options });
  const users = await Promise.all(['a', 'b', 'c', 'd'].map((user) => app.loggedIn(user)));
  await fault();
  // Who is connected does not notice.
  expect((await users[0]?.post('/write'))?.status).toBe(200);
  expect((await app.health()).status).toBe('up');
  expect(app.log.messages('warn')).toEqual([]);
  await admin.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
  await expectDown(app, users, { cause, isPool: options.pool?.maxConnections !== 1 });
  await repair();
  if (users[0]) await recoveryMs(users[0], 30_000);
  expect((await app.health()).status).toBe('up');
  await app.close();
}

describe.each([
  ['one connection', 1],
  ['a pool', 3],
])('while it is in use, with %s', (_how, maxConnections) => {
  const pool = { maxConnections };

  describe('the certificate of the server', () => {
    let [authority, other]: Authority[] = [];
    let good: KeyPair;
    beforeAll(async () => {
      [authority, other] = [await makeAuthority(), await makeAuthority()];
      good = await authority.issue(SERVER_NAME);
    });

    it.each<[string, () => Promise<KeyPair> | undefined, RegExp]>([
      [
        'expires',
        () => authority?.issue(SERVER_NAME, -1),
        /CERT_HAS_EXPIRED\. .*The server's certificate has expired: renew it there/,
      ],
      [
        'is from another authority',
        () => other?.issue(SERVER_NAME),
        /(UNABLE_TO|SELF_SIGNED|CERT_UNTRUSTED).*REDIS_SESSION_SSL_CA/,
      ],
      [
        'is for another name',
        () => authority?.issue('elsewhere.internal'),
        /ERR_TLS_CERT_ALTNAME_INVALID\. .*REDIS_SESSION_SSL_SERVERNAME/,
      ],
    ])('%s', async (_what, issue, cause) => {
      const [port, bad, ca] = [await freePort(), await issue(), authority?.ca ?? ''];
      if (bad === undefined) throw new Error('no certificate');
      const files = ['--tls-cert-file', good.cert, '--tls-key-file', good.key, '--tls-ca-cert-file', ca];
      const redis = await startRedis({
        args: ['--tls-port', String(port), '--tls-auth-clients', 'no', ...files],
      });
      const admin = redisClient(redis.port);
      const show = ({ cert, key }: KeyPair): Promise<unknown> =>
        admin.call('CONFIG', 'SET', 'tls-cert-file', cert, 'tls-key-file', key);
      const tls = { ca: await readFile(ca, 'utf8'), servername: SERVER_NAME };
      await check(
        {
          fault: () => show(bad),
          repair: () => show(good),
          options: { host: redis.host, port, tls, pool },
          admin,
        },
        cause,
      );
    });
  });

  describe('the name of the server', () => {
    afterEach(() => void jest.restoreAllMocks());

    it('is gone from the DNS', async () => {
      const redis = await startRedis();
      const host = 'redis.shop.test';
      let known = true;
      const lookup = dns.lookup;
      jest.spyOn(dns, 'lookup').mockImplementation(((
        name: string,
        options: dns.LookupOptions,
        done: (error: Error | null, address?: unknown, family?: number) => void,
      ) => {
        if (name !== host) return lookup(name, options, done as never);
        if (!known)
          return done(Object.assign(new Error(`getaddrinfo ENOTFOUND ${host}`), { code: 'ENOTFOUND' }));
        return options.all ? done(null, [{ address: '127.0.0.1', family: 4 }]) : done(null, '127.0.0.1', 4);
      }) as never);
      await check(
        {
          fault: () => Promise.resolve((known = false)),
          repair: () => Promise.resolve((known = true)),
          options: { host, port: redis.port, pool },
          admin: redisClient(redis.port),
        },
        /ENOTFOUND\. .*Check the host name in REDIS_SESSION_HOST, and the DNS/,
      );
    });
  });
});
