import { describe, expect, it } from '@jest/globals';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { CATALOG } from '../../lib/config/catalog.js';
import { poolSettingNames } from '../../lib/config/declare.js';
import { REFUSED_POOL_SETTINGS } from '../../lib/config/given.js';
import { resolveSettings } from '../../lib/config/resolve.js';
import { bannerLines } from '../../lib/config/banner.js';
import { RESERVED_MEMBERS } from '../../lib/core/members.js';
import { SESSION_POLICIES } from '../../lib/core/environment.js';
import { LEAST_PRIVILEGES } from '../../lib/redis/privileges.js';
import { declaredDefault, docOf, settingsTable } from '../support/settings-table.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const DOCUMENTS = ['README.md', 'CHANGELOG.md', 'CONTRIBUTING.md'];
const readme = read('README.md');

function read(name: string): string {
  return readFileSync(join(ROOT, name), 'utf8');
}

/** The lines between a heading and the next one of its level or above. */
function section(title: string): string {
  const at = new RegExp(`^(#+) ${title}$`, 'm').exec(readme);
  if (!at) throw new Error(`README has no section '${title}'.`);
  const rest = readme.slice(at.index + at[0].length);
  const next = new RegExp(`^#{1,${at[1]?.length}} `, 'm').exec(rest);
  return next ? rest.slice(0, next.index) : rest;
}

/** The cells of a table's rows, its head left out. */
function table(title: string): string[][] {
  const rows = section(title)
    .split('\n')
    .filter((line) => line.startsWith('|'));
  return rows.slice(2).map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}

/** What a cell has in code style. */
function codes(cell = ''): string[] {
  return [...cell.matchAll(/`([^`]+)`/g)].map(([, code]) => code ?? '');
}

describe("README's table of settings", () => {
  const rows = table('Settings');

  it('is what the declarations say; `npm run docs:settings` writes it', () => {
    const written = /^\| setting \| old names [\s\S]*?(?=\n\n)/m;
    if (process.env['WRITE_SETTINGS_TABLE'] === '1') {
      writeFileSync(join(ROOT, 'README.md'), readme.replace(written, settingsTable));
      return;
    }
    expect(written.exec(readme)?.[0].split('\n')).toEqual(settingsTable().split('\n'));
  });

  it('is made of doc comments that tell the default that is declared', () => {
    const wrong = CATALOG.filter((setting) => {
      const declared = declaredDefault(setting);
      return declared !== undefined && setting.name !== undefined && docOf(setting).byDefault !== declared;
    });
    expect(wrong.map(({ path }) => path)).toEqual([]);
  });

  it('tells the defaults that are in force', () => {
    const settings = resolveSettings({}, (name) => (name === 'REDIS_SESSION_ENABLED' ? true : undefined));
    const many = resolveSettings(
      {},
      (name) => ({ REDIS_SESSION_ENABLED: true, REDIS_SESSION_MAX_CONNECTIONS: 100 })[name],
    );
    const inForce = new Map(
      [many, settings]
        .flatMap((each) => bannerLines(each, ''))
        .flatMap((line) => {
          const [, name, value] = /^\[✓\] REDIS_SESSION_(\w+): (.*)$/.exec(line) ?? [];
          return name === undefined || value === undefined ? [] : [[name, value] as const];
        }),
    );
    const shown = rows.flatMap(([name, , value]) => {
      const [plain = ''] = codes(name);
      // What depends on other settings is told in words.
      if (/^(ENABLED|COOKIE_NAME|COOKIE_SECURE)$/.test(plain) || !inForce.has(plain)) return [];
      return [[plain, codes(value).join() || '- Not Set -'] as const];
    });
    expect(shown.length).toBeGreaterThan(30);
    expect(shown).toEqual(shown.map(([name]) => [name, inForce.get(name)]));
  });

  it('names the settings that are refused', () => {
    for (const property of REFUSED_POOL_SETTINGS.keys()) {
      const name = poolSettingNames(property).name.replace('REDIS_SESSION_CONNECTION_POOL', '');
      expect(section('Settings')).toContain(`${name}\``);
    }
  });
});

describe("README's tables", () => {
  it('list every member of a session', () => {
    const listed = table('Members of a session').flatMap(([members]) =>
      codes(members).map((code) => code.replace(/\(.*/, '')),
    );
    expect(listed.sort()).toEqual([...RESERVED_MEMBERS].sort());
  });

  it('list every policy', () => {
    expect(table('Policies').flatMap(([policy]) => codes(policy))).toEqual([...SESSION_POLICIES]);
  });

  it('give the Redis rights that suffice', () => {
    const line = /^user shop on >PASSWORD ~shop:session:\* resetchannels &shop:session:events (.*)$/m.exec(
      readme,
    );
    expect(line?.[1]).toBe(LEAST_PRIVILEGES);
  });
});

describe('the documents', () => {
  it.each(DOCUMENTS)('%s: links lead somewhere', (name) => {
    const text = read(name).replace(/```[\s\S]*?```/g, '');
    const dead = [...text.matchAll(/\]\(([^)]+)\)/g)]
      .map(([, target]) => target ?? '')
      .filter((target) => !target.startsWith('https://'))
      .filter((target) =>
        target.startsWith('#')
          ? !headings(text).includes(target.slice(1))
          : !existsSync(join(ROOT, dirname(name), target)),
      );
    expect(dead).toEqual([]);
  });

  it('name only commands that there are', () => {
    const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
    const named = DOCUMENTS.flatMap((name) =>
      [...read(name).matchAll(/\bnpm (?:run )?(?!ci\b|install\b|run\b|pack\b)([a-z][\w:]*)/g)].map(
        ([, script]) => script,
      ),
    );
    expect(named.length).toBeGreaterThan(2);
    expect(named.filter((script) => script !== undefined && !(script in scripts))).toEqual([]);
  });
});

function headings(text: string): string[] {
  return [...text.matchAll(/^#+ (.*)$/gm)].map(([, title = '']) =>
    title
      .toLowerCase()
      .replace(/[^\w\s-]/g, '')
      .replace(/\s/g, '-'),
  );
}

describe("README's code", () => {
  const blocks = [...readme.matchAll(/^```ts\n([\s\S]*?)^```/gm)].map(([, code]) => code ?? '');

  it('compiles, each block on its own', () => {
    expect(blocks.length).toBeGreaterThan(7);
    expect(compile(blocks)).toEqual([]);
  });

  it('is really checked', () => {
    expect(
      compile(["import { Nothing } from 'nestjs-redis-session';\nexport const x: Nothing = 1;\n"]),
    ).toEqual([expect.stringContaining("no exported member 'Nothing'") as unknown]);
  });
});

/** What the compiler says of pieces of code, as files of this project. */
function compile(pieces: readonly string[]): string[] {
  const config = ts.readConfigFile(join(ROOT, 'tsconfig.json'), (path) => ts.sys.readFile(path));
  const { options } = ts.parseJsonConfigFileContent(
    config.config,
    { ...ts.sys, readDirectory: () => [] },
    ROOT,
  );
  const files = new Map(pieces.map((code, index) => [join(ROOT, 'test', `readme-${index + 1}.ts`), code]));
  const host = ts.createCompilerHost(options);
  const fromDisk = { ...host };
  host.fileExists = (name) => files.has(name) || fromDisk.fileExists(name);
  host.readFile = (name) => files.get(name) ?? fromDisk.readFile(name);
  host.getSourceFile = (name, version) => {
    const code = files.get(name);
    return code === undefined
      ? fromDisk.getSourceFile(name, version)
      : ts.createSourceFile(name, code, version, true);
  };
  const program = ts.createProgram([...files.keys()], options, host);
  return [...files.keys()].flatMap((name) => {
    const source = program.getSourceFile(name);
    const found = [...program.getSemanticDiagnostics(source), ...program.getSyntacticDiagnostics(source)];
    return found.map(({ messageText }) => `${name}: ${ts.flattenDiagnosticMessageText(messageText, '\n')}`);
  });
}
