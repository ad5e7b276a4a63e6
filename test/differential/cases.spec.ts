import { beforeAll, describe, expect, it } from '@jest/globals';
import { CASES } from './cases.js';
import { Court, told } from './court.js';
import { STATES } from './program.js';
import { TARGET_NAMES, WAYS } from './targets/names.js';

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
