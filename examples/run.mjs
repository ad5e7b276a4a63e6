/**
 * `npm run examples [-- NAME…] [--manager=NAME] [--keep]`: packs the library, installs the tarball into a copy of each
 * example as its users would (no lock file, the newest versions in range) and runs its tests on a Redis of its own.
 */
import { spawn } from 'node:child_process';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { performance } from 'node:perf_hooks';
import process from 'node:process';
import { fileURLToPath, URL } from 'node:url';
import { parseArgs } from 'node:util';
import { managerNamed } from './managers.mjs';
import { startRedis } from './redis.mjs';

const LIBRARY = 'nestjs-redis-session';
const HERE = fileURLToPath(new URL('.', import.meta.url));
const ROOT = join(HERE, '..');

const { values: options, positionals: names } = parseArgs({
  allowPositionals: true,
  options: { manager: { type: 'string' }, keep: { type: 'boolean', default: false } },
});

const children = new Set();
let isStopped = false;
for (const signal of ['SIGINT', 'SIGTERM'])
  process.once(signal, () => {
    isStopped = true;
    for (const child of children) child.kill();
  });

const work = await mkdtemp(join(tmpdir(), 'examples-'));
const redis = await startRedis(join(work, 'redis'));
let managers = new Map();
try {
  const tarball = await pack();
  const runs = await runsOf(names.length > 0 ? names : await allExamples());
  if (runs.length === 0) throw new Error(`No example is installed with ${options.manager}.`);
  managers = prepare([...new Set(runs.map(({ manager }) => manager))]);
  const results = await inTurns(runs, (run) => installAndTest(run, managers.get(run.manager), tarball));
  const passed = results.filter(Boolean).length;
  const failed = runs.length - passed;
  console.log(`${passed} passed, ${failed} failed`);
  process.exitCode = failed === 0 ? 0 : 1;
} finally {
  await Promise.allSettled(managers.values());
  await redis.stop();
  if (options.keep) console.log(`Kept: ${work}`);
  else await rm(work, { recursive: true, force: true });
}

async function allExamples() {
  const entries = await readdir(HERE, { withFileTypes: true });
  return entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
}

async function manifestOf(example) {
  try {
    return JSON.parse(await readFile(join(HERE, example, 'package.json'), 'utf8'));
  } catch (error) {
    throw new Error(`There is no example '${example}'. There are: ${(await allExamples()).join(', ')}`, {
      cause: error,
    });
  }
}

async function runsOf(examples) {
  const lists = await Promise.all(
    examples.map(async (example) => {
      const manifest = await manifestOf(example);
      const managers = manifest.examples?.managers ?? ['npm'];
      return managers.map((manager) => ({ example, manifest, manager }));
    }),
  );
  return lists.flat().filter(({ manager }) => options.manager === undefined || manager === options.manager);
}

/** The tarball as it would be published: `prepack` builds it. */
async function pack() {
  const target = join(work, 'packed');
  await mkdir(target);
  await demand('npm', ['pack', '--silent', '--pack-destination', target], { cwd: ROOT, env: process.env });
  const [name] = await readdir(target);
  return join(target, name);
}

/** Package managers by name, each once it is there: one after the other, while examples of those before are under way. */
function prepare(managerNames) {
  let before = Promise.resolve();
  return new Map(
    managerNames.map((name) => {
      const prepared = before.then(() => {
        if (isStopped) throw new Error('The run was stopped.');
        return installManager(name);
      });
      before = prepared.catch(() => undefined);
      return [name, prepared];
    }),
  );
}

async function installManager(name) {
  const manager = managerNamed(name);
  const tools = join(work, 'tools', fileNameOf(name));
  await mkdir(tools, { recursive: true });
  if (manager.packages.length > 0) {
    const args = ['install', '--prefix', tools, '--no-audit', '--no-fund', '--prefer-offline'];
    await demand('npm', [...args, ...manager.packages], { cwd: tools, env: environment() });
  }
  return { ...manager, path: join(tools, 'node_modules', '.bin') };
}

async function installAndTest({ example, manifest, manager: name }, prepared, tarball) {
  const manager = await prepared.catch((error) =>
    console.log(`FAILED: ${example} with ${name}: ${error.message}`),
  );
  if (manager === undefined) return false;
  const folder = join(work, `${example}-${fileNameOf(name)}`);
  await cp(join(HERE, example), folder, {
    recursive: true,
    filter: (source) => !/[\\/](node_modules|dist)$/.test(source),
  });
  const { [LIBRARY]: _published, ...dependencies } = manifest.dependencies;
  await writeFile(join(folder, 'package.json'), JSON.stringify({ ...manifest, dependencies }, undefined, 2));

  const env = {
    ...environment(),
    ...manager.env,
    REDIS_SESSION_ENABLED: 'true',
    REDIS_SESSION_URL: redis.url,
    REDIS_SESSION_CLUSTER_ID: `${example}-${fileNameOf(name)}`,
  };
  env.PATH = [manager.path, env.PATH].join(delimiter);
  const started = performance.now();
  const install = await run(manager.command, manager.add(tarball), { cwd: folder, env });
  const installed = performance.now();
  const test =
    install.code === 0 ? await run(manager.command, manager.test, { cwd: folder, env }) : undefined;
  const passed = test?.code === 0;
  const [installing, testing] = [installed - started, performance.now() - installed].map(seconds);
  console.log(
    `${passed ? 'ok' : 'FAILED'}: ${example} with ${name} (installed in ${installing} s, tested in ${testing} s)`,
  );
  if (!passed) {
    console.log((test ?? install).output);
    if (!test) {
      console.log(
        `${name} did not install it. It takes the newest versions in range, so the registry must be reachable.`,
      );
    }
  }
  return passed;
}

function fileNameOf(manager) {
  return manager.replaceAll(/[@/]/g, '-');
}

function seconds(milliseconds) {
  return (milliseconds / 1000).toFixed(1);
}

/** Without what `npm run` sets for the package that it runs. */
function environment() {
  const kept = Object.entries(process.env).filter(([name]) => !/^(npm_|NODE_OPTIONS$|INIT_CWD$)/i.test(name));
  return Object.fromEntries(kept);
}

/** As many at a time as there are processors; the answers in the order of the items. */
async function inTurns(items, act) {
  const answers = [];
  let next = 0;
  const worker = async () => {
    while (next < items.length && !isStopped) {
      const at = next++;
      answers[at] = await act(items[at]);
    }
  };
  await Promise.all(Array.from({ length: Math.min(items.length, availableParallelism()) }, worker));
  return answers;
}

async function demand(command, args, settings) {
  const { code, output } = await run(command, args, settings);
  if (code !== 0) throw new Error(`Failed: ${[command, ...args].join(' ')}\n${output}`);
}

function run(command, args, settings) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { ...settings, stdio: ['ignore', 'pipe', 'pipe'] });
    children.add(child);
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text) => (output += text));
    }
    child.once('error', reject);
    child.once('close', (code) => {
      children.delete(child);
      resolve({ code, output });
    });
  });
}
