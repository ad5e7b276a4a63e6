import { beforeAll, describe, expect, it } from '@jest/globals';
import { connect } from '../contract/redis-helpers.js';
import { startRedis } from '../support/redis-server.js';
import type { RedisClient } from '../../lib/redis/client.js';
import { runUsers } from './run-users.js';
import { usersProgram } from './users-program.js';

const PROGRAMS = Number(process.env.SESSION_TEST_PROGRAMS ?? 300);
const { SESSION_TEST_SEED: given = '1' } = process.env;
const FIRST_SEED = given === 'random' ? Math.floor(Math.random() * 2 ** 31) : Number(given);

/** See docs/users-sessions-protocol.md: what the argument there says is tried here, a command at a time. */
describe("the protocol of users' sessions", () => {
  let client: RedisClient;
  beforeAll(async () => {
    client = await connect((await startRedis()).port);
  });

  it(
    `keeps its promises in ${PROGRAMS} random schedules`,
    async () => {
      for (let seed = FIRST_SEED; seed < FIRST_SEED + PROGRAMS; seed += 1) {
        const program = usersProgram(seed);
        const violation = await runUsers(program, client);
        expect({ seed, violation, program: violation && program }).toEqual({ seed });
      }
    },
    PROGRAMS * 2_000,
  );
});
