import {
  CODE_ONLY_PATHS,
  poolSettingNames,
  REFUSED_POOL_SETTINGS,
  SETTING_NAMES,
  type SettingKind,
  type SettingName,
  type SettingPath,
} from './names.js';
import type { SessionModuleOptions } from './options.js';
import { parseSetting } from './parse.js';

/** Asks for a setting by name, like `ConfigService.get`; undefined where there is none. */
export type ReadSetting = (name: string) => unknown;

/** A setting as somebody gave it. */
export interface Entry {
  /** The name the operator wrote, or the option's path in code. */
  readonly label: string;
  readonly source: 'config' | 'code';
  readonly kind: SettingKind | 'code';
  readonly raw: unknown;
  readonly value: unknown;
}

/** Something wrong with a setting. `text` holds no secret. */
export interface Fault {
  readonly label: string;
  readonly text: string;
  /** The entry whose value the report shows as far as it may be shown. */
  readonly entry?: Entry | undefined;
}

export interface Draft {
  readonly entries: Map<SettingPath, Entry>;
  /** Whether code gave `redis` options, of any kind. */
  readonly redisInCode: boolean;
}

/** Gathers what ConfigService and code say; ConfigService wins. */
export function readDraft(code: SessionModuleOptions, read: ReadSetting | undefined, faults: Fault[]): Draft {
  const given = flatten(code, faults);
  const entries = new Map<SettingPath, Entry>();
  for (const setting of SETTING_NAMES) {
    const entry = (read && fromConfig(setting, read, faults)) ?? fromCode(setting, given);
    if (entry) entries.set(setting.path, entry);
  }
  for (const path of CODE_ONLY_PATHS) {
    const raw = given.get(path);
    if (raw !== undefined) entries.set(path, { label: path, source: 'code', kind: 'code', raw, value: raw });
  }
  if (read) refusePoolSettings(read, faults);
  dropOtherAddresses(entries);
  return { entries, redisInCode: code.redis !== undefined };
}

function isSet(value: unknown): boolean {
  return value !== undefined && value !== null && value !== '';
}

function fromConfig(
  setting: SettingName<SettingPath>,
  read: ReadSetting,
  faults: Fault[],
): Entry | undefined {
  const label = [setting.name, ...setting.oldNames].find((name) => isSet(read(name)));
  if (label === undefined) return undefined;
  const entry = makeEntry(setting, label, 'config', read(label));
  // Between two old names neither is known to be the newer one.
  if (label !== setting.name) {
    const other = setting.oldNames.find(
      (name) => isSet(read(name)) && String(read(name)) !== String(read(label)),
    );
    if (other) {
      faults.push({
        label,
        text: `contradicts ${other}: set ${setting.name} alone, or the same value in both`,
        entry,
      });
    }
  }
  return entry;
}

function fromCode(setting: SettingName<SettingPath>, given: Map<string, unknown>): Entry | undefined {
  const raw = given.get(setting.path);
  // `password: process.env.X ?? ''` means that there is none.
  if (raw === undefined || (setting.kind === 'secret' && raw === '')) return undefined;
  return makeEntry(setting, setting.path.replace('.tls.enabled', '.tls'), 'code', raw);
}

function makeEntry(
  setting: SettingName<SettingPath>,
  label: string,
  source: Entry['source'],
  raw: unknown,
): Entry {
  const defaultPort = setting.path === 'redis.sentinel.nodes' ? 26379 : 6379;
  return { label, source, kind: setting.kind, raw, value: parseSetting(setting.kind, raw, { defaultPort }) };
}

function refusePoolSettings(read: ReadSetting, faults: Fault[]): void {
  for (const [property, reason] of REFUSED_POOL_SETTINGS) {
    const { name, oldName } = poolSettingNames(property);
    for (const label of [name, oldName]) {
      if (isSet(read(label))) faults.push({ label, text: `has no meaning here: ${reason}; remove it` });
    }
  }
}

/** An address in ConfigService replaces one in code, of whatever form: a default must not contradict it. */
function dropOtherAddresses(entries: Map<SettingPath, Entry>): void {
  const forms: readonly (readonly SettingPath[])[] = [
    ['redis.url'],
    ['redis.host', 'redis.port'],
    ['redis.sentinel.master', 'redis.sentinel.nodes'],
    ['redis.cluster.nodes'],
  ];
  const fromConfigService = (path: SettingPath): boolean => entries.get(path)?.source === 'config';
  if (!forms.flat().some(fromConfigService)) return;
  for (const form of forms.filter((paths) => !paths.some(fromConfigService))) {
    for (const path of form) entries.delete(path);
  }
}

const LEAVES = new Set<string>([...SETTING_NAMES.map(({ path }) => path), ...CODE_ONLY_PATHS]);
/** `redis`, `redis.pool` and so on, each with the names it may hold. */
const BRANCHES = branches();

function branches(): Map<string, Set<string>> {
  const found = new Map<string, Set<string>>();
  for (const leaf of LEAVES) {
    const parts = leaf.split('.');
    parts.forEach((part, depth) => {
      const branch = parts.slice(0, depth).join('.');
      found.set(branch, (found.get(branch) ?? new Set()).add(part));
    });
  }
  // In code `tls: true` says it.
  found.get('redis.tls')?.delete('enabled');
  return found;
}

function flatten(code: SessionModuleOptions, faults: Fault[]): Map<string, unknown> {
  const given = new Map<string, unknown>();
  const walk = (branch: string, value: unknown): void => {
    if (value === undefined || value === null) return;
    if (branch === 'redis.tls') {
      given.set('redis.tls.enabled', typeof value === 'object' ? true : value);
      if (typeof value !== 'object') return;
    }
    const allowed = BRANCHES.get(branch);
    if (allowed === undefined) {
      given.set(branch, value);
      return;
    }
    if (typeof value !== 'object') {
      faults.push({ label: branch, text: `must be an object with ${[...allowed].join(', ')}` });
      return;
    }
    for (const [key, child] of Object.entries(value as Record<string, unknown>)) {
      const path = branch === '' ? key : `${branch}.${key}`;
      if (allowed.has(key)) walk(path, child);
      else faults.push({ label: path, text: unknownOption(branch, allowed) });
    }
  };
  walk('', code);
  return given;
}

function unknownOption(branch: string, allowed: ReadonlySet<string>): string {
  const where = branch === '' ? 'the session options' : branch;
  return `is not an option; known in ${where}: ${[...allowed].join(', ')}`;
}
