import { beforeAll, beforeEach, expect, it } from '@jest/globals';
import { eachAdapter } from '../support/apps.js';
import { Browser } from '../support/cookie-jar.js';
import { freePort } from '../support/free-port.js';
import { eventually } from '../support/eventually.js';
import { compileApp } from '../support/compile.js';
import { startNode, type NodeProcess } from '../support/node-process.js';
import { redisClient } from '../support/redis-client.js';
import { startRedis, type RedisProcess } from '../support/redis-server.js';

const LATE = 300_000;

let redis: RedisProcess;
let script: string;
beforeAll(async () => {
  [redis, script] = await Promise.all([startRedis(), compileApp('test/e2e/apps/unawaited-node.ts')]);
});

/** Redis refuses writes, and goes on answering reads. */
async function refuseWrites(refuses: boolean): Promise<void> {
  const admin = redisClient(redis.port);
  await admin.config('SET', 'min-replicas-to-write', refuses ? 1 : 0);
}

// In a process of its own: what nobody awaits ends one, unless somebody sees to it.
eachAdapter('an operation that a handler begins and does not await', (adapter) => {
  let node: NodeProcess;
  let url: string;
  beforeAll(async () => {
    const port = await freePort();
    const env = {
      PORT: String(port),
      ADAPTER: adapter,
      REDIS_SESSION_ENABLED: 'true',
      REDIS_SESSION_HOST: redis.host,
      REDIS_SESSION_PORT: String(redis.port),
    };
    node = await startNode(script, { env });
    await node.waitFor(/node is ready/);
    url = `http://127.0.0.1:${port}`;
  }, LATE);
  beforeEach(() => refuseWrites(false));

  const loggedIn = async (): Promise<Browser> => {
    const browser = new Browser(url);
    expect((await browser.post('/login')).status).toBe(200);
    return browser;
  };
  const told = (what: RegExp): Promise<unknown> => node.waitFor(what);

  it.each([
    ['update', 409],
    ['regenerateId', 409],
    ['authenticate nobody', 500],
    ['update of a member', 500],
    // As any change of a session that has ended: dropped, and the log says so.
    ['save', 200],
    ['reload', 200],
    // Begins another one.
    ['authenticate', 200],
    ['destroy', 200],
  ])('%s, of a session that has ended meanwhile: %i', async (what, status) => {
    const browser = await loggedIn();
    expect((await browser.post(`/gone/${encodeURIComponent(what)}`)).status).toBe(status);
    expect((await browser.post('/login')).status).toBe(200);
  });

  it.each([
    ['save of a change', 503],
    ['update', 503],
    ['regenerateId', 503],
    ['authenticate', 503],
    ['destroy', 503],
    ['reload', 200],
  ])('%s, where Redis refuses writes: %i', async (what, status) => {
    const browser = await loggedIn();
    await refuseWrites(true);
    expect((await browser.post(`/begin/${encodeURIComponent(what)}`)).status).toBe(status);
    await refuseWrites(false);
    expect((await browser.post('/login')).status).toBe(200);
  });

  it('of a job, after the response: the log tells of it', async () => {
    for (const what of ['save', 'update', 'reload']) {
      const browser = await loggedIn();
      expect((await browser.post(`/job/${what}`)).status).toBe(200);
      await told(new RegExp(`Session \\S+: ${what}\\(\\) failed, and nobody awaited it: Could not ${what}`));
    }
    expect((await (await loggedIn()).post('/begin/update')).status).toBe(200);
  });

  it('of the service, where Redis is gone', async () => {
    const browser = await loggedIn();
    await redis.kill();
    expect((await browser.post('/service')).status).toBe(200);
    await told(/destroyAll\(\) failed, and nobody awaited it/);
    await redis.restart();
    await eventually('it serves again', async () =>
      (await new Browser(url).post('/login')).status === 200 ? true : undefined,
    );
  });
});
