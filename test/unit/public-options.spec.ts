import { describe, expect, it } from '@jest/globals';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const LIB = `${ROOT}lib/`;

const program = ts.createProgram([`${LIB}index.ts`], {
  module: ts.ModuleKind.NodeNext,
  moduleResolution: ts.ModuleResolutionKind.NodeNext,
  target: ts.ScriptTarget.ES2022,
  strict: true,
  experimentalDecorators: true,
  types: ['node'],
});
const checker = program.getTypeChecker();

function exportsOf(file: string): ts.Symbol[] {
  const source = program.getSourceFile(`${LIB}${file}`);
  const symbol = source && checker.getSymbolAtLocation(source);
  if (!symbol) throw new Error(`${file} is no module.`);
  return checker.getExportsOfModule(symbol);
}

const PUBLIC = exportsOf('index.ts');

describe('the options', () => {
  it('of settings are exported, each type of them', () => {
    const names = PUBLIC.map(({ name }) => name);
    const types = [
      ...exportsOf('config/options.ts').map(({ name }) => name),
      'RedisNode',
      'RedisStartup',
      'TimeoutPreset',
    ];
    expect(types.filter((name) => !names.includes(name))).toEqual([]);
    expect(types).toContain('ClusterOptions');
  });
});
