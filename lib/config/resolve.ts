import { validateSync } from 'class-validator';
import { buildSettings } from './build.js';
import { readDraft, type Fault, type ReadSetting } from './draft.js';
import type { SessionModuleOptions } from './options.js';
import { notesOf } from './notes.js';
import { configError, validatorFaults } from './report.js';
import { ruleFaults } from './rules.js';
import type { ResolvedSettings } from './settings.js';

export type { ReadSetting } from './draft.js';

/**
 * The settings in force: what ConfigService says, else what code says, else the defaults.
 *
 * @param code What code says.
 * @param read Asks ConfigService for a setting by name; left out where code decides alone.
 * @throws SessionConfigError naming every fault at once: unknown options, values out of bounds, contradictions and
 * choices that are not safe. It never holds a secret.
 */
export function resolveSettings(code: SessionModuleOptions, read?: ReadSetting): ResolvedSettings {
  const faults: Fault[] = [];
  const production = (read?.('NODE_ENV') ?? process.env['NODE_ENV']) === 'production';
  const draft = readDraft(code, read, faults);
  const settings = buildSettings(draft, { production, notes: notesOf(draft, production) }, faults);
  const errors = validateSync(settings, {
    whitelist: true,
    forbidNonWhitelisted: true,
    forbidUnknownValues: true,
  });
  faults.push(...validatorFaults(errors, draft), ...ruleFaults(draft, settings, production));
  if (faults.length > 0) throw configError(faults);
  freeze(settings);
  return settings;
}

const OWNED_BY_APPLICATION = new Set(['client', 'codec', 'natMap']);

/** Not what the application owns. */
function freeze(value: object): void {
  for (const [name, child] of Object.entries(value) as [string, unknown][]) {
    if (typeof child === 'object' && child !== null && !OWNED_BY_APPLICATION.has(name)) freeze(child);
  }
  Object.freeze(value);
}
