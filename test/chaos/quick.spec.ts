import { expect, it, beforeAll } from '@jest/globals';
import { readFile } from 'node:fs/promises';
import { eachAdapter } from '../support/apps.js';
import { closingAll } from '../support/cleanup.js';
import { compileApp } from '../support/compile.js';
import { TIME_SOURCE, wrongClocks } from './rows/27-cluster-clocks.js';
import { rows } from './rows/index.js';

/** Those that need no long wait; `npm run chaos` runs all of them, at full length. */
const QUICK = [1, 4, 5, 7, 12, 19, 20];

let nodeScript: string;
beforeAll(async () => {
  nodeScript = await compileApp('test/chaos/apps/chaos-node.ts');
}, 60_000);

eachAdapter('the fault matrix, in short', (adapter) => {
  it.each(rows.filter(({ row }) => QUICK.includes(row)).map((row) => [row.row, row.fault, row] as const))(
    'row %i: %s',
    async (_number, _fault, row) => {
      const scale = (_full: number, quick: number): number => quick;
      const findings = await closingAll(() =>
        row.run({ adapter, quick: true, scale, nodeScript, compileApp }),
      );
      expect(findings.filter(({ met, timing }) => !met && !timing)).toEqual([]);
    },
    60_000,
  );
});

it('the clocks of row 27 can be set wrong: scripts ask for the time where it looks', async () => {
  const source = await readFile(TIME_SOURCE, 'utf8');
  expect(wrongClocks([7000, 7001])(TIME_SOURCE, source)).toContain("['7001'] = 3000");
});

it('each row is there once', () => {
  const numbers = rows.map(({ row }) => row);
  expect(numbers).toEqual([...new Set(numbers)].sort((a, b) => a - b));
});
