import { expect, it, beforeAll } from '@jest/globals';
import { eachAdapter } from '../support/apps.js';
import { closingAll } from '../support/cleanup.js';
import { compileApp } from '../support/compile.js';
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

it('each row is there once', () => {
  const numbers = rows.map(({ row }) => row);
  expect(numbers).toEqual([...new Set(numbers)].sort((a, b) => a - b));
});
