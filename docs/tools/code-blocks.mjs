import { join } from 'node:path';

/**
 * The blocks of TypeScript in a page, each with the line that it begins at. Those of lists are indented: without that.
 *
 * @param {string} markdown
 */
export function codeBlocks(markdown) {
  return [...markdown.matchAll(/^( *)```ts\n([\s\S]*?)^\1```/gm)].map(
    ({ index, 1: indent = '', 2: code = '' }) => ({
      line: markdown.slice(0, index).split('\n').length + 1,
      code: code.replaceAll(new RegExp(`^${indent}`, 'gm'), ''),
    }),
  );
}

/** The packages that a block imports, with their scope and without what follows. */
export function packagesOf(code) {
  const names = [...code.matchAll(/(?:from|import) '((?:@[^/']+\/)?[^./'][^/']*)/g)].map(([, name]) => name);
  return [...new Set(names)];
}

/**
 * What the compiler says of blocks, each on its own, with the settings of the project: as files that lie in `folder`, from
 * where packages are found.
 *
 * @param {typeof import('typescript')} ts Of whoever asks.
 * @param {string} root Of the project.
 * @param {string} folder
 * @param {readonly { name: string, code: string }[]} blocks
 * @returns {string[]}
 */
export function compileBlocks(ts, root, folder, blocks) {
  const config = ts.readConfigFile(join(root, 'tsconfig.json'), (path) => ts.sys.readFile(path));
  const { options } = ts.parseJsonConfigFileContent(
    config.config,
    { ...ts.sys, readDirectory: () => [] },
    root,
  );
  const files = new Map(
    blocks.map(({ name, code }) => [join(folder, `${name.replaceAll(/\W+/g, '-')}.ts`), { name, code }]),
  );
  const host = ts.createCompilerHost(options);
  const fromDisk = { ...host };
  host.fileExists = (path) => files.has(path) || fromDisk.fileExists(path);
  host.readFile = (path) => files.get(path)?.code ?? fromDisk.readFile(path);
  host.getSourceFile = (path, version) => {
    const block = files.get(path);
    return block === undefined
      ? fromDisk.getSourceFile(path, version)
      : ts.createSourceFile(path, block.code, version, true);
  };
  const program = ts.createProgram([...files.keys()], { ...options, declaration: false }, host);
  return [...files].flatMap(([path, { name }]) => {
    const source = program.getSourceFile(path);
    const found = [...program.getSyntacticDiagnostics(source), ...program.getSemanticDiagnostics(source)];
    return found.map(({ messageText }) => `${name}: ${ts.flattenDiagnosticMessageText(messageText, '\n')}`);
  });
}
