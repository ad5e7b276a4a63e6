import { validateSync } from 'class-validator';
import { buildSettings } from './build.js';
import { gather, type Issue, type ReadSetting } from './given.js';
import { configError, issuesOf } from './issues.js';
import type { SessionModuleOptions } from './options.js';
import { contradictions } from './rules.js';
import type { ResolvedSettings } from './settings.js';
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
export function resolveSettings(code: SessionModuleOptions, read?: ReadSetting): ResolvedSettings {
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

const OWNED_BY_APPLICATION = new Set(['client', 'codec', 'natMap', 'store']);

/** Not what the application owns. */
function freeze(value: object): void {
  for (const [name, child] of Object.entries(value) as [string, unknown][]) {
    if (typeof child === 'object' && child !== null && !OWNED_BY_APPLICATION.has(name)) freeze(child);
  }
  Object.freeze(value);
}
