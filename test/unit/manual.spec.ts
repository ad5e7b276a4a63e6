import { describe, expect, it } from '@jest/globals';
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import ts from 'typescript';
import { codeBlocks, compileBlocks, packagesOf } from '../../docs/tools/code-blocks.mjs';
import { CATALOG } from '../../lib/config/catalog.js';
import { poolSettingNames } from '../../lib/config/declare.js';
import { REFUSED_POOL_SETTINGS } from '../../lib/config/given.js';
import { resolveSettings } from '../../lib/config/resolve.js';
import { bannerLines } from '../../lib/config/banner.js';
import { RESERVED_MEMBERS } from '../../lib/core/members.js';
import { SESSION_POLICIES } from '../../lib/core/environment.js';
import { DOCUMENTED_RULES } from '../security/acl-line.js';
import { intoPage } from '../chaos/report.js';
import { codesIn, PAGES, ROOT, sectionOf, tableOf, textOf } from '../support/manual.js';
import { REASONS, reasonsTable } from '../support/reasons-table.js';
import { declaredDefault, docOf, settingsTable } from '../support/settings-table.js';

/** Every text that a user or a contributor reads. */
const DOCUMENTS = [...PAGES, 'CHANGELOG.md', 'CONTRIBUTING.md', 'SECURITY.md'];
const MANIFEST = JSON.parse(textOf('package.json')) as {
  scripts: Record<string, string>;
  files: string[];
  repository?: { url: string };
};

/** A table that is made of declarations; `npm run docs:tables` writes it. */
function expectGenerated(page: string, begin: RegExp, table: string): void {
  const text = textOf(page);
  const written = new RegExp(`${begin.source}[\\s\\S]*?(?=\\n\\n|\\n$)`, 'm');
  if (process.env['WRITE_TABLES'] === '1')
    writeFileSync(
      join(ROOT, page),
      text.replace(written, () => table),
    );
  else expect(written.exec(text)?.[0].split('\n')).toEqual(table.split('\n'));
}

describe('the table of settings', () => {
  const rows = tableOf('docs/settings.md', 'All settings');

  it('is what the declarations say; `npm run docs:tables` writes it', () => {
    expectGenerated('docs/settings.md', /^\| setting \| default /, settingsTable());
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
    const shown = rows.flatMap(([name, value]) => {
      const [plain = ''] = codesIn(name);
      // What depends on other settings is told in words.
      if (/^(ENABLED|COOKIE_NAME|COOKIE_SECURE)$/.test(plain) || !inForce.has(plain)) return [];
      return [[plain, codesIn(value).join() || '- Not Set -'] as const];
    });
    expect(shown.length).toBeGreaterThan(30);
    expect(shown).toEqual(shown.map(([name]) => [name, inForce.get(name)]));
  });

  it('names the settings that are refused', () => {
    for (const property of REFUSED_POOL_SETTINGS.keys()) {
      const name = poolSettingNames(property).name.replace('REDIS_SESSION_CONNECTION_POOL', '');
      expect(sectionOf('docs/settings.md', 'All settings')).toContain(`${name}\``);
    }
  });
});

describe('the tables', () => {
  it('list every member of a session', () => {
    const listed = tableOf('docs/sessions.md', 'Members').flatMap(([members]) =>
      codesIn(members).map((code) => code.replace(/\(.*/, '')),
    );
    expect(listed.sort()).toEqual([...RESERVED_MEMBERS].sort());
  });

  it('list every event', () => {
    const [declared = ''] = /export interface EndedEvent[\s\S]*?export interface SessionEvents/.exec(
      textOf('lib/core/events.ts'),
    ) ?? [''];
    const types = [...declared.matchAll(/readonly type: ((?:'\w+'(?: \| )?)+)/g)].flatMap(([, names = '']) =>
      [...names.matchAll(/\w+/g)].map(([name]) => name),
    );
    const listed = tableOf('docs/users-sessions.md', 'Events of all nodes').flatMap(([event]) =>
      codesIn(event),
    );
    expect(listed.sort()).toEqual([...new Set(types)].sort());
  });

  it('list every guard, each of which has tests of what it lets in', () => {
    const exported = [...textOf('lib/index.ts').matchAll(/\b(\w+Guard), (Require\w+)|\b(\w+Guard)\b/g)];
    // A guard that a decorator brings along is known by that.
    const guards = exported.map(([, , decorator, guard]) => decorator ?? String(guard));
    const listed = tableOf('docs/guards.md', 'Guards and CSRF').flatMap(([guard]) =>
      codesIn(guard).map((code) => code.replace(/^@|\(.*/g, '')),
    );
    expect(guards.sort()).toEqual(listed.sort());
    const tests = ['test/security', 'test/e2e'].flatMap((folder) =>
      readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
        .filter((name) => name.endsWith('.ts'))
        .map((name) => textOf(join(folder, name))),
    );
    expect(guards.filter((guard) => !tests.some((text) => text.includes(guard)))).toEqual([]);
  });

  it('list every policy', () => {
    expect(tableOf('docs/saving.md', 'Policies').flatMap(([policy]) => codesIn(policy))).toEqual([
      ...SESSION_POLICIES,
    ]);
  });

  it('tell of every reason for which a store cannot serve what it means and what to do; `npm run docs:tables` writes it', () => {
    expectGenerated('docs/troubleshooting.md', /^\| reason \| it means /, reasonsTable());
    const told = tableOf('docs/troubleshooting.md', 'What each reason of a 503 means').flatMap(([names]) =>
      codesIn(names),
    );
    expect(told.sort()).toEqual([...REASONS].sort());
  });

  it('have a place for the fault matrix, which `npm run chaos -- --write` fills', () => {
    const page = intoPage(textOf('docs/reliability.md'), '| nothing |');
    expect(page).toContain('\n| nothing |\n');
    expect(page).not.toMatch(/^\| 1 \| Redis killed/m);
    expect(textOf('docs/reliability.md')).toMatch(/^\| 1 \| Redis killed/m);
  });

  it('give the Redis rights that suffice', () => {
    const line = /^user shop on >PASSWORD ~shop:session:\* resetchannels &shop:session:events (.*)$/m.exec(
      textOf('docs/redis.md'),
    );
    expect(line?.[1]).toBe(DOCUMENTED_RULES);
  });
});

describe('README', () => {
  it('is short: the manual is elsewhere', () => {
    const readme = textOf('README.md');
    expect(readme.split('\n').length - 1).toBeLessThanOrEqual(250);
    expect(Buffer.byteLength(readme)).toBeLessThanOrEqual(16 * 1024);
  });

  it('names one repository, that of package.json', () => {
    const named = linksOf('README.md').flatMap(
      (target) =>
        /^https:\/\/(?:github|raw\.githubusercontent)\.com\/([^/]+\/[^/]+)/.exec(target)?.slice(1) ?? [],
    );
    const [own] = /(?<=github\.com\/).*?(?=\.git$|$)/.exec(MANIFEST.repository?.url ?? '') ?? named;
    expect([...new Set(named)]).toEqual([own]);
  });

  it('uses each of its references', () => {
    const readme = textOf('README.md');
    const text = readme.replaceAll(/^\[[\w-]+\]: .*$/gm, '');
    const names = [...readme.matchAll(/^\[([\w-]+)\]: /gm)].map(([, name]) => name ?? '');
    expect(names.filter((name) => !text.includes(`][${name}]`))).toEqual([]);
    const used = [...text.matchAll(/\]\[([\w-]+)\]/g)].map(([, name]) => name);
    expect(used.filter((name) => name !== undefined && !names.includes(name))).toEqual([]);
  });

  it("has links that work on the registry's page: to what is in the tarball, or addresses", () => {
    const packed = ['README.md', 'LICENSE', 'package.json', ...MANIFEST.files];
    const others = linksOf('README.md').filter(
      (target) => !/^(#|https:\/\/)/.test(target) && !packed.includes(target.replace(/#.*/, '')),
    );
    expect(others).toEqual([]);
  });
});

describe('the documents', () => {
  it.each(DOCUMENTS)('%s: links lead somewhere', (page) => {
    expect(linksOf(page).filter((target) => isDead(page, target))).toEqual([]);
  });

  it('name only commands that there are', () => {
    const scripts = { ...MANIFEST.scripts, ...packageScripts('docs'), ...packageScripts('bench') };
    const named = DOCUMENTS.flatMap((name) =>
      [
        ...textOf(name).matchAll(
          /\bnpm (?:--prefix \w+ )?(?:run )?(?:-s )?(?!ci\b|install\b|run\b|pack\b|link\b|ls\b|dedupe\b|audit\b)([a-z][\w:]*)/g,
        ),
      ].map(([, script]) => script),
    );
    expect(named.length).toBeGreaterThan(2);
    expect(named.filter((script) => script !== undefined && !(script in scripts))).toEqual([]);
  });
});

function packageScripts(folder: string): Record<string, string> {
  return (JSON.parse(textOf(`${folder}/package.json`)) as { scripts: Record<string, string> }).scripts;
}

/** Where a page's links and pictures lead, but for those in code. */
function linksOf(page: string): string[] {
  const text = textOf(page)
    .replaceAll(/^( *)```[\s\S]*?^\1```/gm, '')
    .replaceAll(/`[^`\n]*`/g, 'x');
  return [...text.matchAll(/(?:\]\(|^\[[^\]]+\]: )([^)\s]+)/gm)].map(([, target = '']) => target);
}

/** Addresses of this repository are looked at here as well; what is made when the site is built is checked there. */
function isDead(page: string, target: string): boolean {
  const [path = '', anchor] = inRepository(page, target)?.split('#') ?? [];
  if (path === '' || path.startsWith('docs/api/')) return false;
  if (!existsSync(join(ROOT, path))) return true;
  return anchor !== undefined && path.endsWith('.md') && !headings(path).includes(anchor);
}

/** Files of this repository, as addresses: as pages, and as they are. */
const OF_REPOSITORY =
  /^https:\/\/(?:github\.com\/[^/]+\/nestjs-redis-session\/(?:blob|tree)|raw\.githubusercontent\.com\/[^/]+\/nestjs-redis-session)\/main\/(.*)$/;

/** The path of what a link leads to, from the root; undefined if that is elsewhere. */
function inRepository(page: string, target: string): string | undefined {
  const own = OF_REPOSITORY.exec(target);
  if (own) return own[1];
  if (target.startsWith('https://')) return undefined;
  return target.startsWith('#') ? page + target : join(dirname(page), target);
}

function headings(page: string): string[] {
  return [...textOf(page).matchAll(/^#+ (.*)$/gm)].map(([, title = '']) =>
    title
      .toLowerCase()
      .replace(/[^\w\s-]/g, '')
      .replace(/\s/g, '-'),
  );
}

describe("the manual's code", () => {
  const own = Object.keys(
    (JSON.parse(textOf('docs/package.json')) as { devDependencies: object }).devDependencies,
  ).filter((name) => name !== 'typescript');
  const blocks = [...PAGES, 'SECURITY.md'].flatMap((page) =>
    codeBlocks(textOf(page)).map(({ line, code }) => ({ name: `${page}:${line}`, code })),
  );

  it('compiles, each block on its own; `npm run docs` compiles those with packages that only the site has', () => {
    const here = blocks.filter(({ code }) => !packagesOf(code).some((name) => own.includes(name)));
    expect(here.length).toBeGreaterThan(25);
    expect(blocks.length - here.length).toBeLessThan(10);
    expect(compileBlocks(ts, ROOT, join(ROOT, 'test'), here)).toEqual([]);
  });

  it('is in fences of ts, since others are not compiled', () => {
    const others = PAGES.flatMap((page) =>
      [...textOf(page).matchAll(/^ *```(\S.*)$/gm)]
        .map(([, language]) => `${page}: ${language}`)
        .filter((each) => !/: (ts|sh|json|yaml|conf|nginx|html|graphql)$/.test(each)),
    );
    expect(others).toEqual([]);
  });

  it('is really checked', () => {
    const code = "import { Nothing } from 'nestjs-redis-session';\nexport const x: Nothing = 1;\n";
    expect(compileBlocks(ts, ROOT, join(ROOT, 'test'), [{ name: 'none', code }])).toEqual([
      expect.stringContaining("no exported member 'Nothing'") as unknown,
    ]);
  });
});
