import { CATALOG, type CatalogEntry, type SettingPath } from './catalog.js';
import { declarationsOf, poolSettingNames, type SectionType } from './declare.js';
import type { SettingKind } from './kinds.js';
import type { SessionModuleOptions } from './options.js';
import { parseRedisUrl } from './redis-url.js';
import { SessionSettings } from './settings.js';

/** Asks for a setting by name, like `ConfigService.get`; undefined where there is none. */
export type ReadSetting = (name: string) => unknown;

/** A setting as somebody gave it. */
export interface Entry {
  /** The name the operator wrote, or the option's path in code. */
  readonly label: string;
  readonly source: 'config' | 'code';
  readonly kind: SettingKind;
  readonly raw: unknown;
  readonly value: unknown;
}

/** Something wrong with a setting. `text` holds no secret. */
export interface Issue {
  /** The name that it was given by; of one that was not given, its own. */
  readonly label: string;
  readonly text: string;
  /** The entry whose value the report shows as far as it may be shown. */
  readonly entry?: Entry | undefined;
}

/** What was given, by whomever. */
export interface Given {
  /** In the order of declaration. */
  readonly entries: ReadonlyMap<SettingPath, Entry>;
  /** The values of the entries, and what a URL says in their place. Not checked yet. */
  readonly values: ReadonlyMap<SettingPath, unknown>;
  /** Whether code gave `redis` options, of any kind. */
  readonly redisInCode: boolean;
  /** Options that were given by an old name, with their new one. */
  readonly renamed: ReadonlyMap<string, string>;
}

/** Settings of commons-pool2 that no pool in Node can honour: setting one is refused, with the reason. */
export const REFUSED_POOL_SETTINGS: ReadonlyMap<string, string> = new Map([
  ['fairness', 'Node has one thread, and callers are always served in the order they came'],
  ['jmxEnabled', 'there is no JMX in Node; use the health indicator'],
  ['jmxNameBase', 'there is no JMX in Node; use the health indicator'],
  ['jmxNamePrefix', 'there is no JMX in Node; use the health indicator'],
  ['evictionPolicyClassName', 'it names a Java class; use the idle time settings'],
]);

/** The ways to say where Redis is, each with its settings. */
export const ADDRESSES = [
  ['redis.url'],
  ['redis.host', 'redis.port'],
  ['redis.sentinel.master', 'redis.sentinel.nodes'],
  ['redis.cluster.nodes'],
] as const satisfies readonly (readonly SettingPath[])[];

/** Gathers what ConfigService and code say; ConfigService wins. */
export function gather(code: SessionModuleOptions, read: ReadSetting | undefined, issues: Issue[]): Given {
  const renamed = new Map<string, string>();
  const inCode = entriesOfCode(code, renamed, issues);
  const entries = new Map<SettingPath, Entry>();
  for (const setting of CATALOG) {
    const entry = (read && entryOfConfig(setting, read, issues)) ?? inCode.get(setting.path);
    if (entry) entries.set(setting.path, entry);
  }
  if (read) refusePoolSettings(read, issues);
  dropOtherAddresses(entries);
  return { entries, values: valuesOf(entries), redisInCode: code.redis !== undefined, renamed };
}

function isSet(value: unknown): boolean {
  return value !== undefined && value !== null && value !== '';
}

function entryOfConfig(setting: CatalogEntry, read: ReadSetting, issues: Issue[]): Entry | undefined {
  const { name, oldNames = [], kind } = setting;
  if (name === undefined) return undefined;
  const given = [name, ...oldNames]
    .map((label) => ({ label, raw: read(label) }))
    .filter(({ raw }) => isSet(raw));
  const [first] = given;
  if (first === undefined) return undefined;
  const { label, raw } = first;
  const entry: Entry = { label, source: 'config', kind, raw, value: kind.read(raw) };
  // Between two old names neither is known to be the newer one.
  const other = label !== name && given.find((each) => String(each.raw) !== String(raw));
  if (other) {
    const text = `contradicts ${other.label}: set ${name} alone, or the same value in both`;
    issues.push({ label, text, entry });
  }
  return entry;
}

function refusePoolSettings(read: ReadSetting, issues: Issue[]): void {
  for (const [property, reason] of REFUSED_POOL_SETTINGS) {
    const { name, oldName } = poolSettingNames(property);
    for (const label of [name, oldName]) {
      if (isSet(read(label))) issues.push({ label, text: `has no meaning here: ${reason}; remove it` });
    }
  }
}

/** An address in ConfigService replaces one in code, of whatever form: a default must not contradict it. */
function dropOtherAddresses(entries: Map<SettingPath, Entry>): void {
  const fromConfigService = (path: SettingPath): boolean => entries.get(path)?.source === 'config';
  if (!ADDRESSES.flat().some(fromConfigService)) return;
  for (const form of ADDRESSES) {
    if (!form.some(fromConfigService)) for (const path of form) entries.delete(path);
  }
}

/** ConfigService wins over code, also over parts of a URL in code. From one source both say the same, or it is refused. */
function valuesOf(entries: ReadonlyMap<SettingPath, Entry>): ReadonlyMap<SettingPath, unknown> {
  const values = new Map<SettingPath, unknown>([...entries].map(([path, { value }]) => [path, value]));
  const source = entries.get('redis.url')?.source;
  const url = parseRedisUrl(values.get('redis.url'));
  if (url === undefined) return values;
  const said: readonly (readonly [SettingPath, unknown])[] = [
    ['redis.host', url.host],
    ['redis.port', url.port],
    ['redis.username', url.username],
    ['redis.password', url.password],
    ['redis.database', url.database],
    ['redis.tlsEnabled', url.tls || undefined],
  ];
  for (const [path, value] of said) {
    const isOverruled = source === 'code' && entries.get(path)?.source === 'config';
    if (value !== undefined && !isOverruled) values.set(path, value);
  }
  return values;
}

/** What code gives, by its place in the settings; options that there are not are issues. */
function entriesOfCode(
  code: SessionModuleOptions,
  renamed: Map<string, string>,
  issues: Issue[],
): ReadonlyMap<string, Entry> {
  const entries = new Map<string, Entry>();
  const give = (path: string, label: string, kind: SettingKind, raw: unknown): void => {
    // `password: process.env.X ?? ''` means that there is none.
    const isNone = raw === '' && kind.secret && (kind.type === 'secret' || kind.type === 'pem');
    if (!isNone) entries.set(path, { label, source: 'code', kind, raw, value: kind.read(raw) });
  };
  const walk = (type: SectionType, above: string, section: object): void => {
    const declared = declarationsOf(type);
    const known = declared.filter(({ switches }) => switches === undefined);
    for (const [key, raw] of Object.entries(section) as [string, unknown][]) {
      const label = above + key;
      const option = known.find(({ property, oldOptions }) => property === key || oldOptions?.includes(key));
      if (option === undefined) {
        const place = above === '' ? 'the session options' : above.slice(0, -1);
        issues.push({ label, text: `is not an option; known in ${place}: ${namesOf(known)}` });
        continue;
      }
      if (raw === undefined || raw === null) continue;
      const path = above + option.property;
      const switched = declared.find(({ switches }) => switches === key);
      if (switched)
        give(above + switched.property, label, switched.kind, typeof raw === 'object' ? true : raw);
      if (option.section && typeof raw === 'object') walk(option.section, `${path}.`, raw);
      else if (option.section) {
        const text = `must be an object with ${namesOf(declarationsOf(option.section))}`;
        if (!switched) issues.push({ label, text });
      } else if (key === option.property) give(path, label, option.kind, raw);
      else {
        renamed.set(label, path);
        if (!entries.has(path)) give(path, label, option.kind, raw);
      }
    }
  };
  walk(SessionSettings, '', code);
  return entries;
}

function namesOf(declared: readonly { property: string }[]): string {
  return declared.map(({ property }) => property).join(', ');
}
