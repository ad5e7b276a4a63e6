import { build } from 'esbuild';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { doors, manifest, ROOT } from './package-info.mjs';

/**
 * Bytes at most. A limit is some 10 % above what it was when it was set: what grows beyond is meant, and the limit raised in
 * the same commit.
 */
const LIMITS = {
  'packed tarball': 437_000,
  'unpacked package': 1_465_000,
  'main door, bundled and minified': 407_000,
  'main door, bundled, minified and gzipped': 134_000,
};

/** What is downloaded, what is on disk, and what a bundle of an application gains: our code and what it brings, without peers. */
export async function checkSize() {
  const sizes = { ...(await packed()), ...(await bundled()) };
  return Object.entries(sizes).flatMap(([what, bytes]) => {
    const limit = LIMITS[what];
    console.log(`  ${what}: ${bytes} of ${limit} bytes`);
    return bytes <= limit
      ? []
      : [`The ${what} has ${bytes} bytes, the limit in release/size.mjs is ${limit}.`];
  });
}

async function packed() {
  const args = ['pack', '--dry-run', '--json', '--ignore-scripts'];
  const { stdout } = await promisify(execFile)('npm', args, { cwd: ROOT, maxBuffer: 2 ** 26 });
  // npm 10 answers with a list, npm 11 with an object by name.
  const [{ size, unpackedSize }] = Object.values(JSON.parse(stdout));
  return { 'packed tarball': size, 'unpacked package': unpackedSize };
}

async function bundled() {
  const { outputFiles } = await build({
    entryPoints: [join(ROOT, doors.find(({ name }) => name === 'main').code)],
    bundle: true,
    minify: true,
    keepNames: true,
    format: 'esm',
    platform: 'node',
    external: Object.keys(manifest.peerDependencies).flatMap((name) => [name, `${name}/*`]),
    write: false,
    logLevel: 'error',
  });
  const [{ contents }] = outputFiles;
  return {
    'main door, bundled and minified': contents.length,
    'main door, bundled, minified and gzipped': (await promisify(gzip)(contents)).length,
  };
}
