import { beforeAll, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { SESSION_POLICIES, type SessionPolicy } from 'nestjs-redis-session';
import type { RedisClient } from '../../lib/redis/client.js';
import { connect } from '../contract/redis-helpers.js';
import { redisAt, startPlayground, type Playground } from '../e2e/helpers/playground.js';
import { eachAdapter } from '../support/apps.js';
import { startRedis, type RedisProcess } from '../support/redis-server.js';
import { startProxy } from '../support/tcp-proxy.js';
import { violations } from './history.js';
import { programs } from './program.js';
import { ProgramRun } from './run-program.js';

/** Programs for each adapter. The long run takes many more: SESSION_TEST_PROGRAMS=5000. */
const PROGRAMS = Number(process.env['SESSION_TEST_PROGRAMS'] ?? 150);
/**
 * To see a failure again: the seed and the path it was reported with. The same programs each time unless asked for others (`random`),
 * so that a submission is not judged by what nobody has seen before.
 */
const { SESSION_TEST_SEED: seed = '20261127', SESSION_TEST_PATH: path } = process.env;
const FAR_MS = 1;

eachAdapter('Random programs of several tabs on two nodes', (adapter) => {
  let redis: RedisProcess;
  let client: RedisClient;
  const nodes = new Map<SessionPolicy, Playground[]>();
  beforeAll(async () => {
    redis = await startRedis();
    client = await connect(redis.port);
    const far = await startProxy(redis.port);
    far.setDelay(FAR_MS);
    for (const policy of SESSION_POLICIES) {
      const options = { storeGuests: true, policies: [policy], codec: 'json' as const };
      nodes.set(policy, [
        await startPlayground(adapter, { ...redisAt(redis), ...options }),
        await startPlayground(adapter, { ...redisAt(far), ...options }),
      ]);
    }
  });

  it(`can be explained by the documented rules, ${PROGRAMS} times`, async () => {
    const explained = fc.asyncProperty(programs(2), fc.scheduler(), async (program, scheduler) => {
      const run = new ProgramRun(nodes.get(program.policy) ?? [], client, scheduler);
      expect(violations(await run.run(program))).toEqual([]);
    });
    await fc.assert(explained, {
      numRuns: PROGRAMS,
      ...(seed !== 'random' && { seed: Number(seed) }),
      ...(path !== undefined && { path }),
    });
  }, 3_600_000);
});
