import { performance } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, it } from '@jest/globals';
import type { RedisClient } from '../../lib/redis/client.js';
import { connect } from '../contract/redis-helpers.js';
import { Browser } from '../support/cookie-jar.js';
import { startNode, type NodeProcess } from '../support/node-process.js';
import { startRedis } from '../support/redis-server.js';
import { compileApp } from '../support/compile.js';

const CRASHES = Number(process.env['SESSION_TEST_CRASHES'] ?? 20);
const CLIENTS = 8;
const LATEST_MS = 60;
const RECOVERED_WITHIN_MS = 20_000;
/** Keys that are looked at together: the long run has a hundred thousand. */
const AT_ONCE = 1000;
const OWN_FIELDS = ['@v', '@used', '@info'];

/** Every key has an expiry and says whose it is. Returns how many there are. */
async function expectWholeKeys(client: RedisClient): Promise<number> {
  const keys = await client.keys('*');
  for (let at = 0; at < keys.length; at += AT_ONCE) {
    const some = keys.slice(at, at + AT_ONCE);
    await Promise.all(
      some.map(async (key) => {
        expectWhole(key, ...(await Promise.all([client.pttl(key), client.hkeys(key)])));
      }),
    );
  }
  return keys.length;
}

function expectWhole(key: string, life: number, fields: readonly string[]): void {
  // It expired before or between the two questions: Redis has no hash without fields.
  if (life === -2 || fields.length === 0) return;
  // 0: it is in its last millisecond. -1: it has none.
  expect([key, Math.min(life, 0)]).toEqual([key, 0]);
  // A user's list has a field for each session.
  if (key.startsWith('session:user:')) return;
  if (!fields.includes('@ended')) expect(fields).toEqual(expect.arrayContaining(OWN_FIELDS));
  else expect(fields.filter((field) => !['@ended', '@next', '@follow'].includes(field))).toEqual([]);
}

it.each([
  ['all sessions in Redis', 'true'],
  ['copies of anonymous sessions in Redis', 'false'],
])(
  `no key is without an expiry or its own fields after ${CRASHES / 2} crashes of node or Redis in the middle of writes: %s`,
  async (_what, storeGuests) => {
    const redis = await startRedis({ persistence: true });
    const node = await startNode(await compileApp('test/integration/crash-node.ts'), {
      env: { REDIS_PORT: String(redis.port), ANONYMOUS_TRAFFIC: storeGuests },
    });
    const urlOf = async (started: NodeProcess): Promise<string> =>
      (await started.waitFor(/listening at (\S+)\./))[1] ?? '';
    let url = await urlOf(node);
    let running = true;
    let answered = 0;
    let last = 'no answer';
    const write = async (): Promise<void> => {
      const browser = new Browser(() => url);
      while (running) {
        try {
          const { status, text } = await browser.post('/write');
          last = `${status} ${text}`;
          if (status === 201) answered += 1;
          else await delay(5);
        } catch (error) {
          // The node is down: as a browser would, once more.
          last = String(error);
          await delay(5);
        }
      }
    };
    const clients = Array.from({ length: CLIENTS }, write);
    let found = 0;
    try {
      for (let crash = 0; crash < CRASHES / 2; crash += 1) {
        const answeredBefore = answered;
        const startedAt = performance.now();
        while (answered < answeredBefore + CLIENTS) {
          if (performance.now() - startedAt > RECOVERED_WITHIN_MS) {
            throw new Error(`Nothing is served after crash ${crash}: ${last}\n${node.output()}`);
          }
          await delay(1);
        }
        await delay(Math.random() * LATEST_MS);
        if (crash % 2) {
          await node.kill('SIGKILL');
          found += await look(redis.port);
          await node.restart();
          url = await urlOf(node);
        } else {
          await redis.kill();
          await redis.restart();
          found += await look(redis.port);
        }
      }
    } finally {
      running = false;
      await Promise.all(clients);
    }
    await node.kill('SIGKILL');
    expect(found).toBeGreaterThan(CRASHES);
  },
  3_600_000,
);

async function look(port: number): Promise<number> {
  const client = await connect(port);
  const found = await expectWholeKeys(client);
  client.disconnect();
  return found;
}
