import { afterEach, describe, expect, it } from '@jest/globals';
import type { RedisClient } from '../../lib/redis/client.js';
import { connect } from '../contract/redis-helpers.js';
import { compileTree } from '../support/compile-tree.mjs';
import { tempDir } from '../support/cleanup.js';
import { Browser } from '../support/cookie-jar.js';
import { eventually } from '../support/eventually.js';
import { startLoneClusterNode } from '../support/lone-cluster-node.js';
import { startRedis } from '../support/redis-server.js';
import { Crowd, inParallel } from './crowd.js';
import { CrowdNodes } from './crowd-nodes.js';
import { killPoints, type KillPoint } from './kill-point.js';
import { Chance } from '../model/users-program.js';
import { join } from 'node:path';

/** `npm run test:crowd`: full size. */
const IS_FULL = process.env['SESSION_TEST_CROWD'] === 'full';
const CRASHES = Number(process.env['SESSION_TEST_CRASHES'] ?? (IS_FULL ? 84 : 4));
const SIZE = IS_FULL
  ? { users: 200, devices: 5, atOnce: 32, steps: CRASHES * 125 }
  : { users: 12, devices: 3, atOnce: 12, steps: 700 };
const SEED = Number(process.env['SESSION_TEST_SEED'] ?? 1);
const NODES = 3;
const [IDLE_SECONDS, SHORT_IDLE_SECONDS] = [1800, 2];
const TOMBSTONE_MS = 60_000;
/** How long the note of an end of all is kept. */
const NOTE_MS = 400 * 86_400_000;

/** Where sessions and lists are. `deaths`: the scripts that sessions of an idle time of half an hour come to there. */
const PLACES = {
  'on a Redis of its own, where a session and its entry are written at once': {
    startServer: startRedis,
    deaths: ['CREATE_LISTED', 'RENEW_LISTED', 'END', 'REMOVE', 'SAVE', 'DESTROY'],
    // What leaves something behind, once each; a list is told of a session again only when half of its idle time has passed.
    shortDeaths: ['ENTER', 'CREATE_LISTED', 'RENEW_LISTED'],
  },
  'on a server of a cluster, where an entry is written beforehand': {
    startServer: startLoneClusterNode,
    deaths: ['ADD', 'END', 'REMOVE', 'CREATE', 'SAVE', 'RENEW', 'DESTROY'],
    shortDeaths: ['ENTER', 'ADD', 'CREATE', 'RENEW'],
  },
} as const;
type Place = (typeof PLACES)[keyof typeof PLACES];

/** So many, each as often as any other but for one. */
function deathsOf({ deaths: scripts }: Place, count: number, chance: Chance): KillPoint[] {
  const deaths: KillPoint[] = [];
  while (deaths.length < count) {
    const left = killPoints(scripts);
    while (left.length > 0) deaths.push(...left.splice(chance.below(left.length), 1));
  }
  return deaths.slice(0, count);
}

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

/** How long it may take until nothing is left: entries of lists, and tombstones of sessions that were a guest's. */
const longestLifeMs = (idleSeconds: number): number =>
  TOMBSTONE_MS + Math.max(idleSeconds * 2500, TOMBSTONE_MS);

/** No key lives for longer than it may, and no entry of a list. */
async function expectAllExpire(client: RedisClient, idleSeconds: number): Promise<void> {
  const entryMs = idleSeconds * 2500 + TOMBSTONE_MS;
  for (const key of await client.keys('session:*')) {
    const life = await client.pttl(key);
    const most = key.endsWith(':ended') ? NOTE_MS : longestLifeMs(idleSeconds);
    if (life !== -2 && !(life > 0 && life <= most))
      throw new Error(`${key} lives for ${life} ms more, of ${most}: ${(await client.hkeys(key)).join(' ')}`);
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

/**
 * A crowd with sessions that live for two seconds, on a Redis of its own, which its nodes then leave alone.
 * @returns Resolves once all that they have left has expired.
 */
async function orphansOf(
  { startServer, shortDeaths }: Place,
  start: (port: number, idleSeconds: number, deaths: KillPoint[]) => Promise<CrowdNodes>,
): Promise<() => Promise<void>> {
  const redis = await startServer();
  const client = await connect(redis.port);
  const nodes = await start(redis.port, SHORT_IDLE_SECONDS, killPoints(shortDeaths));
  const crowd = new Crowd({ ...SIZE, seed: SEED, urls: () => nodes.urls });
  crowd.letExpire();
  await crowd.run((step) => crowd.wrong.length === 0 && (step < 2000 || nodes.due > 0));
  await nodes.live();
  await nodes.stop();
  expect(crowd.wrong).toEqual([]);
  await expectAllExpire(client, SHORT_IDLE_SECONDS);
  const areGone = async (): Promise<true | undefined> => {
    const left = (await client.keys('session:*')).filter((key) => !key.endsWith(':ended'));
    return left.length === 0 ? true : undefined;
  };
  return async () => {
    const life = longestLifeMs(SHORT_IDLE_SECONDS) + TOMBSTONE_MS;
    await eventually('nothing is left but the notes of ends', areGone, life);
  };
}

const sorted = (ids: Iterable<string> = []): string[] => [...ids].sort();

describe("users' sessions on nodes that die", () => {
  const started: CrowdNodes[] = [];
  // Whatever came of it: else each that is ended would be replaced.
  afterEach(() => Promise.all(started.splice(0).map((nodes) => nodes.stop())), 60_000);

  it.each(Object.entries(PLACES))(
    `are listed as they are, and none that was ended answers, %s: ${SIZE.users} users, ${CRASHES} crashes`,
    async (_, place) => {
      const target = await tempDir('redis-session-app-');
      await compileTree(target, ['test/crowd/crowd-node.ts', 'test/crowd/kill-point.ts']);
      const script = join(target, 'test/crowd/crowd-node.js');
      const start = async (port: number, idle: number, deaths: KillPoint[]): Promise<CrowdNodes> => {
        const nodes = new CrowdNodes(NODES, { script, redisPort: port, idleSeconds: idle, deaths });
        started.push(nodes);
        await nodes.ready();
        return nodes;
      };
      const isEmptied = IS_FULL ? await orphansOf(place, start) : undefined;

      const redis = await place.startServer();
      const client = await connect(redis.port);
      const nodes = await start(redis.port, IDLE_SECONDS, deathsOf(place, CRASHES, new Chance(SEED)));
      const crowd = new Crowd({ ...SIZE, seed: SEED, urls: () => nodes.urls });
      await crowd.run((step) => {
        // Beside those that die at a command.
        if (step % 500 === 0) nodes.kill(Math.random());
        return crowd.wrong.length === 0 && (step < SIZE.steps || nodes.due > 0);
      });
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
      await nodes.stop();
      await isEmptied?.();
      if (IS_FULL) console.log(Object.fromEntries([...crowd.done, ...[...nodes.deaths].sort()]));
    },
    IS_FULL ? 7_200_000 : 600_000,
  );
});
