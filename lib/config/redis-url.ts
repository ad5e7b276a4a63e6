/** What a Redis URL says. Parts it leaves out are undefined. */
interface RedisUrl {
  readonly tls: boolean;
  readonly host: string | undefined;
  readonly port: number | undefined;
  readonly username: string | undefined;
  readonly password: string | undefined;
  readonly database: number | undefined;
  /** A unix socket; then there is no host. */
  readonly socketPath: string | undefined;
}

/** Undefined where the text is neither `redis[s]://[user[:password]@]host[:port][/database]` nor `unix:///path`. */
export function parseRedisUrl(text: unknown): RedisUrl | undefined {
  if (typeof text !== 'string') return undefined;
  if (/^unix:/i.test(text)) return parseSocketUrl(text);
  if (!URL.canParse(text)) return undefined;
  const url = new URL(text);
  if (url.search !== '' || url.hash !== '') return undefined;
  const path = /^\/?(\d{0,5})$/.exec(url.pathname);
  const known = url.protocol === 'redis:' || url.protocol === 'rediss:';
  if (!known || url.hostname === '' || path === null) return undefined;
  const username = decoded(url.username);
  const password = decoded(url.password);
  if (username === null || password === null) return undefined;
  return {
    tls: url.protocol === 'rediss:',
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: url.port === '' ? undefined : Number(url.port),
    username,
    password,
    database: path[1] ? Number(path[1]) : undefined,
    socketPath: undefined,
  };
}

/** By hand: credentials without a host are nothing that URL can read. */
function parseSocketUrl(text: string): RedisUrl | undefined {
  const parts = /^unix:\/\/(?:([^:@/]*)(?::([^@/]*))?@)?(\/.+)$/i.exec(text);
  if (parts === null) return undefined;
  const username = decoded(parts[1] ?? '');
  const password = decoded(parts[2] ?? '');
  const socketPath = decoded(parts[3] ?? '');
  if (username === null || password === null || typeof socketPath !== 'string') return undefined;
  return {
    tls: false,
    host: undefined,
    port: undefined,
    username,
    password,
    database: undefined,
    socketPath,
  };
}

/** The URL without its credentials, fit for a log. */
export function maskedRedisUrl(text: string): string {
  const url = parseRedisUrl(text);
  if (url === undefined) return '(not shown)';
  const credentials = url.username !== undefined || url.password !== undefined ? '***@' : '';
  if (url.socketPath !== undefined) return `unix://${credentials}${url.socketPath}`;
  const host = url.host?.includes(':') ? `[${url.host}]` : String(url.host);
  const port = url.port === undefined ? '' : `:${url.port}`;
  const database = url.database === undefined ? '' : `/${url.database}`;
  return `${url.tls ? 'rediss' : 'redis'}://${credentials}${host}${port}${database}`;
}

/** Undefined for none, null for a broken escape. */
function decoded(part: string): string | undefined | null {
  if (part === '') return undefined;
  try {
    return decodeURIComponent(part);
  } catch {
    return null;
  }
}
