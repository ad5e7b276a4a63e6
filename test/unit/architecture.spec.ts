import { describe, expect, it } from '@jest/globals';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, posix, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { preProcessFile } from 'typescript';

const LIB = fileURLToPath(new URL('../../lib', import.meta.url));
/** Less than design.md allows (500): what is longer holds two ideas, as a rule. */
const MOST_LINES = 400;
/** What is shorter belongs to the file whose reader has to open it. */
const LEAST_LINES = 20;

interface Import {
  readonly from: string;
  /** A path in lib, or a package's name. */
  readonly to: string;
}

/**
 * What each room may import of the others: a room, or some files of one. design.md, House. Types of the
 * options are the one thing that codecs, config and nest say to each other.
 */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  core: [],
  codecs: ['core/'],
  redis: ['core/', 'compat/'],
  stores: ['core/', 'redis/'],
  compat: [],
  http: ['core/', 'compat/'],
  config: ['core/'],
  nest: ['core/', 'codecs/', 'compat/', 'redis/', 'stores/', 'http/', 'config/'],
  health: ['core/store.ts', 'nest/tokens.ts', 'stores/backend.ts', 'nest/session.lifecycle.ts'],
  cli: ['core/', 'config/', 'redis/', 'stores/'],
  // The session of a request as the plugins of a framework know it: what /express and /fastify share.
  views: [
    ...['core/environment.ts', 'core/errors.ts', 'core/members.ts', 'core/session-handler.ts'],
    'config/settings.ts',
    ...['nest/nest-log.ts', 'nest/session.service.ts', 'nest/tokens.ts'],
  ],
  express: ['core/errors.ts', 'core/members.ts', 'http/request-slot.ts', 'views/', 'compat/http-classes.ts'],
  fastify: ['core/errors.ts', 'core/members.ts', 'http/request-slot.ts', 'views/'],
  testing: [
    'core/',
    'config/resolve.ts',
    'http/',
    'stores/memory-store.ts',
    ...['nest/request-session-options.ts', 'nest/tokens.ts'],
  ],
  otel: ['core/diagnostics.ts', 'core/errors.ts'],
  admin: [
    ...['core/errors.ts', 'core/members.ts', 'core/token.ts', 'http/request-session.ts'],
    ...['nest/csrf.guard.ts', 'nest/raw-http.ts', 'nest/session-info.ts', 'nest/session.decorator.ts'],
    'nest/session.service.ts',
  ],
  'index.ts': ['core/', 'codecs/', 'config/', 'nest/'],
};

/** What each room may import from outside. */
const MAY_USE: Readonly<Record<string, RegExp>> = {
  core: /^node:(async_hooks|crypto|diagnostics_channel|util)$/,
  codecs: /^node:util$/,
  redis: /^(ioredis|cockatiel|generic-pool|cluster-key-slot|node:[\w/]+)$/,
  stores: /^(lru-cache|cluster-key-slot|node:[\w/]+)$/,
  compat: /^(@nestjs\/(common|core)|ioredis|node:(events|http|http2|net|stream))$/,
  http: /^(cookie|lru-cache|node:(http|https|http2|net|crypto|events|stream))$/,
  config: /^(class-validator|class-transformer|ioredis|node:fs|node:util)$/,
  nest: /^(@nestjs\/(common|core|config|websockets)|rxjs|node:[\w/]+)$/,
  health: /^@nestjs\/(common|terminus)$/,
  cli: /^node:[\w/]+$/,
  views: /^(@nestjs\/(common|core)|cookie)$/,
  express: /^node:http$/,
  fastify: /^node:http$/,
  testing: /^@nestjs\/(common|core)$/,
  otel: /^(@opentelemetry\/(api|instrumentation)|node:diagnostics_channel)$/,
  admin: /^(@nestjs\/(common|core)|node:crypto)$/,
  'index.ts': /^$/,
};

const files = readdirSync(LIB, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts'))
  .map((name) => name.split(/[\\/]/).join('/'));

const imports = files.flatMap((from) => importsOf(from));

function importsOf(from: string): Import[] {
  const source = readFileSync(join(LIB, from), 'utf8');
  return preProcessFile(source, true, true).importedFiles.map(({ fileName }) => ({
    from,
    to: fileName.startsWith('.')
      ? posix.join(posix.dirname(from), fileName).replace(/\.js$/, '.ts')
      : fileName,
  }));
}

function roomOf(path: string): string {
  return path.split('/')[0] ?? path;
}

const isFile = ({ to }: Import): boolean => files.includes(to);
const told = ({ from, to }: Import): string => `${from} → ${to}`;

describe('lib', () => {
  it('has the rooms of the design and no other', () => {
    expect([...new Set(files.map(roomOf))].sort()).toEqual(Object.keys(MAY_IMPORT).sort());
    expect(imports.length).toBeGreaterThan(100);
  });

  it('imports one way', () => {
    const wrong = imports.filter((one) => {
      const [from, to] = [roomOf(one.from), roomOf(one.to)];
      if (!isFile(one) || from === to) return false;
      return !MAY_IMPORT[from]?.some((allowed) => one.to.startsWith(allowed));
    });
    expect(wrong.map(told)).toEqual([]);
  });

  it('imports files that exist, with their extension', () => {
    const lost = imports.filter(({ to }) => to.endsWith('.ts') && !files.includes(to));
    expect(lost.map(told)).toEqual([]);
    const bare = imports.filter(({ to }) => roomOf(to) in MAY_IMPORT && !to.endsWith('.ts'));
    expect(bare.map(told)).toEqual([]);
  });

  it('uses in each room only the packages that belong there', () => {
    const wrong = imports.filter((one) => !isFile(one) && !MAY_USE[roomOf(one.from)]?.test(one.to));
    expect(wrong.map(told)).toEqual([]);
  });

  it('knows no HTTP framework', () => {
    const frameworks = /^(express|fastify|@fastify\/.*|@nestjs\/platform-.*)$/;
    expect(imports.filter(({ to }) => frameworks.test(to)).map(told)).toEqual([]);
  });

  it('does not import its own doors', () => {
    const doors =
      /^(index\.ts|(health|express|fastify|testing|otel|admin)\/index\.ts|nestjs-redis-session(\/.*)?)$/;
    expect(imports.filter(({ to }) => doors.test(to)).map(told)).toEqual([]);
  });

  it('has no cycles', () => {
    expect(cycles()).toEqual([]);
  });

  it(`has no file of more than ${MOST_LINES} lines`, () => {
    const long = files
      .map((name) => [name, readFileSync(join(LIB, name), 'utf8').split('\n').length - 1] as const)
      .filter(([, lines]) => lines > MOST_LINES);
    expect(long).toEqual([]);
  });

  it(`has no file of less than ${LEAST_LINES} lines, but for doors and what no other file's reader has to open`, () => {
    const short = files.filter(
      (name) =>
        !/(^|\/)index\.ts$/.test(name) &&
        readFileSync(join(LIB, name), 'utf8').split('\n').length - 1 < LEAST_LINES,
    );
    // Guards, which applications name.
    expect(short.filter((name) => !/^nest\/[\w-]+\.guard\.ts$/.test(name))).toEqual([]);
  });

  it('switches no rule of the linter off, but for the interface that applications augment', () => {
    const off = files.flatMap((name) => {
      const text = readFileSync(join(LIB, name), 'utf8');
      return [...text.matchAll(/(eslint-disable|@ts-(ignore|expect-error|nocheck)|\bTODO\b).*/g)].map(
        ([found]) => `${name}: ${found}`,
      );
    });
    expect(off).toEqual([
      expect.stringMatching(/^core\/members\.ts: eslint-disable.*no-empty-object-type/) as unknown,
    ]);
  });
});

/** Each cycle once, as a path of files. Imports of types count: they tie files together as well. */
function cycles(): string[] {
  const found: string[] = [];
  const done = new Set<string>();
  const visit = (file: string, path: readonly string[]): void => {
    const start = path.indexOf(file);
    if (start >= 0) {
      found.push([...path.slice(start), file].join(' → '));
      return;
    }
    if (done.has(file)) return;
    for (const { from, to } of imports) if (from === file && files.includes(to)) visit(to, [...path, file]);
    done.add(file);
  };
  for (const file of files) visit(file, []);
  return found;
}

// The directory that is looked at is the one that is built.
it('is the source of the build', () => {
  const root = dirname(LIB);
  const { compilerOptions } = JSON.parse(readFileSync(join(root, 'tsconfig.build.json'), 'utf8')) as {
    compilerOptions: { rootDir: string };
  };
  expect(relative(root, LIB)).toBe(posix.normalize(compilerOptions.rootDir));
});
