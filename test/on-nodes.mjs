/**
 * Runs tests that show what depends on Node (units, the contract of stores, requests and responses on both adapters, random
 * programs on a response) on each version of Node that is supported: `npm run test:nodes`, `-- 22 24` on some,
 * `-- 24 --- test/e2e/shutdown` other tests. The programs come from npm's packages of Node and stay in a folder of the
 * user's cache, outside of the checkout.
 */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { arch, env, execPath, exit, platform } from 'node:process';
import { fileURLToPath, URL } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const CACHE = join(env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'nestjs-redis-session', 'node');

/** The oldest that package.json allows, and the newest of each later major. */
const VERSIONS = ['20.19.0', '22', '24'];
/** The units, the contract, what Node's HTTP has to do with it. */
const SUITES = ['test/unit', 'test/contract', 'test/e2e/requests', 'test/differential/differential'];
/** Rules about the sources, and the tests' own helpers: they compile, and say the same on each Node. */
const ELSEWHERE = [
  ...[
    'architecture',
    'exports',
    'public-doc',
    'public-options',
    'manual',
    'manifest',
    'express-session-table',
  ],
  'support/',
].map((name) => `test/unit/${name}`);
/** Random programs on a response, of some thousands that the whole suite takes. */
const PROGRAMS = '300';

const asked = process.argv.slice(2);
const end = asked.includes('---') ? asked.indexOf('---') : asked.length;
const versions = end > 0 ? asked.slice(0, end) : VERSIONS;
const tests = asked.slice(end + 1);

const results = [];
for (const version of versions) results.push(await testOn(version));
for (const { node, passed, seconds } of results)
  console.log(`Node ${node}: ${passed ? 'passed' : 'FAILED'} (${seconds} s)`);
exit(results.every(({ passed }) => passed) ? 0 : 1);

async function testOn(version) {
  const program = await install(version);
  const node = spawnSync(program, ['--version'], { encoding: 'utf8' }).stdout.trim();
  console.log(`\nNode ${node}`);
  const start = performance.now();
  const jest = ['--experimental-vm-modules', '--no-warnings', 'node_modules/jest/bin/jest.js'];
  const selection = tests.length > 0 ? tests : [...SUITES, '--testPathIgnorePatterns', ...ELSEWHERE];
  const { status } = spawnSync(program, [...jest, ...selection], {
    cwd: ROOT,
    stdio: 'inherit',
    // What the tests start by its name is of the same version.
    env: { DIFFERENTIAL_PROGRAMS: PROGRAMS, ...env, PATH: `${dirname(program)}${delimiter}${env.PATH}` },
  });
  return { node, passed: status === 0, seconds: Math.round((performance.now() - start) / 1000) };
}

/** The path of a Node of that version; one that is there already is taken as it is. */
async function install(version) {
  const name = `node-${platform === 'darwin' && arch === 'arm64' ? 'bin-' : ''}${platform === 'win32' ? 'win' : platform}-${arch}`;
  const folder = join(CACHE, version);
  const program = join(folder, 'node_modules', name, 'bin', 'node');
  if (existsSync(program)) return program;
  await mkdir(folder, { recursive: true });
  // Without it npm installs into the nearest folder above that has one.
  await writeFile(join(folder, 'package.json'), '{ "private": true }');
  const args = [
    'install',
    '--prefix',
    folder,
    `${name}@${version}`,
    '--no-audit',
    '--no-fund',
    '--loglevel=error',
  ];
  const { status, error } = spawnSync('npm', args, { stdio: 'inherit' });
  if (status === 0 && existsSync(program)) return program;
  console.error(
    `Node ${version} could not be fetched: npm ${args.join(' ')} ${error?.message ?? `ended with ${status}`}, and there is no ${program}. ` +
      'No test has run on that Node. Look at what npm says above, and whether the registry (npm config get registry) can be reached and ' +
      `has that package. \`npm run test:nodes -- VERSION …\` leaves others out; this Node is ${execPath}.`,
  );
  exit(1);
}
