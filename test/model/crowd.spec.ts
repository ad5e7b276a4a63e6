import { beforeAll, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { randomBytes } from 'node:crypto';
import type { SessionManager } from '../../lib/core/manager.js';
import { GuestStore } from '../../lib/stores/layers/guest-store.js';
import { LocalCopies } from '../../lib/stores/layers/local-copies.js';
import { type MemoryStore } from '../../lib/stores/memory-store.js';
import type { RedisClient } from '../../lib/redis/client.js';
import { RedisCommands } from '../../lib/redis/commands.js';
import type { RedisStore } from '../../lib/stores/redis/redis-store.js';
import { connect, TOMBSTONE_MS, redisStore } from '../contract/redis-helpers.js';
import { startRedis } from '../support/redis-server.js';
import { CoreFixture } from '../unit/core/helpers.js';
import { crowdViolations } from './crowd-history.js';
import { crowdPrograms, type CrowdProgram } from './crowd-program.js';
import { CrowdRun } from './run-crowd.js';

/** The long run takes many more: SESSION_TEST_PROGRAMS=5000. */
const PROGRAMS = Number(process.env['SESSION_TEST_PROGRAMS'] ?? 300);
/**
 * To see a failure again: the seed and the path it was reported with. The same programs each time unless asked for others (`random`),
 * so that a submission is not judged by what nobody has seen before.
 */
const { SESSION_TEST_SEED: seed = '20261127', SESSION_TEST_PATH: path } = process.env;
/** No request comes near it. */
const HANGS_AFTER_MS = 20_000;

/** Whose replies reach the node when the scheduler says so, and not in the order in which Redis gave them. */
class Held extends RedisCommands {
  static turn = (): Promise<unknown> => Promise.resolve();

  override async load(...args: Parameters<RedisCommands['load']>): ReturnType<RedisCommands['load']> {
    const reply = await super.load(...args);
    await Held.turn();
    return reply;
  }

  override async run(...args: Parameters<RedisCommands['run']>): Promise<unknown> {
    const reply = await super.run(...args);
    await Held.turn();
    return reply;
  }
}

const wrap = ({ client: own, endpoint, timeoutMs }: RedisCommands): Held =>
  new Held(own, endpoint, timeoutMs);

let client: RedisClient;
/** Of two nodes: with guests in Redis, and with copies there of those in memory. */
const stores: Record<CrowdProgram['guests'], RedisStore[]> = { 'in Redis': [], 'in memory': [] };
beforeAll(async () => {
  const redis = await startRedis();
  client = await connect(redis.port);
  for (let node = 0; node < 2; node += 1) {
    stores['in Redis'].push(await redisStore(redis.port, { wrap }));
    stores['in memory'].push(await redisStore(redis.port, { anonymousCopySeconds: 15, wrap }));
  }
});

function nodesFor({ guests }: CrowdProgram): SessionManager[] {
  return stores[guests].map((shared) => {
    const copies = { lifeMs: TOMBSTONE_MS / 2, now: (): number => fixture.clock.now() };
    const layers = (local: MemoryStore): RedisStore | GuestStore =>
      guests === 'in Redis' ? shared : new GuestStore(shared, new LocalCopies(local, copies));
    const fixture: CoreFixture = new CoreFixture({
      wrap: layers,
      memory: { tombstoneMs: TOMBSTONE_MS },
      environment: { random: randomBytes },
    });
    return fixture.manager;
  });
}

it(`${PROGRAMS} random programs of people, tabs and nodes can be explained by the contract`, async () => {
  const explained = fc.asyncProperty(crowdPrograms, fc.scheduler(), async (program, scheduler) => {
    Held.turn = () => scheduler.schedule(Promise.resolve(), 'reply');
    const run = new CrowdRun(nodesFor(program), client, scheduler);
    let timer: NodeJS.Timeout | undefined;
    const hanging = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error('A request hangs.')), HANGS_AFTER_MS);
    });
    const history = await Promise.race([run.run(program), hanging]).finally(() => clearTimeout(timer));
    expect(crowdViolations(history)).toEqual([]);
  });
  await fc.assert(explained, {
    numRuns: PROGRAMS,
    ...(seed !== 'random' && { seed: Number(seed) }),
    ...(path !== undefined && { path }),
  });
}, 3_600_000);
