import { beforeAll, describe, it } from '@jest/globals';
import fc from 'fast-check';
import { programs } from './arbitraries.js';
import { Court, told } from './court.js';
import type { Finding } from './judge.js';
import { STATES } from './program.js';
import { TARGET_NAMES } from './targets/names.js';

/** Programs in all targets together, each with a session in one state. The long run takes many more. */
const PROGRAMS = Number(process.env['DIFFERENTIAL_PROGRAMS'] ?? 3000);
/**
 * To see a failure again: the seed and the path it was reported with. The same programs each time unless asked for others
 * (`random`), so that a submission is not judged by what nobody has seen before: the long run looks for that.
 */
const { DIFFERENTIAL_SEED: seed = '20261126', DIFFERENTIAL_PATH: path } = process.env;
/** States in which each program is run; the plain run is shared by them. */
const STATES_EACH = 2;
const HOURS = 12 * 3_600_000;

const states = fc.shuffledSubarray([...STATES], { minLength: STATES_EACH, maxLength: STATES_EACH });

describe.each(TARGET_NAMES)('Random programs on %s', (target) => {
  let court: Court;
  beforeAll(async () => {
    court = await Court.open();
  });

  const seeded = seed === 'random' ? {} : { seed: Number(seed) };
  const replayed = {
    ...seeded,
    ...(path !== undefined && { path }),
  };

  it(
    'do the same each time in plain Node',
    async () => {
      const same = fc.asyncProperty(programs, async (program) => {
        assertNone(await court.comparePlain(target, program));
      });
      await fc.assert(same, {
        numRuns: Math.ceil(PROGRAMS / TARGET_NAMES.length / 10),
        ...seeded,
      });
    },
    HOURS,
  );

  it(
    'do the same with a session as without',
    async () => {
      const same = fc.asyncProperty(programs, states, async (program, some) => {
        assertNone(await court.compare(target, program, some));
      });
      await fc.assert(same, {
        numRuns: Math.ceil(PROGRAMS / TARGET_NAMES.length / STATES_EACH),
        ...replayed,
      });
    },
    HOURS,
  );
});

function assertNone(findings: readonly Finding[]): void {
  if (findings.length > 0) throw new Error(told(findings));
}
