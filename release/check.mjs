/**
 * What has to hold of the package before it is released: `node release/check.mjs [NAME …] [--write]`, without names all of
 * it. `--write` brings the reports of the public interface up to date. Wants a fresh dist/.
 */
import { performance } from 'node:perf_hooks';
import { parseArgs } from 'node:util';
import { checkApi } from './api.mjs';
import { checkChangelog } from './changelog.mjs';
import { checkLicences } from './licences.mjs';
import { checkSize } from './size.mjs';
import { checkWorkflows } from './workflows.mjs';

const CHECKS = {
  api: checkApi,
  changelog: checkChangelog,
  licences: checkLicences,
  size: checkSize,
  workflows: checkWorkflows,
};

const { values, positionals } = parseArgs({
  options: { write: { type: 'boolean', default: false } },
  allowPositionals: true,
});
const names = positionals.length > 0 ? positionals : Object.keys(CHECKS);
let failed = 0;
for (const name of names) {
  const check = CHECKS[name];
  if (check === undefined)
    throw new Error(`There is no check "${name}". There are: ${Object.keys(CHECKS).join(', ')}.`);
  const start = performance.now();
  const faults = await check(values);
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  console.log(`${name}: ${faults.length === 0 ? 'good' : `${faults.length} faults`} (${seconds} s)`);
  for (const fault of faults) console.error(`  ${fault.replaceAll('\n', '\n  ')}`);
  if (faults.length > 0) failed++;
}
process.exitCode = failed === 0 ? 0 : 1;
