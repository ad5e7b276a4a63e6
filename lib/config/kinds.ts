import {
  ArrayMinSize,
  ArrayUnique,
  IsArray,
  IsBoolean,
  IsIn,
  IsInt,
  Max,
  Min,
  ValidateBy,
  ValidateNested,
  type ValidationOptions,
} from 'class-validator';
import { readFileSync } from 'node:fs';
import { addresses, toNode, type RedisNode } from './nodes.js';
import { maskedRedisUrl, parseRedisUrl } from './redis-url.js';

/** How a setting is read, checked and shown. */
export interface SettingKind {
  readonly type:
    'boolean' | 'integer' | 'words' | 'text' | 'list' | 'url' | 'pem' | 'secret' | 'code' | 'section';
  /**
   * Turns what an operator wrote into the type that the setting has. Text comes from the environment, other types from
   * custom loaders and from code. What cannot be read is handed back as it is, for the checks to refuse.
   */
  read(raw: unknown): unknown;
  /** Decorators of class-validator. Their message says what is allowed, as the end of "must be …". */
  readonly checks: readonly PropertyDecorator[];
  /** Never printed as it is, in a log, an error or a health answer. */
  readonly secret?: true;
  /** The value in the banner; of a secret, what may be shown of it. Default: as text, or nothing for undefined. */
  show?(value: unknown): string;
}

export const YES_OR_NO = 'true or false (also 1 or 0, yes or no, on or off)';

export const boolean: SettingKind = {
  type: 'boolean',
  read: toBoolean,
  checks: [IsBoolean({ message: YES_OR_NO })],
};

/** An integer within bounds, both included. */
export function integer(min: number, max: number, unit = ''): SettingKind {
  const message = `an integer from ${min} to ${max}${unit}`;
  return {
    type: 'integer',
    // Number() alone would read '1e3', '0x10' and ' '.
    read: (raw) => (typeof raw === 'string' && /^-?\d{1,15}$/.test(raw.trim()) ? Number(raw) : raw),
    checks: [IsInt({ message }), Min(min, { message }), Max(max, { message })],
  };
}

/** One of some words, without case. With `true` and `false` among them, what a boolean may be as well. */
export function oneOf(words: readonly (string | boolean)[], message = words.join(', ')): SettingKind {
  const read = words.includes(true) ? (raw: unknown) => toBoolean(lowerCase(raw)) : lowerCase;
  return { type: 'words', read, checks: [IsIn(words, { message })] };
}

/** Text of at least one character, which matches. */
export function text(message: string, pattern = /^[^]+$/): SettingKind {
  const matches = (value: unknown): boolean => typeof value === 'string' && pattern.test(value);
  return { type: 'text', read: toText, checks: [satisfies(message, matches)] };
}

/** Whatever the predicate accepts; only code can say it. */
export function code(message: string, test: (value: unknown) => boolean): SettingKind {
  return { type: 'code', read: (raw) => raw, checks: [satisfies(message, test)] };
}

export const redisUrl: SettingKind = {
  type: 'url',
  read: toText,
  checks: [
    satisfies(
      'redis://[user[:password]@]host[:port][/database], rediss:// for TLS, or unix:///path',
      (url) => parseRedisUrl(url) !== undefined,
    ),
  ],
  secret: true,
  show: (value) => (typeof value === 'string' ? maskedRedisUrl(value) : ''),
};

/** A list, not empty, of some words in capitals. */
export function listOf(words: readonly string[]): SettingKind {
  const message = `one or more of ${words.join(', ')}`;
  return {
    type: 'list',
    read: (raw) => {
      const list = toList(raw);
      return Array.isArray(list) ? [...new Set(list.map(upperCase))] : list;
    },
    checks: [...notEmpty(message), IsIn(words, { each: true, message })],
  };
}

/** A list, not empty, of addresses. */
export function nodes(defaultPort: number): SettingKind {
  const message = 'addresses as host:port, separated by commas';
  return {
    type: 'list',
    read: (raw) => {
      const list = toList(raw);
      return Array.isArray(list) ? list.map((item: unknown) => toNode(item, defaultPort)) : list;
    },
    checks: [...notEmpty(message), ValidateNested({ each: true, message })],
    show: (value) => addresses(value as readonly RedisNode[]),
  };
}

/** A user or a password. Blanks may be part of it. */
export const secret: SettingKind = {
  ...text('text'),
  type: 'secret',
  read: toString,
  secret: true,
  show: setOrNot,
};

/** A ring of secrets, each of which the predicate accepts. */
export function secrets(what: string, message: string, test: (value: unknown) => boolean): SettingKind {
  return {
    type: 'list',
    read: toList,
    checks: [
      IsArray({ message: `${what} separated by commas` }),
      ArrayUnique({ message: `${what} that differ from each other` }),
      satisfies(message, test, { each: true }),
    ],
    secret: true,
    show: setOrNot,
  };
}

/** PEM text, or the path of a file, which {@link pemFile} reads. */
export const pem: SettingKind = {
  ...text('PEM text, or the path of a readable PEM file', /-----BEGIN/),
  type: 'pem',
  read: (raw) => {
    if (Buffer.isBuffer(raw)) return raw.toString('utf8');
    const given = toString(raw);
    // One line of an environment file can hold a PEM text only with `\n` written out.
    return typeof given === 'string' && given.startsWith('-----BEGIN')
      ? given.replaceAll('\\n', '\n')
      : given;
  },
  show: setOrNot,
};

/** The text of the file that a value names; what is no name of a readable file is handed back. */
export function pemFile(value: unknown): unknown {
  if (typeof value !== 'string' || value.startsWith('-----BEGIN')) return value;
  try {
    return readFileSync(value, 'utf8');
  } catch {
    return value;
  }
}

/** How a secret shows. */
export function setOrNot(value: unknown): string {
  return value === undefined || (Array.isArray(value) && value.length === 0) ? '- Not Set -' : '- Set -';
}

export function isFunction(value: unknown): boolean {
  return typeof value === 'function';
}

/** A value that the predicate accepts. */
function satisfies(
  message: string,
  validate: (value: unknown) => boolean,
  options?: Pick<ValidationOptions, 'each'>,
): PropertyDecorator {
  return ValidateBy({ name: message, validator: { validate } }, { ...options, message });
}

function notEmpty(message: string): PropertyDecorator[] {
  return [IsArray({ message }), ArrayMinSize(1, { message })];
}

const YES = new Set(['true', '1', 'yes', 'on']);
const NO = new Set(['false', '0', 'no', 'off']);

function toBoolean(raw: unknown): unknown {
  const word = lowerCase(toString(raw));
  if (typeof word !== 'string') return raw;
  if (YES.has(word)) return true;
  return NO.has(word) ? false : raw;
}

export function lowerCase(raw: unknown): unknown {
  return typeof raw === 'string' ? raw.trim().toLowerCase() : raw;
}

function upperCase(raw: unknown): unknown {
  return typeof raw === 'string' ? raw.toUpperCase() : raw;
}

function toText(raw: unknown): unknown {
  return typeof raw === 'string' ? raw.trim() : toString(raw);
}

/** Numbers as text, all else as it is. */
function toString(raw: unknown): unknown {
  return typeof raw === 'number' || typeof raw === 'bigint' ? String(raw) : raw;
}

function toList(raw: unknown): unknown {
  return typeof raw === 'string' ? raw.split(',').map((item) => item.trim()) : raw;
}
