import { transformFile } from '@swc/core';
import { mkdir, readdir, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { tempDir } from '../../support/cleanup.js';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));

/**
 * Compiles lib and one application (a path from the root, without extension) for processes of their own, away from
 * dist, which others build. Returns the path of the application's script.
 */
export async function compileApp(app: string): Promise<string> {
  const target = await tempDir();
  const files = (await readdir(join(ROOT, 'lib'), { recursive: true }))
    .filter((name) => name.endsWith('.ts'))
    .map((name) => join('lib', name));
  await Promise.all([...files, `${app}.ts`].map((file) => compile(file, target)));
  await writeFile(join(target, 'package.json'), '{ "type": "module" }');
  await symlink(join(ROOT, 'node_modules'), join(target, 'node_modules'));
  return join(target, `${app}.js`);
}

async function compile(file: string, target: string): Promise<void> {
  const { code } = await transformFile(join(ROOT, file), {
    swcrc: false,
    jsc: {
      target: 'es2022',
      parser: { syntax: 'typescript', decorators: true },
      transform: { legacyDecorator: true, decoratorMetadata: true },
    },
    module: { type: 'es6' },
  });
  const output = join(target, file.replace(/\.ts$/, '.js'));
  await mkdir(dirname(output), { recursive: true });
  await writeFile(output, code);
}
