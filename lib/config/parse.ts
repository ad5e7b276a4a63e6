import type { SettingKind } from './names.js';

const YES = new Set(['true', '1', 'yes', 'on']);
const NO = new Set(['false', '0', 'no', 'off']);

/** Port of a node that names none. */
export interface ParseOptions {
  readonly defaultPort: number;
}

/**
 * Turns what an operator wrote into the type that the setting has. Text comes from the environment, other
 * types from custom loaders and from code. What cannot be read is handed back as it is, for the validator to refuse.
 */
export function parseSetting(kind: SettingKind, raw: unknown, options: ParseOptions): unknown {
  switch (kind) {
    case 'boolean':
      return toBoolean(raw);
    case 'integer':
      return toInteger(raw);
    case 'secure':
      return typeof raw === 'string' && raw.trim().toLowerCase() === 'auto' ? 'auto' : toBoolean(raw);
    case 'keyword':
      return typeof raw === 'string' ? raw.trim().toLowerCase() : raw;
    case 'text':
    case 'url':
      return typeof raw === 'string' ? raw.trim() : numberAsText(raw);
    case 'pem':
      return pemText(raw);
    case 'secret':
      // Blanks may be part of a password.
      return pemText(numberAsText(raw));
    case 'secrets':
      return toList(raw);
    case 'policies':
      return toPolicies(raw);
    case 'nodes':
      return toNodes(raw, options.defaultPort);
    default:
      return assertNever(kind);
  }
}

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

function numberAsText(raw: unknown): unknown {
  return typeof raw === 'number' || typeof raw === 'bigint' ? String(raw) : raw;
}

/** One line of an environment file can hold a PEM text only with `\n` written out. */
function pemText(raw: unknown): unknown {
  if (Buffer.isBuffer(raw)) return raw.toString('utf8');
  if (typeof raw !== 'string' || !raw.startsWith('-----BEGIN')) return raw;
  return raw.replaceAll('\\n', '\n');
}

function toList(raw: unknown): unknown {
  if (typeof raw !== 'string') return raw;
  return raw.split(',').map((item) => item.trim());
}

function toPolicies(raw: unknown): unknown {
  const list: unknown = toList(raw);
  if (!Array.isArray(list)) return list;
  return [...new Set(list.map((item: unknown) => (typeof item === 'string' ? item.toUpperCase() : item)))];
}

function toNodes(raw: unknown, defaultPort: number): unknown {
  const list: unknown = toList(raw);
  if (!Array.isArray(list)) return list;
  return list.map((item: unknown) => {
    if (typeof item === 'string') return toNode(item, defaultPort);
    if (typeof item !== 'object' || item === null) return { host: item, port: defaultPort };
    const { host, port } = item as { host?: unknown; port?: unknown };
    return { host, port: toInteger(port ?? defaultPort) };
  });
}

/** `host`, `host:port`, `[v6]:port`; a bare IPv6 address has no port. */
function toNode(text: string, defaultPort: number): { host: unknown; port: unknown } {
  const bracketed = /^\[([^\]]+)\](?::(.*))?$/.exec(text);
  if (bracketed) return { host: bracketed[1], port: toInteger(bracketed[2] ?? defaultPort) };
  const colon = text.indexOf(':');
  if (colon === -1 || colon !== text.lastIndexOf(':')) return { host: text, port: defaultPort };
  return { host: text.slice(0, colon), port: toInteger(text.slice(colon + 1)) };
}

function assertNever(kind: never): never {
  throw new Error(`No reader for settings of kind ${String(kind)}.`);
}
