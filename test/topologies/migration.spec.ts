import { beforeAll, expect, it } from '@jest/globals';
import { Cluster } from 'ioredis';
import { startPlayground, type Playground } from '../e2e/helpers/playground.js';
import { OLD_SECRET, signedSid } from '../e2e/helpers/old-app.js';
import { onCleanup } from '../support/cleanup.js';
import { Browser } from '../support/cookie-jar.js';
import { startCluster, type ClusterInstallation } from './helpers/cluster.js';

let cluster: ClusterInstallation;
let nodes: { host: string; port: number }[];
let old: Cluster;
beforeAll(async () => {
  cluster = await startCluster();
  nodes = cluster.nodes.split(',').map((address) => {
    const [host = '', port] = address.split(':');
    return { host, port: Number(port) };
  });
  old = new Cluster(nodes);
  onCleanup(() => old.disconnect());
});

it('sessions of another library are taken over on a Redis Cluster, whose old and new keys lie on different masters', async () => {
  const start = async (): Promise<Playground> => {
    const migrateFrom = { expressSession: { secrets: OLD_SECRET } };
    const app = await startPlayground('fastify', { redis: { cluster: { nodes } }, migrateFrom });
    onCleanup(() => app.close());
    return app;
  };
  const [a, b] = [await start(), await start()];
  const who = async (app: Playground, browser: Browser): Promise<string | undefined> =>
    (await app.visit(browser, (session) => session.principal)).result;
  for (let n = 0; n < 12; n += 1) {
    const key = `sess:${'b'.repeat(28)}-${n}`;
    await old.set(key, JSON.stringify({ cookie: {}, passport: { user: `user ${n}` } }), 'EX', 600);
    const first = new Browser(a.url);
    first.jar.store({ name: 'connect.sid', value: signedSid(key.slice(5)) });
    const second = new Browser(b.url, first.jar.clone());
    expect(await Promise.all([who(a, first), who(b, second)])).toEqual([`user ${n}`, `user ${n}`]);
    expect(first.cookie('sid')).toBe(second.cookie('sid'));
    await old.set(key, JSON.stringify({ cookie: {}, passport: { user: `next ${n}` } }), 'EX', 600);
    expect(await who(a, first)).toBe(`next ${n}`);
    expect(await who(b, second)).toBe(`next ${n}`);
    await b.visit(second, (session) => session.destroy());
    expect(await old.exists(key)).toBe(0);
    expect(await who(a, first)).toBeUndefined();
  }
});
