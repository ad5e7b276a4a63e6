import { describe, expect, it } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const LIB = `${ROOT}lib/`;
const { exports } = JSON.parse(readFileSync(`${ROOT}package.json`, 'utf8')) as {
  exports: Record<string, { types?: string } | string>;
};
/** The sources of what package.json exports. */
const DOORS = Object.values(exports).flatMap((door) =>
  typeof door === 'object' && door.types !== undefined
    ? [door.types.replace('./dist/', LIB).replace('.d.ts', '.ts')]
    : [],
);

const program = ts.createProgram(DOORS, {
  module: ts.ModuleKind.NodeNext,
  moduleResolution: ts.ModuleResolutionKind.NodeNext,
  target: ts.ScriptTarget.ES2022,
  strict: true,
  experimentalDecorators: true,
  types: ['node'],
});
const checker = program.getTypeChecker();

const isOurs = ({ declarations = [] }: ts.Symbol): boolean =>
  declarations.some((each) => each.getSourceFile().fileName.startsWith(LIB));

/** What an application sees of a public name: itself, and the members of its type and, of a class, of its constructor. */
function seenOf(exported: ts.Symbol): { name: string; symbol: ts.Symbol }[] {
  const symbol = exported.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(exported) : exported;
  const isType = symbol.flags & (ts.SymbolFlags.Class | ts.SymbolFlags.Interface | ts.SymbolFlags.TypeAlias);
  const members = isType ? checker.getDeclaredTypeOfSymbol(symbol) : undefined;
  const statics = symbol.flags & ts.SymbolFlags.Class ? checker.getTypeOfSymbol(symbol) : undefined;
  return [
    { name: exported.name, symbol },
    ...[members, statics]
      // The parts of a union are told of where it is, or have names of their own.
      .flatMap((type) => (type === undefined || type.isUnion() ? [] : checker.getPropertiesOfType(type)))
      .filter((member) => isOurs(member) && isOpen(member))
      .map((member) => ({ name: `${exported.name}.${member.name}`, symbol: member })),
  ];
}

/** Neither private, nor a brand, nor what says by its only value which of several things this is. */
function isOpen(member: ts.Symbol): boolean {
  const { name, declarations = [] } = member;
  if (name === 'prototype' || name.startsWith('__')) return false;
  return declarations.some(
    (each) =>
      (ts.getCombinedModifierFlags(each) & (ts.ModifierFlags.Private | ts.ModifierFlags.Protected)) === 0 &&
      !(ts.isClassElement(each) && each.name !== undefined && ts.isPrivateIdentifier(each.name)) &&
      !isLiteral(checker.getTypeOfSymbolAtLocation(member, each)),
  );
}

function isLiteral(type: ts.Type): boolean {
  return type.isUnion() ? type.types.every(isLiteral) : type.isStringLiteral();
}

describe('what an application may use has a doc comment', () => {
  it.each(DOORS.map((door) => [door.slice(LIB.length), door]))('of %s, with each member', (name, door) => {
    const source = program.getSourceFile(door);
    const module = source && checker.getSymbolAtLocation(source);
    if (module === undefined) throw new Error(`${door} is no module.`);
    const seen = checker.getExportsOfModule(module).flatMap(seenOf);
    expect(seen.length).toBeGreaterThan(name === 'index.ts' ? 250 : 0);
    const untold = seen.filter(({ symbol }) => symbol.getDocumentationComment(checker).length === 0);
    expect(untold.map(({ name }) => name)).toEqual([]);
  });
});
