import { beforeAll, describe, expect, it } from '@jest/globals';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { join } from 'node:path';
import ts from 'typescript';
import { SCOPE } from '../../lib/otel/instrumentation.js';
import { buildInto, ROOT } from '../e2e/fixtures/build.js';
import { tempDir } from '../support/cleanup.js';

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly repository: { readonly url: string };
  readonly homepage: string;
  readonly bugs: string;
  readonly type: string;
  readonly license: string;
  readonly engines: Record<string, string>;
  readonly exports: Record<string, string | { readonly types: string; readonly default: string }>;
  readonly typesVersions: { readonly '*': Readonly<Record<string, readonly string[]>> };
  readonly files: readonly string[];
  readonly dependencies: Record<string, string>;
  readonly peerDependencies: Record<string, string>;
  readonly peerDependenciesMeta: Record<string, { readonly optional?: boolean }>;
  readonly devDependencies: Record<string, string>;
}

const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as Manifest;

/** Packages that lib imports, and from which rooms. */
function usedPackages(): Map<string, Set<string>> {
  const used = new Map<string, Set<string>>();
  const lib = join(ROOT, 'lib');
  for (const name of readdirSync(lib, { recursive: true, encoding: 'utf8' })) {
    if (!name.endsWith('.ts')) continue;
    const { importedFiles } = ts.preProcessFile(readFileSync(join(lib, name), 'utf8'), true, true);
    for (const { fileName } of importedFiles) {
      if (fileName.startsWith('.') || isBuiltin(fileName)) continue;
      const packageName = fileName
        .split('/')
        .slice(0, fileName.startsWith('@') ? 2 : 1)
        .join('/');
      used.set(packageName, (used.get(packageName) ?? new Set()).add(name.split('/')[0] ?? name));
    }
  }
  return used;
}

describe('package.json', () => {
  it('declares each package that lib imports, and no other', () => {
    const declared = { ...manifest.dependencies, ...manifest.peerDependencies };
    const used = [...usedPackages().keys()].sort();
    expect(used.filter((name) => !(name in declared))).toEqual([]);
    // Nest needs them beside itself: decorators' metadata, and what validates the settings.
    const silent = new Set(['reflect-metadata', 'class-transformer']);
    expect(Object.keys(declared).filter((name) => !used.includes(name) && !silent.has(name))).toEqual([]);
  });

  it('asks the application for what the application brings', () => {
    expect(Object.keys(manifest.peerDependencies).sort()).toEqual([
      '@nestjs/common',
      '@nestjs/config',
      '@nestjs/core',
      '@nestjs/terminus',
      '@nestjs/websockets',
      '@opentelemetry/api',
      '@opentelemetry/instrumentation',
      'class-transformer',
      'class-validator',
      'ioredis',
      'reflect-metadata',
      'rxjs',
    ]);
    const optional = Object.entries(manifest.peerDependenciesMeta).flatMap(([name, meta]) =>
      meta.optional ? [name] : [],
    );
    expect(optional).toEqual([
      '@nestjs/terminus',
      '@nestjs/websockets',
      '@opentelemetry/api',
      '@opentelemetry/instrumentation',
    ]);
    const doubled = Object.keys(manifest.dependencies).filter((name) => name in manifest.peerDependencies);
    expect(doubled).toEqual([]);
    for (const name of Object.keys(manifest.peerDependencies)) {
      expect(Object.keys(manifest.devDependencies)).toContain(name);
    }
  });

  it.each([
    ['health', '@nestjs/terminus'],
    ['otel', '@opentelemetry/api'],
    ['otel', '@opentelemetry/instrumentation'],
  ])('lets only /%s need the optional peer %s', (entry, peer) => {
    expect([...(usedPackages().get(peer) ?? [])]).toEqual([entry]);
  });

  it('loads the optional peer of gateways only where a gateway refuses, and no package of GraphQL', () => {
    const denial = readFileSync(join(ROOT, 'lib/nest/context/denial.ts'), 'utf8');
    expect(denial.match(/@nestjs\/websockets/g)).toHaveLength(1);
    expect(denial).toContain("await import('@nestjs/websockets')");
    expect([...(usedPackages().get('@nestjs/websockets') ?? [])]).toEqual(['nest']);
    expect([...usedPackages().keys()].filter((name) => /graphql|apollo|mercurius/.test(name))).toEqual([]);
  });

  it('is an ES module for the Node versions of the design', () => {
    expect(manifest.type).toBe('module');
    expect(manifest.engines['node']).toBe('^20.19.0 || ^22.12.0 || >=24.0.0');
    expect(manifest.license).toBe('MIT');
  });

  it('names one repository, from which the provenance of a release is told', () => {
    const repository = /^git\+(.*)\.git$/.exec(manifest.repository.url)?.[1] ?? '';
    expect(manifest.homepage.startsWith(repository)).toBe(true);
    expect(manifest.bugs).toBe(`${repository}/issues`);
  });

  it('has the version that telemetry tells', () => {
    expect(SCOPE).toEqual({ name: manifest.name, version: manifest.version });
  });
});

/** Exported functions, classes, constants and interfaces whose meaning nobody tells. */
function undocumented(entry: string): string[] {
  const program = ts.createProgram([entry], {
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
    skipLibCheck: true,
    experimentalDecorators: true,
  });
  const checker = program.getTypeChecker();
  const source = program.getSourceFile(entry);
  const symbol = source && checker.getSymbolAtLocation(source);
  if (!symbol) throw new Error(`${entry} is not a module.`);
  return checker.getExportsOfModule(symbol).flatMap((exported) => {
    const target = exported.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(exported) : exported;
    return target.getDocumentationComment(checker).length === 0 ? [exported.name] : [];
  });
}

describe('the build', () => {
  let dist = '';

  beforeAll(async () => {
    dist = await tempDir();
    await buildInto(dist);
  });

  const entries = Object.entries(manifest.exports).flatMap(([name, target]) =>
    typeof target === 'string' ? [] : [[name, target] as const],
  );

  it('has the entries of the design', () => {
    expect(entries.map(([name]) => name)).toEqual([
      '.',
      './health',
      './express',
      './fastify',
      './testing',
      './otel',
      './admin',
    ]);
    expect(manifest.files).toContain('dist');
  });

  it.each(entries)('makes what the entry %s names, and it can be imported', (_name, target) => {
    for (const path of [target.types, target.default]) {
      expect(existsSync(join(dist, path.replace(/^\.\/dist\//, '')))).toBe(true);
    }
    expect(target.types.replace(/\.d\.ts$/, '')).toBe(target.default.replace(/\.js$/, ''));
  });

  it('tells a TypeScript that does not read exports (moduleResolution node10) where the types of each entry are', () => {
    const named = entries.flatMap(([name, { types }]) =>
      name === '.' ? [] : [[name.replace('./', ''), [types]]],
    );
    expect(manifest.typesVersions['*']).toEqual(Object.fromEntries(named));
  });

  it.each(entries)('tells what each export of %s means', (_name, target) => {
    expect(undocumented(join(dist, target.types.replace(/^\.\/dist\//, '')))).toEqual([]);
  });

  it('keeps the doc comments of options and members', () => {
    const options = readFileSync(join(dist, 'config/settings.d.ts'), 'utf8');
    expect(options).toContain('Seconds without a request after which a session ends. Default: 1800.');
    const members = readFileSync(join(dist, 'core/members.d.ts'), 'utf8');
    expect(members).toMatch(/@throws SessionGoneError/);
  });
});
