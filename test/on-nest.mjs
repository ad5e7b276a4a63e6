/**
 * Type-checks lib, the tests and the sample, and runs tests, with another major version of Nest than this checkout has:
 * `node test/on-nest.mjs 11 [arguments of jest]`, without arguments the suites that touch the framework. They run in a
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

const SUITES = [
  ...[
    'unit/nest/',
    'unit/compat/',
    'e2e/admin',
    'e2e/contexts/',
    'e2e/deferred-response',
    'e2e/express-',
    'e2e/fastify-',
    'e2e/health',
    'e2e/inject',
    'e2e/middleware-stacks',
  ],
  ...[
    'e2e/module-forms',
    'e2e/module-life',
    'e2e/requests',
    'e2e/testing',
    'e2e/shutdown',
    'e2e/unavailable',
    'e2e/ways-out',
  ],
];

const [major = '', ...jestArguments] = process.argv.slice(2);
const ranges = RANGES[major];
if (!ranges) throw new Error(`Say which major: node test/on-nest.mjs ${Object.keys(RANGES).join(' | ')}`);

const copy = join(ROOT, `.nest-${major}`);
await copyCheckout();
const versions = await install();
console.log(`Nest ${major}: ${versions.join(', ')}`);
run(process.execPath, ['node_modules/typescript/bin/tsc', '--noEmit', '-p', 'tsconfig.json']);
run('npm', ['test', '-s', '--', ...(jestArguments.length > 0 ? jestArguments : SUITES)]);

async function copyCheckout() {
  await mkdir(copy, { recursive: true });
  const parts = ['lib', 'test', 'sample', 'docs', 'README.md', 'CHANGELOG.md', 'LICENSE', 'jest.config.js'];
  for (const name of [...parts, 'tsconfig.json', 'tsconfig.build.json', 'eslint.config.js', '.gitignore']) {
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
  Object.assign(manifest.overrides, OVERRIDES[major]);
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

function run(command, args) {
  const { status } = spawnSync(command, args, { cwd: copy, stdio: 'inherit' });
  if (status === 0) return;
  console.error(`On Nest ${major} this failed: ${[command, ...args].join(' ')}`);
  process.exit(1);
}
