import type { ValidationError } from 'class-validator';
import { SessionConfigError } from '../core/errors.js';
import { nameOf, type SettingPath } from './catalog.js';
import type { Entry, Given, Issue } from './given.js';

const NOT_SHOWN = '(not shown)';
const LONGEST_SHOWN = 80;

/** The validator's findings, under the names that the settings were given by. */
export function issuesOf(errors: readonly ValidationError[], given: Given, above = ''): Issue[] {
  return errors.flatMap((error) => {
    const path = `${above}${error.property}`;
    const allowed = [...new Set(Object.values(error.constraints ?? {}))];
    const { label, entry } = origin(path, given);
    return [
      ...allowed.map((text) => ({ label, text: `must be ${text}`, entry })),
      ...issuesOf(error.children ?? [], given, `${path}.`),
    ];
  });
}

/** One error with a line for each issue: setting, value as far as it may be shown, what is allowed. */
export function configError(issues: readonly Issue[]): SessionConfigError {
  const lines = new Set(issues.map(line));
  const count = lines.size === 1 ? '1 fault' : `${lines.size} faults`;
  return new SessionConfigError(
    [`The session settings cannot be used: ${count}. Correct and start again.`, ...lines].join('\n'),
  );
}

function line({ label, text, entry }: Issue): string {
  return `- ${label}${entry ? ` = ${shown(entry)}` : ''}: ${text}.`;
}

/** `redis.sentinel.nodes.1.port` is part of what `redis.sentinel.nodes` was given. */
function origin(path: string, { entries }: Given): { label: string; entry?: Entry | undefined } {
  for (let part = path; part !== ''; part = part.slice(0, Math.max(0, part.lastIndexOf('.')))) {
    const entry = entries.get(part as SettingPath);
    if (entry) return { label: entry.label, entry };
  }
  // What has no entry of its own was said by the URL.
  const url = entries.get('redis.url');
  return url && /^redis\.\w+$/.test(path)
    ? { label: url.label, entry: url }
    : { label: nameOf(path as SettingPath) };
}

function shown({ kind, raw, value }: Entry): string {
  if (kind.type === 'url' && kind.show && typeof value === 'string') return kind.show(value);
  return kind.secret ? NOT_SHOWN : plain(raw);
}

function plain(raw: unknown): string {
  if (typeof raw === 'number' || typeof raw === 'boolean' || typeof raw === 'bigint') return String(raw);
  const items: readonly unknown[] = Array.isArray(raw) ? raw : [raw];
  if (!items.every((item): item is string => typeof item === 'string')) {
    return Array.isArray(raw) ? 'an array' : `a value of type ${typeof raw}`;
  }
  const text = items.join(',');
  // An address with credentials, or a PEM text, was put where none belongs.
  if (text.includes('@') || text.includes('-----BEGIN')) return NOT_SHOWN;
  return JSON.stringify(text.length > LONGEST_SHOWN ? `${text.slice(0, LONGEST_SHOWN)}…` : text);
}
