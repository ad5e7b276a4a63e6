import { beforeAll, describe, expect, it } from '@jest/globals';
import { SessionStoreUnavailableError } from '../../lib/core/errors.js';
import { describeSessionStore } from '../contract/session-store.contract.js';
import { startRedis, type RedisProcess } from '../support/redis-server.js';
import { makeAuthority, type Authority, type KeyPair } from './helpers/certificates.js';
import { freePort } from '../support/free-port.js';
import { linkTo, nodesOn } from './helpers/store-on.js';

const PASSWORD = 'a password with / and @';
const rest = { authenticated: true };
let redis: RedisProcess;
let tlsPort: number;
let authority: Authority;
let client: KeyPair;

beforeAll(async () => {
  tlsPort = await freePort();
  authority = await makeAuthority();
  const server = await authority.issue('redis.internal');
  client = await authority.issue('shop');
  const tls = [
    '--tls-cert-file',
    server.cert,
    '--tls-key-file',
    server.key,
    '--tls-ca-cert-file',
    authority.ca,
  ];
  redis = await startRedis({
    password: PASSWORD,
    args: ['--unixsocket', 'r.sock', '--tls-port', String(tlsPort), '--tls-auth-clients', 'yes', ...tls],
  });
});

const socket = (): string => `unix://:${encodeURIComponent(PASSWORD)}@${redis.dir}/r.sock`;
const byTls = (): Record<string, string> => ({
  REDIS_SESSION_HOST: '127.0.0.1',
  REDIS_SESSION_PORT: String(tlsPort),
  REDIS_SESSION_PASSWORD: PASSWORD,
  REDIS_SESSION_SSL_ENABLED: 'true',
  REDIS_SESSION_SSL_CA: authority.ca,
  REDIS_SESSION_SSL_CERT: client.cert,
  REDIS_SESSION_SSL_KEY: client.key,
  REDIS_SESSION_SSL_SERVERNAME: 'redis.internal',
});

describeSessionStore('a Redis by URL', rest, () => nodesOn({ settings: { REDIS_SESSION_URL: redis.url } }));
describeSessionStore('a Redis by unix socket', rest, () =>
  nodesOn({ settings: { REDIS_SESSION_URL: socket() } }),
);
describeSessionStore('a Redis over TLS', rest, () => nodesOn({ settings: byTls() }));
describeSessionStore('a Redis by a pool of 4 connections', rest, () =>
  nodesOn({ redis: { url: redis.url, pool: { maxConnections: 4, testOnBorrow: true } } }),
);

describe('TLS', () => {
  const refusal = async (settings: Record<string, string>): Promise<string> => {
    const outcome: unknown = await linkTo({ settings })
      .connect()
      .catch((error: unknown) => error);
    expect(outcome).toBeInstanceOf(SessionStoreUnavailableError);
    return (outcome as Error).message;
  };

  it('is refused by an application that does not know the authority', async () => {
    const { REDIS_SESSION_SSL_CA: _ca, ...settings } = byTls();
    expect(await refusal(settings)).toContain('REDIS_SESSION_SSL_CA');
  });

  it('is refused where the certificate is for another name', async () => {
    expect(await refusal({ ...byTls(), REDIS_SESSION_SSL_SERVERNAME: 'other.internal' })).toContain(
      'REDIS_SESSION_SSL_SERVERNAME',
    );
  });

  it('is refused by a server that wants a certificate of the client', async () => {
    const { REDIS_SESSION_SSL_CERT: _cert, REDIS_SESSION_SSL_KEY: _key, ...settings } = byTls();
    await refusal(settings);
  });

  it('may be unverified where that was asked for', async () => {
    const { REDIS_SESSION_SSL_CA: _ca, ...settings } = byTls();
    const link = linkTo({ settings: { ...settings, REDIS_SESSION_SSL_REJECT_UNAUTHORIZED: 'false' } });
    await expect(link.connect()).resolves.toBe(true);
  });
});

describe('a Redis that cannot be reached', () => {
  it.each([
    [
      'a closed port',
      { REDIS_SESSION_PORT: '1', REDIS_SESSION_HOST: '127.0.0.1' },
      '127.0.0.1:1 ',
      'REDIS_SESSION_PORT',
    ],
    [
      'a socket that is not there',
      { REDIS_SESSION_URL: 'unix:///nowhere/r.sock' },
      '/nowhere/r.sock ',
      'ENOENT',
    ],
  ])(
    'by %s is named, with what to check',
    async (_what, settings: Record<string, string>, address, remedy) => {
      const error = (await linkTo({ settings })
        .connect()
        .catch((reason: unknown) => reason)) as Error;
      expect(error).toBeInstanceOf(SessionStoreUnavailableError);
      expect(error.message).toContain(address);
      expect(error.message).toContain(remedy);
    },
  );

  it('by a wrong password is told without the password', async () => {
    const settings = { REDIS_SESSION_URL: `redis://:canary-7d1@127.0.0.1:${redis.port}` };
    const error = (await linkTo({ settings })
      .connect()
      .catch((reason: unknown) => reason)) as Error;
    expect(error.message).toContain('WRONGPASS');
    expect(error.message).not.toContain('canary-7d1');
  });
});
