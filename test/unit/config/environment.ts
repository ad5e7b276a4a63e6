import 'reflect-metadata';
import type { SessionModuleOptions } from '../../../lib/config/options.js';
import { resolveSettings } from '../../../lib/config/resolve.js';
import type { SessionSettings } from '../../../lib/config/settings.js';

export type Environment = Readonly<Record<string, unknown>>;

/** Resolves as if ConfigService knew this environment and nothing else. */
export function resolve(environment: Environment, code: SessionModuleOptions = {}): SessionSettings {
  return resolveSettings(code, (name) => environment[name]);
}

/** The lines of the error, heading first; none where there is no issue. */
export function issueLines(environment: Environment, code: SessionModuleOptions = {}): string[] {
  try {
    resolve(environment, code);
  } catch (error) {
    if (error instanceof Error && error.name === 'SessionConfigError') return error.message.split('\n');
    throw error;
  }
  return [];
}

/** The only issue there is. */
export function onlyIssue(environment: Environment, code: SessionModuleOptions = {}): string {
  const [heading, ...lines] = issueLines(environment, code);
  if (lines.length !== 1) throw new Error(`Expected one issue: ${[heading, ...lines].join('\n')}`);
  return String(lines[0]);
}
