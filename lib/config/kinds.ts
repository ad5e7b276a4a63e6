import { readFileSync } from 'node:fs';
import { addresses, toNode, type RedisNode } from './nodes.js';
import { maskedRedisUrl } from './redis-url.js';

/** How a setting is read, and how it shows. */
export interface SettingKind {
  /**
   * Turns what an operator wrote into the type that the setting has. Text comes from the environment, other types from
   * custom loaders and from code. What cannot be read is handed back as it is, for its check to refuse.
   */
  read(raw: unknown): unknown;
  /** Reads what the value names. Only where Redis is used: files of one that is not need not be there. */
  load?(value: unknown): unknown;
  /** Never printed as it is, in a log, an error or a health answer. */
  readonly secret?: true;
  /** The value in the banner; of a secret, what may be shown of it. Default: as text. */
  show?(value: unknown): string;
}

/** A name of {@link KINDS}. */
export type KindName = keyof typeof KINDS;

export const KINDS = {
  boolean: { read: toBoolean },
  integer: { read: toInteger },
  text: { read: toText },
  /** One word of several; without case. */
  keyword: { read: (raw) => (typeof raw === 'string' ? raw.trim().toLowerCase() : raw) },
  booleanOrAuto: {
    read: (raw) => (typeof raw === 'string' && raw.trim().toLowerCase() === 'auto' ? 'auto' : toBoolean(raw)),
  },
  policies: { read: toPolicies, show: (value) => (value as readonly string[]).join(',') },
  nodes: { read: (raw) => toNodes(raw, 6379), show: (value) => addresses(value as readonly RedisNode[]) },
  sentinels: {
    read: (raw) => toNodes(raw, 26379),
    show: (value) => addresses(value as readonly RedisNode[]),
  },
  url: { read: toText, secret: true, show: (value) => maskedRedisUrl(value as string) },
  certificate: { read: pemText, load: pemFile, show: setOrNot },
  privateKey: { read: pemText, load: pemFile, secret: true, show: setOrNot },
  // Blanks may be part of a password.
  secret: { read: numberAsText, secret: true, show: setOrNot },
  secrets: { read: toList, secret: true, show: setOrNot },
  /** Only code can say it. */
  code: { read: (raw) => raw },
} satisfies Record<string, SettingKind>;

/** How a secret shows. */
export function setOrNot(value: unknown): string {
  return value === undefined || (Array.isArray(value) && value.length === 0) ? '- Not Set -' : '- Set -';
}

const YES = new Set(['true', '1', 'yes', 'on']);
const NO = new Set(['false', '0', 'no', 'off']);

function toBoolean(raw: unknown): unknown {
  const word = typeof raw === 'string' || typeof raw === 'number' ? String(raw).trim().toLowerCase() : raw;
  if (typeof word !== 'string') return raw;
  if (YES.has(word)) return true;
  return NO.has(word) ? false : raw;
}

function toInteger(raw: unknown): unknown {
  // Number() alone would read '1e3', '0x10' and ' '.
  return typeof raw === 'string' && /^-?\d{1,15}$/.test(raw.trim()) ? Number(raw) : raw;
}

function toText(raw: unknown): unknown {
  return typeof raw === 'string' ? raw.trim() : numberAsText(raw);
}

function numberAsText(raw: unknown): unknown {
  return typeof raw === 'number' || typeof raw === 'bigint' ? String(raw) : raw;
}

function toList(raw: unknown): unknown {
  return typeof raw === 'string' ? raw.split(',').map((item) => item.trim()) : raw;
}

function toPolicies(raw: unknown): unknown {
  const list: unknown = toList(raw);
  if (!Array.isArray(list)) return list;
  return [...new Set(list.map((item: unknown) => (typeof item === 'string' ? item.toUpperCase() : item)))];
}

function toNodes(raw: unknown, defaultPort: number): unknown {
  const list: unknown = toList(raw);
  return Array.isArray(list) ? list.map((item: unknown) => toNode(item, defaultPort)) : list;
}

/** One line of an environment file can hold a PEM text only with `\n` written out. */
function pemText(raw: unknown): unknown {
  if (Buffer.isBuffer(raw)) return raw.toString('utf8');
  const text = numberAsText(raw);
  return typeof text === 'string' && text.startsWith('-----BEGIN') ? text.replaceAll('\\n', '\n') : text;
}

/** The text of the file that a value names; what is no name of a readable file is handed back. */
function pemFile(value: unknown): unknown {
  if (typeof value !== 'string' || value.startsWith('-----BEGIN')) return value;
  try {
    return readFileSync(value, 'utf8');
  } catch {
    return value;
  }
}
