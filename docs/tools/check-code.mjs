/**
 * Compiles the blocks of the manual that import packages which only this folder has; `npm test -- test/unit/manual` compiles
 * all others.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath, URL } from 'node:url';
import ts from 'typescript';
import { codeBlocks, compileBlocks, packagesOf } from './code-blocks.mjs';

const DOCS = fileURLToPath(new URL('..', import.meta.url));
const { devDependencies } = JSON.parse(readFileSync(join(DOCS, 'package.json'), 'utf8'));

const blocks = readdirSync(DOCS)
  .filter((name) => name.endsWith('.md'))
  .flatMap((name) =>
    codeBlocks(readFileSync(join(DOCS, name), 'utf8')).map(({ line, code }) => ({
      name: `${name}:${line}`,
      code,
    })),
  )
  .filter(({ code }) => packagesOf(code).some((name) => name in devDependencies));

const faults = compileBlocks(ts, join(DOCS, '..'), DOCS, blocks);
for (const fault of faults) console.error(fault);
console.log(
  `${blocks.length - faults.length} of ${blocks.length} blocks with packages of their own compile.`,
);
process.exitCode = faults.length === 0 && blocks.length > 0 ? 0 : 1;
