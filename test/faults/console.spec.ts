import { beforeAll, describe, expect, it, jest } from '@jest/globals';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { onCleanup } from '../support/cleanup.js';
import { compileApp } from '../support/compile.js';
import { eventually } from '../support/eventually.js';
import { freePort } from '../support/free-port.js';
import { startNode, type NodeProcess } from '../support/node-process.js';
import {
  DATA_PASSWORD,
  MASTER_NAME,
  SENTINEL_PASSWORD,
  startSentinel,
} from '../topologies/helpers/sentinel.js';
import { redisClient } from '../support/redis-client.js';

// Servers and processes are started in each.
jest.setTimeout(120_000);

/** In a process of its own: Jest's errors and Node's differ in kind, and ioredis prints only those of its own kind. */
describe('a process', () => {
  let script: string;
  beforeAll(async () => {
    script = await compileApp('test/faults/helpers/starting-node.ts');
  });
  const start = (settings: Readonly<Record<string, string>>): Promise<NodeProcess> =>
    startNode(script, { env: { NO_COLOR: '1', ...settings } });
  /** Whatever is neither a line of Nest's logger, nor one of the banner, nor the application's own. */
  const pastTheLogger = (output: string): string[] =>
    output
      .split('\n')
      .filter(
        (line) =>
          !/^(\[Nest\] .*|\[✓\] .*|Successful! .*|.* attached to every .*|listening at .*|)$/.test(line),
      );

  it('that cannot start says why through the logger, in one line, before Node does', async () => {
    const port = String(await freePort());
    const node = await start({ REDIS_SESSION_HOST: '127.0.0.1', REDIS_SESSION_PORT: port });
    expect((await node.exited).code).toBe(1);
    expect(node.output()).toMatch(
      new RegExp(
        `^\\[Nest\\] .* ERROR \\[RedisSessionModule\\] Redis at 127\\.0\\.0\\.1:${port} .*ECONNREFUSED`,
        'm',
      ),
    );
  });

  it.each([
    ['a server', (port: string) => ({ REDIS_SESSION_HOST: '127.0.0.1', REDIS_SESSION_PORT: port })],
    ['a cluster', (port: string) => ({ REDIS_SESSION_CLUSTER_NODES: `127.0.0.1:${port}` })],
    [
      'sentinels',
      (port: string) => ({
        REDIS_SESSION_SENTINEL_MASTER: MASTER_NAME,
        REDIS_SESSION_SENTINELS: `127.0.0.1:${port}`,
      }),
    ],
  ])('that waits for %s writes nothing past the logger, however long', async (_what, settings) => {
    let attempts = 0;
    const server = createServer((socket) => {
      attempts += 1;
      socket.destroy();
    }).listen(0, '127.0.0.1');
    onCleanup(() => server.close());
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const node = await start({ ...settings(String(port)), REDIS_SESSION_STARTUP: 'wait' });
    // Node warns of the 11th listener for the same event, and each look takes a few connections.
    await eventually('it has tried often', () => (attempts >= 60 ? true : undefined), 100_000);
    await node.kill();
    expect(pastTheLogger(node.output())).toEqual([]);
    expect(node.output()).toMatch(/ WARN \[RedisConnection\] Not there at the start: /);
  });

  it('whose sentinels are dead, but for one, writes nothing past the logger, and ends', async () => {
    const { sentinels } = await startSentinel();
    const [alive = ''] = sentinels.split(',');
    const node = await start({
      REDIS_SESSION_SENTINEL_MASTER: MASTER_NAME,
      REDIS_SESSION_SENTINELS: `127.0.0.1:1,${alive},127.0.0.1:2`,
      REDIS_SESSION_SENTINEL_PASSWORD: SENTINEL_PASSWORD,
      REDIS_SESSION_PASSWORD: DATA_PASSWORD,
    });
    await node.waitFor(/listening at/);
    const watcher = redisClient(Number(alive.split(':')[1]), { password: SENTINEL_PASSWORD });
    await eventually('it listens to the one that is alive', async () => {
      const list = String(await watcher.call('CLIENT', 'LIST', 'TYPE', 'pubsub'));
      return list.match(/^id=/gm)?.length === 2 ? true : undefined;
    });
    node.signal('SIGTERM');
    expect(await node.exited).toEqual({ code: null, signal: 'SIGTERM' });
    expect(pastTheLogger(node.output())).toEqual([]);
  });
});
