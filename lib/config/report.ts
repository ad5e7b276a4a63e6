import type { ValidationError } from 'class-validator';
import { SessionConfigError } from '../core/errors.js';
import type { Draft, Entry, Fault } from './draft.js';
import { nameOf, type SettingPath } from './names.js';
import { maskedRedisUrl } from './redis-url.js';

const NOT_SHOWN = '(not shown)';
const LONGEST_SHOWN = 80;

/** The validator's findings, under the names that the settings were given by. */
export function validatorFaults(errors: readonly ValidationError[], draft: Draft, above = ''): Fault[] {
  return errors.flatMap((error) => {
    const path = above === '' ? error.property : `${above}.${error.property}`;
    const allowed = [...new Set(Object.values(error.constraints ?? {}))];
    const { label, entry } = origin(path, draft);
    return [
      ...allowed.map((text) => ({ label, text: `must be ${text}`, entry })),
      ...validatorFaults(error.children ?? [], draft, path),
    ];
  });
}

/** One error with a line for each fault: setting, value as far as it may be shown, what is allowed. */
export function configError(faults: readonly Fault[]): SessionConfigError {
  const lines = new Set(faults.map(line));
  const count = lines.size === 1 ? '1 fault' : `${lines.size} faults`;
  return new SessionConfigError(
    [`The session settings cannot be used: ${count}. Correct and start again.`, ...lines].join('\n'),
  );
}

function line({ label, text, entry }: Fault): string {
  return `- ${label}${entry ? ` = ${shown(entry)}` : ''}: ${text}.`;
}

/** `redis.sentinel.nodes.1.port` is part of what `redis.sentinel.nodes` was given. */
function origin(path: string, { entries }: Draft): { label: string; entry?: Entry | undefined } {
  const settingsPath = path.replace(/^cookie\.names\..*/, 'cookie.name');
  for (let part = settingsPath; part !== ''; part = part.slice(0, Math.max(0, part.lastIndexOf('.')))) {
    const entry = entries.get(part as SettingPath);
    if (entry) return { label: entry.label, entry };
  }
  // What has no entry of its own was said by the URL.
  const url = entries.get('redis.url');
  return url && /^redis\.\w+$/.test(path)
    ? { label: url.label, entry: url }
    : { label: nameOf(settingsPath as SettingPath) };
}

function shown({ kind, raw, value }: Entry): string {
  switch (kind) {
    case 'secret':
    case 'secrets':
      return NOT_SHOWN;
    case 'url':
      return typeof value === 'string' ? maskedRedisUrl(value) : NOT_SHOWN;
    default:
      return plain(raw);
  }
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
