import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { CATALOG, type CatalogEntry } from '../../lib/config/catalog.js';

/** The files whose classes declare settings. */
const SOURCES = ['settings.ts', 'redis-settings.ts'];

/** What a doc comment says of a member. */
interface MemberDoc {
  /** What the setting does, for the manual: the first paragraph, without its default. Empty where there is no comment. */
  readonly does: string;
  /** What follows `Default: `, if anything. */
  readonly byDefault: string | undefined;
}

const MEMBER_DOCS: ReadonlyMap<string, MemberDoc> = new Map(SOURCES.flatMap(docsIn));

function docsIn(name: string): [string, MemberDoc][] {
  const path = fileURLToPath(new URL(`../../lib/config/${name}`, import.meta.url));
  const source = ts.createSourceFile(path, readFileSync(path, 'utf8'), ts.ScriptTarget.Latest, true);
  return source.statements.flatMap((statement) => {
    if (!ts.isClassDeclaration(statement)) return [];
    const owner = String(statement.name?.text);
    return [...statement.members]
      .filter((each) => ts.isPropertyDeclaration(each))
      .map((each) => {
        return [`${owner}.${each.name.getText(source)}`, parsed(each)] as [string, MemberDoc];
      });
  });
}

function parsed(node: ts.Node): MemberDoc {
  const [doc] = ts.getJSDocCommentsAndTags(node).filter(ts.isJSDoc);
  const [first = ''] = (ts.getTextOfJSDocComment(doc?.comment) ?? '').split(/\n\s*\n/);
  const text = first.replace(/\s+/g, ' ').trim();
  const [, does = text, byDefault] = /^(.*?)\s*Default: (.*?)\.?(?: Only in code\.)?$/.exec(text) ?? [];
  const [, page, title] = /@see docs\/(\S+), (.+)/.exec(doc?.getText() ?? '') ?? [];
  const link = page === undefined ? '' : ` See [${title}](${page}).`;
  return { does: does + link, byDefault };
}

export function docOf({ owner, property }: CatalogEntry): MemberDoc {
  const doc = MEMBER_DOCS.get(`${owner.name}.${property}`);
  if (doc === undefined)
    throw new Error(`${owner.name}.${property} is declared in none of ${SOURCES.join(', ')}.`);
  return doc;
}

/** The initial value that a setting is declared with, as the banner shows it; undefined where it is computed, or none. */
export function declaredDefault({ owner, property, kind }: CatalogEntry): string | undefined {
  const value = Reflect.get(new owner(), property) as string | readonly string[] | undefined;
  if (value === undefined || (Array.isArray(value) && value.length === 0)) return undefined;
  return kind.show ? kind.show(value) : String(value);
}

/** The manual's table of settings, made of their declarations. */
export function settingsTable(): string {
  const rows = CATALOG.filter(({ name }) => name !== undefined).map((setting) => {
    const { does, byDefault = 'none' } = docOf(setting);
    const declared = declaredDefault(setting);
    const none = byDefault.startsWith('none');
    const cells = [
      code(short(setting.name)),
      declared !== undefined || /^\d+$/.test(byDefault)
        ? code(declared ?? byDefault)
        : none
          ? ''
          : linked(byDefault, setting),
      // What a setting without a value means is told with the rest.
      linked(`${does}${none && byDefault !== 'none' ? ` None${byDefault.slice(4)}.` : ''}`, setting).replace(
        /\.$/,
        '',
      ),
      (setting.oldNames ?? []).map(code).join(', '),
    ];
    return `|${cells.map((cell) => ` ${cell} `.replace(/^ {2}$/, ' ')).join('|')}|`;
  });
  return ['| setting | default | | old names |', '|---|---|---|---|', ...rows].join('\n');
}

/** In the manual, a link to another setting is its name. */
function linked(text: string, { owner }: CatalogEntry): string {
  return text.replace(/\{@link (\w+)\}/g, (_, property: string) => {
    const other = CATALOG.find((each) => each.owner === owner && each.property === property);
    if (other?.name === undefined) throw new Error(`${owner.name} has no setting ${property} to link to.`);
    return short(other.name);
  });
}

const short = (name = ''): string => name.replace('REDIS_SESSION_', '');
const code = (text: string): string => `\`${text}\``;
