import { beforeAll, describe, expect, it } from '@jest/globals';
import { betrayed, CASES } from './cases.js';
import { Court, told } from './court.js';
import { STATES } from './program.js';
import { TARGET_NAMES, WAYS } from './targets/names.js';

describe.each(TARGET_NAMES)('On %s, of each way into an application,', (target) => {
  let court: Court;
  beforeAll(async () => {
    court = await Court.open();
  });

  // A comparison that is content with everything would be so with each of the cases below.
  it.each(['header', 'body', 'event'] as const)('a difference in the %s is seen', async (by) => {
    const program = betrayed(by);
    for (const way of WAYS[target].keys()) {
      for (const connection of ['default', 'close'] as const) {
        const request = { ...program.request, connection };
        const findings = await court.compare(target, { ...program, request, way }, ['changed', 'slow']);
        const kinds = findings.map(({ differences }) => differences.map(({ kind }) => kind));
        expect(kinds).toEqual(Array.from({ length: 2 }, () => [by === 'event' ? 'events' : 'bytes']));
      }
    }
  });
});

describe.each(TARGET_NAMES)('On %s, with a session in every state as without', (target) => {
  let court: Court;
  beforeAll(async () => {
    court = await Court.open();
  });

  it.each(Object.entries(CASES))('%s', async (_name, program) => {
    const findings = [];
    for (const way of WAYS[target].keys()) {
      findings.push(...(await court.compare(target, { ...program, way }, STATES)));
    }
    expect(told(findings)).toBe('');
  });
});
