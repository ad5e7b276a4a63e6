/**
 * Type-checks lib, the tests and the sample, and runs tests, with another major version of Nest than this checkout has:
 * `node test/on-nest.mjs 11 [arguments of jest]`, without arguments what speaks to the framework (`e2e/` is all of it). They run in a
 * copy of the checkout, `.nest-11/`, with the newest releases of that major; all else is as the lock file says.
 */
import { spawnSync } from 'node:child_process';
import { cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath, URL } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

/** What `npm i` takes beside each major of @nestjs/common. */
const RANGES = {
  11: {
    '@nestjs/apollo': '^13.0.0',
    '@nestjs/common': '^11.0.0',
    '@nestjs/config': '^4.0.0',
    '@nestjs/core': '^11.0.0',
    '@nestjs/graphql': '^13.0.0',
    '@nestjs/mercurius': '^13.0.0',
    '@nestjs/platform-express': '^11.0.0',
    '@nestjs/platform-fastify': '^11.0.0',
    '@nestjs/platform-socket.io': '^11.0.0',
    '@nestjs/platform-ws': '^11.0.0',
    '@nestjs/terminus': '^11.0.0',
    '@nestjs/testing': '^11.0.0',
    '@nestjs/websockets': '^11.0.0',
  },
};

/** @nestjs/apollo 13 asks for Apollo 5 and brings a page that asks for 4, with which strict npm does not install it. */
const OVERRIDES = {
  11: {
    '@nestjs/apollo': {
      '@apollo/server-plugin-landing-page-graphql-playground': { '@apollo/server': '^5.5.1' },
    },
  },
};

const SUITES = ['unit/nest/', 'unit/compat/', 'e2e/'];
/** Slow, and about what no framework has a part in: races and costs in Redis, the command line, the tarball, a bare machine. */
const ELSEWHERE = [
  ...['concurrency', 'concurrency-commands', 'concurrency-login', 'concurrency-logout', 'confirmed-logout'],
  ...['migrate-cli', 'package', 'sample-start'],
].map((name) => `e2e/${name}\\.spec`);

const [major = '', ...jestArguments] = process.argv.slice(2);
const ranges = RANGES[major];
if (!ranges) throw new Error(`Say which major: node test/on-nest.mjs ${Object.keys(RANGES).join(' | ')}`);

const copy = join(ROOT, `.nest-${major}`);
await copyCheckout();
const versions = await install();
console.log(`Nest ${major}: ${versions.join(', ')}`);
run(process.execPath, ['node_modules/typescript/bin/tsc', '--noEmit', '-p', 'tsconfig.json']);
const selection =
  jestArguments.length > 0 ? jestArguments : [...SUITES, '--testPathIgnorePatterns', ...ELSEWHERE];
run('npm', ['test', '-s', '--', ...selection]);

async function copyCheckout() {
  await mkdir(copy, { recursive: true });
  const parts = ['lib', 'test', 'sample', 'docs', 'README.md', 'CHANGELOG.md', 'SECURITY.md', 'LICENSE'];
  const settings = ['tsconfig.json', 'tsconfig.build.json', 'nest-cli.json', 'jest.config.js'];
  for (const name of [...parts, ...settings, 'eslint.config.js', '.gitignore']) {
    await rm(join(copy, name), { recursive: true, force: true });
    await cp(join(ROOT, name), join(copy, name), {
      recursive: true,
      filter: (path) => !path.endsWith('node_modules'),
    });
  }
}

/** Installs where the manifest or the lock file has changed since; gives the versions that npm chose. */
async function install() {
  const manifest = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8'));
  Object.assign(manifest.devDependencies, ranges);
  Object.assign(manifest.overrides, OVERRIDES[major], { fastify: fastifyOf(ranges) });
  await writeFile(join(copy, 'package.json'), JSON.stringify(manifest, undefined, 2));
  await cp(join(ROOT, 'package-lock.json'), join(copy, 'package-lock.json'));
  run('npm', [
    'install',
    '--strict-peer-deps',
    '--prefer-offline',
    '--no-audit',
    '--no-fund',
    '--loglevel=error',
  ]);
  return Promise.all(
    Object.keys(ranges).map(async (name) => {
      const { version } = JSON.parse(
        await readFile(join(copy, 'node_modules', name, 'package.json'), 'utf8'),
      );
      const wanted = ranges[name].slice(1).split('.')[0];
      if (!version.startsWith(`${wanted}.`))
        throw new Error(`npm took ${name}@${version}, not ${ranges[name]}.`);
      return `${name}@${version}`;
    }),
  );
}

/**
 * The version of Fastify that @nestjs/platform-fastify asks for, as an application has it: one for all. Where the lock file has
 * another beside it, plugins would be typed for that one.
 */
function fastifyOf(ranges) {
  const name = `@nestjs/platform-fastify@${ranges['@nestjs/platform-fastify']}`;
  const { stdout } = spawnSync('npm', ['view', '--json', name, 'dependencies.fastify'], { encoding: 'utf8' });
  const [latest] = [JSON.parse(stdout)].flat().slice(-1);
  return latest;
}

function run(command, args) {
  const { status } = spawnSync(command, args, { cwd: copy, stdio: 'inherit' });
  if (status === 0) return;
  console.error(`On Nest ${major} this failed: ${[command, ...args].join(' ')}`);
  process.exit(1);
}
