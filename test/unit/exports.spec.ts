import { expect, it } from '@jest/globals';
import { readdirSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
/** Where applications come in: what these export is theirs to use. */
const DOOR = /^lib\/(index|[a-z]+\/index|cli\/migrate)\.ts$/;

/** What a file exports and what it takes from others, as `file#name`; `file#*` is all of a file. */
interface Trade {
  readonly exports: readonly string[];
  readonly takes: readonly string[];
  /** How often each name stands in its code. */
  readonly names: ReadonlyMap<string, number>;
}

const trades = new Map(
  ['lib', 'test'].flatMap((folder) =>
    readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts'))
      .map((name) => `${folder}/${name.replaceAll('\\', '/')}`)
      .map((file) => [file, tradeOf(file, readFileSync(join(ROOT, file), 'utf8'))] as const),
  ),
);

function tradeOf(file: string, text: string): Trade {
  const exports: string[] = [];
  const takes: string[] = [];
  const names = new Map<string, number>();
  const visit = (node: ts.Node): void => {
    if (ts.isIdentifier(node)) names.set(node.text, (names.get(node.text) ?? 0) + 1);
    else if (ts.isImportDeclaration(node)) take(node.moduleSpecifier, node.importClause?.namedBindings);
    else if (ts.isExportDeclaration(node)) {
      if (node.moduleSpecifier) take(node.moduleSpecifier, node.exportClause);
      if (node.exportClause && ts.isNamedExports(node.exportClause))
        for (const { name } of node.exportClause.elements) exports.push(`${file}#${name.text}`);
    } else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
      const [specifier] = node.arguments;
      if (specifier) take(specifier, undefined);
    } else if (ts.canHaveModifiers(node) && ts.getModifiers(node)?.some(isExport)) {
      for (const name of namesOf(node)) exports.push(`${file}#${name}`);
    }
    ts.forEachChild(node, visit);
  };
  const take = (
    specifier: ts.Expression,
    bindings: ts.NamedImportBindings | ts.NamedExportBindings | undefined,
  ): void => {
    if (!ts.isStringLiteral(specifier) || !specifier.text.startsWith('.')) return;
    const from = posix.join(posix.dirname(file), specifier.text).replace(/\.js$/, '.ts');
    if (bindings === undefined || !('elements' in bindings)) takes.push(`${from}#*`);
    else
      for (const { propertyName, name } of bindings.elements)
        takes.push(`${from}#${(propertyName ?? name).text}`);
  };
  visit(ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true));
  return { exports, takes, names };
}

function isExport({ kind }: ts.ModifierLike): boolean {
  return kind === ts.SyntaxKind.ExportKeyword;
}

function namesOf(node: ts.Node): string[] {
  const declared = ts.isVariableStatement(node)
    ? node.declarationList.declarations
    : [node as ts.DeclarationStatement];
  return declared.flatMap(({ name }) => {
    if (name === undefined) return ['default'];
    return ts.isObjectBindingPattern(name)
      ? name.elements.map((each) => each.name.getText())
      : [name.getText()];
  });
}

const LIB = [...trades].filter(([file]) => file.startsWith('lib/'));
const takenBy = (folder: string): Set<string> =>
  new Set([...trades].filter(([file]) => file.startsWith(folder)).flatMap(([, { takes }]) => takes));
const exported = LIB.filter(([file]) => !DOOR.test(file)).flatMap(([file, { exports, names }]) =>
  exports.map((name) => ({ name, file, isUsedThere: (names.get(name.slice(file.length + 1)) ?? 0) > 1 })),
);

it('lib has no export that nobody imports', () => {
  const taken = takenBy('');
  const unused = exported.filter(({ name, file }) => !taken.has(name) && !taken.has(`${file}#*`));
  expect(exported.length).toBeGreaterThan(400);
  expect(unused.map(({ name }) => name)).toEqual([]);
});

it('lib has nothing that only tests use', () => {
  const taken = takenBy('lib/');
  const unused = exported.filter(
    ({ name, file, isUsedThere }) => !isUsedThere && !taken.has(name) && !taken.has(`${file}#*`),
  );
  expect(unused.map(({ name }) => name)).toEqual([]);
});
