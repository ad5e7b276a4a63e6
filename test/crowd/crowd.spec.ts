import { afterEach, describe, expect, it } from '@jest/globals';
import type { RedisClient } from '../../lib/redis/client.js';
import { connect } from '../contract/redis-helpers.js';
import { compileTree } from '../support/compile-tree.mjs';
import { tempDir } from '../support/cleanup.js';
import { Browser } from '../support/cookie-jar.js';
import { eventually } from '../support/eventually.js';
import { startRedis } from '../support/redis-server.js';
import { Crowd, inParallel } from './crowd.js';
import { CrowdNodes } from './crowd-nodes.js';
import { join } from 'node:path';

/** `npm run test:crowd`: full size. */
const IS_FULL = process.env['SESSION_TEST_CROWD'] === 'full';
const CRASHES = Number(process.env['SESSION_TEST_CRASHES'] ?? (IS_FULL ? 120 : 4));
const SIZE = IS_FULL
  ? { users: 200, devices: 5, atOnce: 32, steps: CRASHES * 250, crashes: CRASHES }
  : { users: 12, devices: 3, atOnce: 12, steps: 700, crashes: CRASHES };
const SEED = Number(process.env['SESSION_TEST_SEED'] ?? 1);
const NODES = 3;
const [IDLE_SECONDS, SHORT_IDLE_SECONDS] = [1800, 2];
const TOMBSTONE_MS = 60_000;
/** How long the note of an end of all is kept. */
const NOTE_MS = 400 * 86_400_000;

/** What Redis holds of users' sessions, by user. */
async function recordsOf(client: RedisClient): Promise<Map<string, Set<string>>> {
  const records = new Map<string, Set<string>>();
  for (const key of await client.keys('session:{*')) {
    const [info] = await client.hmget(key, '@info');
    const user = info?.split(' ').slice(3).join(' ');
    if (!user) continue;
    const id = key.slice('session:'.length).replace(/[{}]/g, '');
    records.set(user, (records.get(user) ?? new Set()).add(id));
  }
  return records;
}

/** No key lives for longer than it may, and no entry of a list. */
async function expectAllExpire(client: RedisClient, idleSeconds: number): Promise<void> {
  const entryMs = idleSeconds * 2500 + TOMBSTONE_MS;
  for (const key of await client.keys('session:*')) {
    const life = await client.pttl(key);
    const most = key.endsWith(':ended') ? NOTE_MS : Math.max(entryMs, TOMBSTONE_MS);
    expect([key, life === -2 || (life > 0 && life <= most)]).toEqual([key, true]);
    if (!key.startsWith('session:user:') || key.endsWith(':ended')) continue;
    const [seconds] = await client.time();
    for (const [field, value] of Object.entries(await client.hgetall(key)))
      if (!field.startsWith('@'))
        expect([field, Number(value.split(' ')[0]) - Number(seconds) * 1000 <= entryMs + 1000]).toEqual([
          field,
          true,
        ]);
  }
}

const sorted = (ids: Iterable<string> = []): string[] => [...ids].sort();

describe("users' sessions on nodes that die", () => {
  const started: CrowdNodes[] = [];
  // Whatever came of it: else each that is ended would be replaced.
  afterEach(() => Promise.all(started.splice(0).map((nodes) => nodes.stop())), 60_000);

  it(
    `are listed as they are, and none that was ended answers: ${SIZE.users} users, ${SIZE.crashes} crashes`,
    async () => {
      const redis = await startRedis();
      const client = await connect(redis.port);
      const target = await tempDir('redis-session-app-');
      await compileTree(target, ['test/crowd/crowd-node.ts', 'test/crowd/kill-point.ts']);
      const script = join(target, 'test/crowd/crowd-node.js');
      const start = async (idleSeconds: number): Promise<CrowdNodes> => {
        const nodes = new CrowdNodes(NODES, { script, redisPort: redis.port, idleSeconds });
        started.push(nodes);
        await nodes.ready();
        return nodes;
      };
      const deaths = new Map<string, number>();
      const note = (nodes: CrowdNodes): void => {
        for (const [where, count] of nodes.deaths) deaths.set(where, (deaths.get(where) ?? 0) + count);
      };

      let nodes = await start(IDLE_SECONDS);
      const crowd = new Crowd({ ...SIZE, seed: SEED, urls: () => nodes.urls });
      const storm = (steps: number, crashes: number): Promise<void> =>
        crowd.run((step) => {
          // Beside those that die at a command.
          if (step % 500 === 0) nodes.kill(Math.random());
          return crowd.wrong.length === 0 && (step < steps || nodes.crashes < crashes);
        });
      await storm(SIZE.steps, SIZE.crashes);
      await nodes.live();
      await crowd.logIn();
      expect(crowd.wrong).toEqual([]);

      // Quiet: the list is the truth, on each node.
      const truth = await recordsOf(client);
      expect(truth.size).toBeGreaterThan(0);
      await inParallel(crowd.users, SIZE.atOnce, async (user) => {
        for (const url of nodes.urls) {
          const path = `/list?user=${encodeURIComponent(user)}`;
          const list = (await new Browser(url).get(path)).json<string[]>();
          expect([user, sorted(list)]).toEqual([user, sorted(truth.get(user))]);
        }
      });
      const [url = ''] = nodes.urls;
      const all = (await new Browser(url).get('/all')).json<[string, string][]>();
      expect(sorted(all.map(([id]) => id))).toEqual(sorted([...truth.values()].flatMap((ids) => [...ids])));
      await crowd.checkTokens();
      await expectAllExpire(client, IDLE_SECONDS);
      expect(crowd.wrong).toEqual([]);
      expect(crowd.revoked).toBeGreaterThan(0);
      expect(crowd.certain).toBeGreaterThan(0);

      // Ended by user, and then everybody: nothing is left of them.
      const half = crowd.users.slice(0, crowd.users.length / 2);
      await inParallel(half, SIZE.atOnce, (user) => crowd.endAll(user));
      await crowd.checkTokens();
      const left = await recordsOf(client);
      expect(half.filter((user) => left.has(user))).toEqual([]);
      for (const user of crowd.users.slice(half.length))
        expect(sorted(left.get(user))).toEqual(sorted(truth.get(user)));
      expect((await new Browser(url).post('/end-all', {})).status).toBe(200);
      expect(await recordsOf(client)).toEqual(new Map());
      expect(crowd.wrong).toEqual([]);
      note(nodes);
      await nodes.stop();

      if (IS_FULL) {
        // What is left by nodes that die is gone with the longest expiry: sessions that live for two seconds.
        crowd.forgetCertainty();
        nodes = await start(SHORT_IDLE_SECONDS);
        await crowd.run((step) => step < 2000 || nodes.crashes < 10);
        await nodes.live();
        note(nodes);
        await nodes.stop();
        await expectAllExpire(client, SHORT_IDLE_SECONDS);
        const orphans = async (): Promise<string[]> =>
          (await client.keys('session:*')).filter((key) => !key.endsWith(':ended'));
        await eventually(
          'nothing is left but the notes of ends',
          async () => ((await orphans()).length === 0 ? true : undefined),
          SHORT_IDLE_SECONDS * 2500 + 2 * TOMBSTONE_MS,
        );
        expect(crowd.wrong.filter((what) => what.includes('was ended and answers'))).toEqual([]);
      }
      if (IS_FULL) console.log(Object.fromEntries([...crowd.done, ...[...deaths].sort()]));
    },
    IS_FULL ? 7_200_000 : 600_000,
  );
});
