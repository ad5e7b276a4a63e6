import { join } from 'node:path';
import { tempDir } from './cleanup.js';
import { compileTree, type EditSource } from './compile-tree.mjs';

export type { EditSource } from './compile-tree.mjs';

/**
 * Compiles lib and one script of its own (a path from the root, ending in `.ts`), with `node-main.ts`, for other processes, away from dist,
 * which others build. Returns the path of the compiled script, which is removed when the test file ends.
 */
export async function compileApp(app: string, edit?: EditSource): Promise<string> {
  const target = await tempDir('redis-session-app-');
  await compileTree(target, [app, 'test/support/node-main.ts'], edit);
  return join(target, app.replace(/\.ts$/, '.js'));
}
