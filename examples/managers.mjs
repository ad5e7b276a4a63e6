import { execFileSync } from 'node:child_process';
import process from 'node:process';

/** The registry has each Node as a package for each platform. */
const NODE_22 = `node-${process.platform}-${process.arch}@22`;

function pnpm(version, nodes = []) {
  return {
    packages: [`pnpm@${version}`, ...nodes],
    command: 'pnpm',
    add: (tarball) => ['add', '--prefer-offline', tarball],
    test: ['test'],
    env: {},
  };
}

function npm() {
  return {
    packages: [],
    command: 'npm',
    // Peers are checked: npm refuses to install where one does not fit.
    add: (tarball) => [
      ...['install', '--strict-peer-deps', '--prefer-offline', '--no-audit', '--no-fund'],
      tarball,
    ],
    test: ['test'],
    env: {},
  };
}

/** With Plug'n'Play, its default: a package finds what it declares, and nothing else. */
function yarn(nodes = []) {
  return {
    packages: ['@yarnpkg/cli-dist@4', ...nodes],
    command: 'yarn',
    add: (tarball) => ['add', `nestjs-redis-session@file:${tarball}`],
    test: ['test'],
    env: {
      YARN_ENABLE_IMMUTABLE_INSTALLS: 'false', // which CI=true would switch on
      YARN_ENABLE_TELEMETRY: 'false',
      YARN_NPM_REGISTRY_SERVER: execFileSync('npm', ['config', 'get', 'registry'], { encoding: 'utf8' })
        .trim()
        .replace(/\/$/, ''),
    },
  };
}

/**
 * How a package manager is had from the registry, adds a tarball and runs the tests. All share the caches of this machine, and
 * take from them what they know already of which versions there are: on a machine that starts with none, the newest.
 */
export function managerNamed(name) {
  switch (name) {
    case 'npm':
      return npm();
    case 'pnpm@11':
      return pnpm(11, hasNode(22, 13) ? [] : [NODE_22]); // does not run before
    case 'pnpm@12':
      return pnpm(12);
    case 'yarn@4':
      return yarn();
    case 'yarn@4/node@22':
      return yarn(hasNode(22, 15) ? [] : [NODE_22]);
    default:
      throw new Error(
        `'${name}' is no package manager that examples are installed with: npm, pnpm@11, pnpm@12, yarn@4, yarn@4/node@22.`,
      );
  }
}

function hasNode(major, minor) {
  const [ownMajor, ownMinor] = process.versions.node.split('.').map(Number);
  return ownMajor > major || (ownMajor === major && ownMinor >= minor);
}
