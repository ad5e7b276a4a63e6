import { readFileSync } from 'node:fs';
import { fileURLToPath, URL } from 'node:url';
import { REPOSITORY } from './.vitepress/repository.mjs';

const path = (relative) => fileURLToPath(new URL(relative, import.meta.url));
const { exports } = JSON.parse(readFileSync(path('../package.json'), 'utf8'));

/** Entry points have the names by which they are imported. */
function importNames(app) {
  app.converter.on('createDeclaration', (_, reflection) => {
    if (reflection.kindOf(2)) reflection.name = reflection.name.replace(/^lib\b/, 'nestjs-redis-session');
  });
}

/** The reference of whatever the package exports. */
export default {
  plugin: ['typedoc-plugin-markdown', importNames],
  tsconfig: path('../tsconfig.build.json'),
  entryPoints: Object.values(exports)
    .filter((entry) => typeof entry === 'object')
    .map(({ default: file }) => path(file.replace('./dist/', '../lib/').replace(/\.js$/, '.ts'))),
  basePath: path('../lib'),
  out: path('api'),
  cleanOutputDir: true,
  name: 'API reference',
  readme: 'none',
  entryFileName: 'index',
  hidePageHeader: true,
  disableGit: true,
  sourceLinkTemplate: `${REPOSITORY}/blob/main/{path}#L{line}`,
  displayBasePath: path('..'),
  excludeInternal: true,
  excludeExternals: true,
  excludePrivate: true,
  excludeProtected: true,
  skipErrorChecking: true,
  // What is not exported is told where it is used.
  validation: { notExported: false, invalidLink: false },
  useCodeBlocks: true,
  parametersFormat: 'table',
  enumMembersFormat: 'table',
};
