import { afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import type { Redis } from 'ioredis';
import { rehearse } from '../../lib/stores/redis/rehearsal.js';
import { freshId, newSession } from '../contract/builders.js';
import { LIMITS } from '../contract/contract-fixture.js';
import { keyOf, TOMBSTONE_MS, PREFIX } from '../contract/redis-helpers.js';
import { describeSessionStore } from '../contract/session-store.contract.js';
import { aclSetUser } from '../security/acl-line.js';
import { redisClient } from '../support/redis-client.js';
import { freePort } from '../support/free-port.js';
import { LogSink } from '../support/log-sink.js';
import { startRedis, type RedisProcess } from '../support/redis-server.js';
import { makeAuthority, type Authority, type KeyPair } from './helpers/certificates.js';
import { addSlots, slotOf, startCluster, type ClusterInstallation } from './helpers/cluster.js';
import { eventually } from '../support/eventually.js';
import { DATA_PASSWORD, MASTER_NAME, SENTINEL_PASSWORD, startSentinel } from './helpers/sentinel.js';
import { linkTo, nodesOn, storeOn } from './helpers/store-on.js';

type Settings = Record<string, string>;
const OPTIONS = {
  keyPrefix: PREFIX,
  topology: 'cluster',
  touchIntervalMs: 0,
  tombstoneMs: TOMBSTONE_MS,
  limits: LIMITS,
};

/** As at boot: connects, and tries what requests do. */
async function boot(settings: Settings, log = new LogSink()): Promise<LogSink> {
  await linkTo({ settings }, log).connect((executor) => rehearse(executor, OPTIONS));
  return log;
}

/** Why it did not. */
async function refusal(settings: Settings): Promise<string> {
  const outcome: unknown = await boot(settings).catch((error: unknown) => error);
  if (outcome instanceof Error) return outcome.message;
  throw new Error('It booted.');
}

describe('sentinels', () => {
  let sentinels: string;
  beforeAll(async () => {
    ({ sentinels } = await startSentinel());
  });
  const settings = (more: Settings = {}): Settings => ({
    REDIS_SESSION_SENTINEL_MASTER: MASTER_NAME,
    REDIS_SESSION_SENTINELS: sentinels,
    REDIS_SESSION_SENTINEL_PASSWORD: SENTINEL_PASSWORD,
    REDIS_SESSION_PASSWORD: DATA_PASSWORD,
    REDIS_SESSION_TIMEOUT: '5000',
    ...more,
  });
  afterEach(() => void jest.restoreAllMocks());

  it.each<[string, Settings, RegExp]>([
    [
      'their password is missing',
      { REDIS_SESSION_SENTINEL_PASSWORD: '' },
      /NOAUTH from a sentinel.*REDIS_SESSION_SENTINEL_PASSWORD/,
    ],
    [
      'their password is wrong',
      { REDIS_SESSION_SENTINEL_PASSWORD: 'x' },
      /WRONGPASS from a sentinel.*REDIS_SESSION_SENTINEL_PASSWORD/,
    ],
    [
      'they know no such master',
      { REDIS_SESSION_SENTINEL_MASTER: 'other' },
      /no master of that name.*REDIS_SESSION_SENTINEL_MASTER/,
    ],
    [
      'all are dead',
      { REDIS_SESSION_SENTINELS: '127.0.0.1:1,127.0.0.1:2' },
      /no sentinel answers\. Check REDIS_SESSION_SENTINELS/,
    ],
    ["the master's password is wrong", { REDIS_SESSION_PASSWORD: 'x' }, /WRONGPASS.*REDIS_SESSION_PASSWORD/],
    ['the database is not there', { REDIS_SESSION_DATABASE: '99' }, /database 99 cannot be selected/],
  ])('%s: it is told by its setting', async (_what, more, message) => {
    const text = await refusal(settings(more));
    expect(text).toMatch(message);
    expect(text).not.toMatch(/REDIS_SESSION_HOST/);
  });

  it('some of which are dead are no reason not to boot, and nothing is written past the logger', async () => {
    const written = jest.spyOn(console, 'error').mockImplementation(() => undefined);
    await boot(settings({ REDIS_SESSION_SENTINELS: `127.0.0.1:1,${sentinels},127.0.0.1:2` }));
    // Their connections are opened in the background, for the failover detector.
    await linkTo({ settings: settings() }).connect();
    expect(written.mock.calls).toEqual([]);
  });
});

describe('TLS', () => {
  let authority: Authority;
  let client: KeyPair;
  let server: KeyPair;
  beforeAll(async () => {
    authority = await makeAuthority();
    [client, server] = [await authority.issue('shop'), await authority.issue('redis.internal')];
  });
  const start = async (cert: KeyPair): Promise<Settings> => {
    const port = await freePort();
    const files = [
      '--tls-cert-file',
      cert.cert,
      '--tls-key-file',
      cert.key,
      '--tls-ca-cert-file',
      authority.ca,
    ];
    await startRedis({ args: ['--tls-port', String(port), '--tls-auth-clients', 'yes', ...files] });
    return {
      ...{ REDIS_SESSION_HOST: '127.0.0.1', REDIS_SESSION_PORT: String(port), REDIS_SESSION_TIMEOUT: '5000' },
      ...{ REDIS_SESSION_SSL_ENABLED: 'true', REDIS_SESSION_SSL_CA: authority.ca },
      REDIS_SESSION_SSL_SERVERNAME: 'redis.internal',
    };
  };

  it('that wants a certificate of ours suggests the settings for it', async () => {
    expect(await refusal(await start(server))).toMatch(/REDIS_SESSION_SSL_CERT and REDIS_SESSION_SSL_KEY/);
  });

  it('whose certificate has expired is told so, and not to look for the server', async () => {
    const expired = await authority.issue('redis.internal', -1);
    const settings = {
      ...(await start(expired)),
      ...{ REDIS_SESSION_SSL_CERT: client.cert, REDIS_SESSION_SSL_KEY: client.key },
    };
    const text = await refusal(settings);
    expect(text).toMatch(/CERT_HAS_EXPIRED\. The server's certificate has expired/);
    expect(text).not.toMatch(/REDIS_SESSION_HOST/);
  });
});

describe('a cluster', () => {
  const oneNode = async (args: readonly string[] = []): Promise<[RedisProcess, Redis]> => {
    const server = await startRedis({ args: ['--cluster-enabled', 'yes', ...args] });
    const admin = redisClient(server.port);
    return [server, admin];
  };
  const settings = (port: number): Settings => ({
    REDIS_SESSION_CLUSTER_NODES: `127.0.0.1:${port}`,
    REDIS_SESSION_TIMEOUT: '2000',
  });

  it('that is none is told to be given as HOST', async () => {
    const { port } = await startRedis();
    expect(await refusal(settings(port))).toMatch(/not part of a cluster.*REDIS_SESSION_HOST/);
  });

  it('a node of which is given as HOST is told to be given as CLUSTER_NODES', async () => {
    const [{ port }, admin] = await oneNode(['--cluster-announce-ip', '127.0.0.1']);
    await addSlots(admin, 0, 2);
    const text = await refusal({
      REDIS_SESSION_HOST: '127.0.0.1',
      REDIS_SESSION_PORT: String(port),
      REDIS_SESSION_TIMEOUT: '5000',
    });
    expect(text).toMatch(/CLUSTERDOWN|MOVED.*REDIS_SESSION_CLUSTER_NODES/);
  });

  it('of one node that tells no address is told to announce one', async () => {
    const [{ port }, admin] = await oneNode();
    await addSlots(admin);
    expect(await refusal(settings(port))).toMatch(/tell no address.*cluster-announce-ip/);
  });

  it('with slots that nobody serves is told so', async () => {
    const [{ port }, admin] = await oneNode(['--cluster-announce-ip', '127.0.0.1']);
    await addSlots(admin, 0, 10_000);
    expect(await refusal(settings(port))).toMatch(/10000 of 16384 slots/);
  });

  it('whose nodes announce addresses that cannot be reached from here names them, and natMap', async () => {
    const nowhere = await freePort();
    const [{ port }, admin] = await oneNode([
      ...['--cluster-announce-ip', '127.0.0.1'],
      ...['--cluster-announce-port', String(nowhere)],
    ]);
    await addSlots(admin);
    const text = await refusal(settings(port));
    expect(text).toContain(`127.0.0.1:${nowhere}`);
    expect(text).toMatch(/nobody answers from here.*natMap/);
  });
});

describe('a cluster that serves what it can', () => {
  let cluster: ClusterInstallation;
  beforeAll(async () => {
    cluster = await startCluster(['--cluster-require-full-coverage', 'no']);
    const [name = '', ...words] = aclSetUser('shop', 'shop-password', PREFIX);
    for (const admin of cluster.admins) await admin.call(name, ...words);
  }, 60_000);
  const settings = (more: Settings = {}): Settings => ({
    REDIS_SESSION_CLUSTER_NODES: cluster.nodes,
    ...more,
  });
  const shop = (more: Settings = {}): Settings =>
    settings({ REDIS_SESSION_USERNAME: 'shop', REDIS_SESSION_PASSWORD: 'shop-password', ...more });

  describeSessionStore('for a user of least privileges', { authenticated: true }, () =>
    nodesOn({ settings: shop() }, { settings: settings() }),
  );

  it.each([
    ['paused', async (server: RedisProcess) => server.pause()],
    ['killed', (server: RedisProcess) => server.kill()],
  ])(
    'boots while one master is %s, each time, and says whose sessions it cannot serve',
    async (how, fail) => {
      const [dead, ...others] = cluster.servers as [RedisProcess, ...RedisProcess[]];
      await fail(dead);
      const name = `127.0.0.1:${dead.port}`;
      const logs = await Promise.all(
        Array.from({ length: 5 }, () => boot(shop({ REDIS_SESSION_TIMEOUT: '3000' }))),
      );
      for (const log of logs) {
        expect(log.messages('warn')).toEqual([
          expect.stringMatching(new RegExp(`Node ${name} of the cluster does not serve its sessions`)),
        ]);
      }
      const store = await storeOn({ settings: shop({ REDIS_SESSION_TIMEOUT: '3000' }) });
      expect(await store.health()).toMatchObject({ topology: 'cluster', unreachable: [name] });
      let id = freshId();
      while ((await slotOf({ ...cluster, admins: cluster.admins.slice(1) }, keyOf(id))) * 3 < 16_384 + 3)
        id = freshId();
      expect(await store.create(id, newSession())).toMatchObject({ status: 'written' });
      expect(others.length).toBe(5);
      dead.resume();
      // A cluster would make its replica the master after the node timeout.
      if (how === 'killed') return;
      await eventually('it is back', async () =>
        (await store.health()).unreachable === undefined ? true : undefined,
      );
    },
    60_000,
  );
});
