import * as common from '@nestjs/common';
import * as library from 'nestjs-redis-session';
import { compileFunction } from 'node:vm';
import { ModuleKind, ScriptTarget, transpileModule } from 'typescript';
import { codeBlocks } from '../../docs/tools/code-blocks.mjs';
import { textOf } from './manual.js';

const MODULES: Readonly<Record<string, unknown>> = {
  '@nestjs/common': common,
  'nestjs-redis-session': library,
};

/**
 * Runs a block of the manual as it is printed, and answers what it exports.
 *
 * @param marker What only that block of the page has.
 * @param globals What the block finds under a global name: a timer of the test's, what it only declares.
 */
export function printed(
  page: string,
  marker: string,
  globals: Readonly<Record<string, unknown>> = {},
): object {
  const blocks = codeBlocks(textOf(page)).filter(({ code }) => code.includes(marker));
  const [{ code } = { code: '' }] = blocks;
  if (blocks.length !== 1) throw new Error(`${page} has ${blocks.length} blocks with '${marker}', not one.`);
  const { outputText } = transpileModule(code, {
    compilerOptions: {
      module: ModuleKind.CommonJS,
      target: ScriptTarget.ES2022,
      experimentalDecorators: true,
      emitDecoratorMetadata: true,
    },
  });
  const exports = {};
  const run = compileFunction(outputText, ['exports', 'require', ...Object.keys(globals)]) as (
    ...args: unknown[]
  ) => void;
  run(exports, (name: string) => MODULES[name], ...Object.values(globals));
  return exports;
}
