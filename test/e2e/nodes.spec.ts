import { beforeAll, expect, it } from '@jest/globals';
import { eachAdapter } from '../support/apps.js';
import { Browser } from '../support/cookie-jar.js';
import { freePort } from '../support/free-port.js';
import { startNode, type NodeProcess } from '../support/node-process.js';
import { startRedis, type RedisProcess } from '../support/redis-server.js';
import { startBalancer } from '../support/round-robin.js';
import { type VisitAnswer } from './apps/node-app.js';
import { compileApp } from '../support/compile.js';

const REQUESTS = 200;
const READY = /node is ready/;

let redis: RedisProcess;
let script: string;
beforeAll(async () => {
  [redis, script] = await Promise.all([startRedis(), compileApp('test/e2e/apps/node-app.ts')]);
});

eachAdapter('two nodes in processes of their own, behind a balancer without sticky routing', (adapter) => {
  const start = async (): Promise<{ node: NodeProcess; url: string }> => {
    const port = await freePort();
    const env = {
      PORT: String(port),
      ADAPTER: adapter,
      REDIS_SESSION_ENABLED: 'true',
      REDIS_SESSION_HOST: redis.host,
      REDIS_SESSION_PORT: String(redis.port),
    };
    const node = await startNode(script, { env });
    await node.waitFor(READY);
    return { node, url: `http://127.0.0.1:${port}` };
  };

  it('200 alternating requests are one session; a node that is killed and started again loses nothing', async () => {
    const [a, b] = await Promise.all([start(), start()]);
    const balancer = await startBalancer([a.url, b.url]);
    const browser = new Browser(balancer.url);
    const pids = new Set<number>();

    await browser.post('/login');
    const { since } = (await browser.post('/visit')).json<VisitAnswer>();
    for (let request = 2; request <= REQUESTS; request += 1) {
      if (request === 70) await a.node.kill('SIGKILL');
      if (request === 130) {
        await a.node.restart();
        await a.node.waitFor(READY);
      }
      const response = await browser.post('/visit');
      expect(response.setCookies).toEqual([]);
      const answer = response.json<VisitAnswer>();
      pids.add(answer.pid);
      expect(answer).toMatchObject({ who: 'ada', count: request, since });
      expect(answer.visits).toEqual(Array.from({ length: request }, (_, at) => at + 1));
    }

    // Both of them, and the one that took the place of the first.
    expect(pids.size).toBe(3);
    expect(pids).toContain(a.node.pid);
    for (const url of [a.url, b.url]) expect(balancer.served.get(url)).toBeGreaterThan(60);
  });
});
