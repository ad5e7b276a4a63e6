import { beforeAll, describe, expect, it } from '@jest/globals';
import type { SessionEvent } from 'nestjs-redis-session';
import { setTimeout as delay } from 'node:timers/promises';
import { RedisSessionIndex } from '../../lib/stores/redis/redis-index.js';
import { PREFIX } from '../contract/redis-rig.js';
import { describeSessionIndex } from '../contract/session-index.contract.js';
import { startPlayground, type Playground } from '../e2e/rig/playground.js';
import { aclSetUser } from '../security/acl-line.js';
import { onCleanup } from '../support/cleanup.js';
import { Browser } from '../support/cookie-jar.js';
import { startCluster, type ClusterInstallation } from './rig/cluster.js';
import { eventually } from '../support/eventually.js';
import { linkTo } from './rig/store-on.js';

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
