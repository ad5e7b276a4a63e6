/** What a Redis URL says. Parts it leaves out are undefined. */
export interface RedisUrl {
  readonly tls: boolean;
  readonly host: string;
  readonly port: number | undefined;
  readonly username: string | undefined;
  readonly password: string | undefined;
  readonly database: number | undefined;
}

/** Undefined where the text is not `redis[s]://[user[:password]@]host[:port][/database]`. */
export function parseRedisUrl(text: unknown): RedisUrl | undefined {
  if (typeof text !== 'string' || !URL.canParse(text)) return undefined;
  const url = new URL(text);
  const path = /^\/?(\d{0,5})$/.exec(url.pathname);
  const known = url.protocol === 'redis:' || url.protocol === 'rediss:';
  if (!known || url.hostname === '' || path === null || url.search !== '' || url.hash !== '')
    return undefined;
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
  };
}

/** The URL without its credentials, fit for a log. */
export function maskedRedisUrl(text: string): string {
  const url = parseRedisUrl(text);
  if (url === undefined) return '(not shown)';
  const credentials = url.username !== undefined || url.password !== undefined ? '***@' : '';
  const host = url.host.includes(':') ? `[${url.host}]` : url.host;
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
