import { beforeAll, describe, expect, it } from '@jest/globals';
import type { SessionEvent } from 'nestjs-redis-session';
import { setTimeout as delay } from 'node:timers/promises';
import { RedisSessionIndex } from '../../lib/stores/redis/redis-index.js';
import { PREFIX } from '../contract/redis-helpers.js';
import { describeSessionIndex } from '../contract/session-index.contract.js';
import { startPlayground, type Playground } from '../e2e/helpers/playground.js';
import { aclSetUser } from '../security/acl-line.js';
import { onCleanup } from '../support/cleanup.js';
import { Browser } from '../support/cookie-jar.js';
import { startCluster, type ClusterInstallation } from './helpers/cluster.js';
import { DATA_PASSWORD, MASTER_NAME, SENTINEL_PASSWORD, startSentinel } from './helpers/sentinel.js';
import { eventually } from '../support/eventually.js';
import { linkTo } from './helpers/store-on.js';

const PASSWORD = 'p4ss';
let cluster: ClusterInstallation;
beforeAll(async () => {
  // One that serves what it can, and whose users may do what the manual says, and nothing else.
  cluster = await startCluster(['--cluster-require-full-coverage', 'no']);
  for (const admin of cluster.admins) {
    for (const [name = '', ...words] of [
      aclSetUser('index', PASSWORD, PREFIX),
      aclSetUser('shop', PASSWORD, 'session:'),
    ]) {
      await admin.call(name, ...words);
    }
  }
}, 60_000);

async function node(): Promise<RedisSessionIndex> {
  const link = linkTo({
    settings: {
      REDIS_SESSION_CLUSTER_NODES: cluster.nodes,
      REDIS_SESSION_USERNAME: 'index',
      REDIS_SESSION_PASSWORD: PASSWORD,
    },
  });
  await link.connect();
  return new RedisSessionIndex(link.executor, { keyPrefix: PREFIX });
}

describeSessionIndex('the index on a Redis Cluster', async () => {
  const [index, peer] = [await node(), await node()];
  return { index, peer, pass: (milliseconds) => delay(milliseconds + 2) };
});

describe("users' sessions on a Redis Cluster", () => {
  const start = async (): Promise<Playground & { readonly events: SessionEvent[] }> => {
    const nodes = cluster.nodes.split(',').map((address) => {
      const [host = '', port] = address.split(':');
      return { host, port: Number(port) };
    });
    const redis = { cluster: { nodes }, username: 'shop', password: PASSWORD };
    const app = await startPlayground('fastify', { redis });
    onCleanup(() => app.close());
    const events: SessionEvent[] = [];
    app.sessions.events.subscribe((event) => events.push(event));
    return { ...app, events };
  };

  it('are listed, told of and ended, though list and records lie on different masters', async () => {
    const [a, b] = [await start(), await start()];
    const browsers = Array.from({ length: 12 }, () => new Browser(a.url));
    for (const [n, browser] of browsers.entries())
      await a.visit(browser, (session) => session.authenticate(`user ${n % 3}`));
    expect(await b.sessions.count('user 1')).toBe(4);
    expect(await b.sessions.count()).toBe(12);
    await eventually('the logins are heard', () =>
      b.events.filter(({ type }) => type === 'authenticated').length === 12 ? true : undefined,
    );
    expect(await b.sessions.destroyAll('user 1')).toBe(4);
    const principals = [];
    for (const browser of browsers)
      principals.push((await a.visit(browser, (session) => session.principal)).result);
    expect(principals.filter((who) => who === 'user 1')).toEqual([]);
    expect(principals.filter((who) => who !== undefined)).toHaveLength(8);
    expect(await b.sessions.destroyAll()).toBe(8);
    expect(await a.sessions.count()).toBe(0);
  });
});

describe("users' sessions behind Sentinel", () => {
  it('whose master dies while users log in: what was acknowledged on the new one is listed, and ends', async () => {
    const sentinel = await startSentinel(1000);
    const [master, replica] = sentinel.servers;
    const sentinels = sentinel.sentinels.split(',').map((address) => {
      const [host = '', port] = address.split(':');
      return { host, port: Number(port) };
    });
    const start = async (): Promise<Playground> => {
      const redis = {
        sentinel: { master: MASTER_NAME, nodes: sentinels, password: SENTINEL_PASSWORD },
        password: DATA_PASSWORD,
        timeoutMs: 500,
      };
      const app = await startPlayground('fastify', { redis });
      onCleanup(() => app.close());
      return app;
    };
    const nodes = [await start(), await start()] as const;
    const USERS = 5;
    const acknowledged: { browser: Browser; who: string; id: string }[] = [];
    let [logins, isOver] = [0, false];
    const logIn = async (): Promise<void> => {
      logins += 1;
      const [node, who] = [nodes[logins % 2] as Playground, `user ${logins % USERS}`];
      const browser = new Browser(node.url);
      const visit = node.visit(browser, async (session) => (await session.authenticate(who), session.id));
      const { result: id } = await visit;
      acknowledged.push({ browser, who, id });
    };
    // One after the other, so that what replication loses is not what is tried here.
    while (acknowledged.length < 20) await logIn();
    await sentinel.replicated();
    const before = acknowledged.length;
    const some = async (): Promise<void> => {
      while (!isOver) await logIn().catch(() => delay(20));
    };
    const traffic = [some(), some()];
    await master.kill();
    await eventually('logins are taken by the new master', async () =>
      (await sentinel.masterPort()) === replica.port && acknowledged.length >= before + 20 ? true : undefined,
    );
    isOver = true;
    await Promise.all(traffic);

    const [a, b] = nodes;
    const live: typeof acknowledged = [];
    for (const login of acknowledged)
      if ((await b.visit(login.browser, (session) => session.principal)).result === login.who)
        live.push(login);
    expect(live.length).toBeGreaterThanOrEqual(before + 20);
    for (let n = 0; n < USERS; n += 1) {
      const who = `user ${n}`;
      const listed = new Set((await a.sessions.list(who)).map(({ id }) => id));
      // One whose login was not acknowledged may be there as well.
      for (const login of live) if (login.who === who) expect(listed).toContain(login.id);
    }
    expect(await a.sessions.destroyAll('user 1')).toBeGreaterThan(0);
    for (const { browser, who } of live) {
      const { result } = await b.visit(browser, (session) => session.principal);
      expect(result).toBe(who === 'user 1' ? undefined : who);
    }
    expect(await b.sessions.list('user 1')).toEqual([]);
  }, 60_000);
});
