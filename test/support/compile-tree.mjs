import { transform } from '@swc/core';
import { mkdir, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath, URL } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

const SWC = {
  swcrc: false,
  jsc: {
    target: 'es2022',
    parser: { syntax: 'typescript', decorators: true },
    transform: { legacyDecorator: true, decoratorMetadata: true },
  },
  module: { type: 'es6' },
};

/**
 * Compiles lib and further files or folders (paths from the root) into an empty directory, from where Node runs
 * them: relative imports work as they are, 'nestjs-redis-session' is the compiled lib, packages are those of this
 * checkout. Files that are JavaScript already are copied. `edit` may change a source on its way: for a node of
 * another version.
 */
export async function compileTree(target, paths, edit = (_file, source) => source) {
  const lists = await Promise.all(['lib', ...paths].map(filesOf));
  await Promise.all([...new Set(lists.flat())].map((file) => compileFile(file, target, edit)));
  const exports = { '.': './lib/index.js', './health': './lib/health/index.js' };
  const manifest = { name: 'nestjs-redis-session', type: 'module', exports };
  await writeFile(join(target, 'package.json'), JSON.stringify(manifest));
  await symlink(join(ROOT, 'node_modules'), join(target, 'node_modules'));
}

async function filesOf(path) {
  if (!(await stat(join(ROOT, path))).isDirectory()) return [path];
  const names = await readdir(join(ROOT, path), { recursive: true });
  return names.filter((name) => /(?<!\.spec|\.d)\.(ts|mjs|js)$/.test(name)).map((name) => join(path, name));
}

async function compileFile(file, target, edit) {
  const source = edit(file, await readFile(join(ROOT, file), 'utf8'));
  const isTypeScript = file.endsWith('.ts');
  const output = join(target, isTypeScript ? file.replace(/\.ts$/, '.js') : file);
  const code = isTypeScript ? (await transform(source, { ...SWC, filename: file })).code : source;
  await mkdir(dirname(output), { recursive: true });
  await writeFile(output, code);
}
