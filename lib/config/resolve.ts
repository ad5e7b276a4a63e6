import { validateSync } from 'class-validator';
import type { SettingPath } from './catalog.js';
import { declarationsOf, type SectionType, type Surroundings } from './declare.js';
import { gather, type Given, type Issue, type ReadSetting } from './given.js';
import { configError, issuesOf } from './issues.js';
import { pemFile } from './kinds.js';
import type { SessionModuleOptions } from './options.js';
import { contradictions } from './rules.js';
import { SessionSettings } from './settings.js';
import { warningsOf } from './warnings.js';

export type { ReadSetting } from './given.js';

/**
 * The settings in force: what ConfigService says, else what code says, else the defaults.
 *
 * @param code What code says.
 * @param read Asks ConfigService for a setting by name; left out where code decides alone.
 * @throws SessionConfigError naming every issue at once: unknown options, values out of bounds, contradictions and
 * choices that are not safe. It never holds a secret.
 */
export function resolveSettings(code: SessionModuleOptions, read?: ReadSetting): SessionSettings {
  const issues: Issue[] = [];
  const production = (read?.('NODE_ENV') ?? process.env['NODE_ENV']) === 'production';
  const given = gather(code, read, issues);
  const settings = buildSettings(given, production);
  const errors = validateSync(settings, {
    whitelist: true,
    forbidNonWhitelisted: true,
    forbidUnknownValues: true,
  });
  issues.push(...issuesOf(errors, given), ...contradictions(given, settings, production));
  if (issues.length > 0) throw configError(issues);
  Object.assign(settings, { warnings: warningsOf(given, settings, production) });
  freeze(settings);
  return settings;
}

/** Puts what was given in its place, and the defaults where nothing was. Nothing is checked yet. */
function buildSettings(given: Given, production: boolean): SessionSettings {
  const { values, redisInCode } = given;
  const usesRedis = (values.get('enabled') ?? redisInCode) === true && values.get('store') === undefined;
  const surroundings: Surroundings = { production, redisInCode };
  const build = (type: SectionType, above: string): object => {
    const section = new type();
    const set = (property: string, value: unknown): void => void Reflect.set(section, property, value);
    const declared = declarationsOf(type);
    for (const { property, kind, section: type } of declared) {
      const path = above + property;
      const value = type ? build(type, `${path}.`) : values.get(path as SettingPath);
      if (value === undefined) continue;
      // Files of a Redis that is not used need not be there.
      if (kind.type !== 'pem') set(property, value);
      else if (usesRedis) set(property, pemFile(value));
    }
    for (const declaration of declared) {
      const { property, exists } = declaration;
      if (declaration.default && Reflect.get(section, property) === undefined) {
        set(property, declaration.default(section, surroundings));
      }
      if (exists && !exists.holds(section)) set(property, undefined);
    }
    return section;
  };
  return build(SessionSettings, '') as SessionSettings;
}

const OWNED_BY_APPLICATION = new Set(['client', 'codec', 'natMap', 'store']);

/** Not what the application owns. */
function freeze(value: object): void {
  for (const [name, child] of Object.entries(value) as [string, unknown][]) {
    if (typeof child === 'object' && child !== null && !OWNED_BY_APPLICATION.has(name)) freeze(child);
  }
  Object.freeze(value);
}
