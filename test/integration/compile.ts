import { mkdir, readdir, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { transformFile } from '@swc/core';
import { tempDir } from '../support/cleanup.js';

/**
 * Compiles lib and one script that uses it into a temp directory, for processes of their own.
 * Returns the path of the script.
 */
export async function compileScript(script: string): Promise<string> {
  const dir = await tempDir('redis-session-script-');
  const root = process.cwd();
  const lib = (await readdir(join(root, 'lib'), { recursive: true }))
    .filter((file) => file.endsWith('.ts'))
    .map((file) => join('lib', file));
  await Promise.all(
    [...lib, script].map(async (file) => {
      const { code } = await transformFile(join(root, file), {
        swcrc: false,
        jsc: {
          target: 'es2022',
          parser: { syntax: 'typescript', decorators: true },
          transform: { legacyDecorator: true, decoratorMetadata: true },
        },
        module: { type: 'es6' },
      });
      const target = join(dir, file.replace(/\.ts$/, '.js'));
      await mkdir(dirname(target), { recursive: true });
      await writeFile(target, code);
    }),
  );
  await writeFile(join(dir, 'package.json'), JSON.stringify({ type: 'module' }));
  await symlink(join(root, 'node_modules'), join(dir, 'node_modules'));
  return join(dir, script.replace(/\.ts$/, '.js'));
}
