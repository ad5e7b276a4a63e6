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
  // Credentials without a host are nothing that URL can read, and a socket's path is no database.
  const socket = /^unix:\/\/([^@/]*@)?(\/.+)$/i.exec(text);
  const address = socket ? `redis://${(socket[1] ?? '').replace(/[?#\\]/g, encodeURIComponent)}socket` : text;
  if (!URL.canParse(address)) return undefined;
  const url = new URL(address);
  const path = /^\/?(\d{0,5})$/.exec(url.pathname);
  const known = url.protocol === 'redis:' || url.protocol === 'rediss:';
  if (!known || url.hostname === '' || path === null || url.search !== '' || url.hash !== '')
    return undefined;
  const [username, password, socketPath] = [url.username, url.password, socket?.[2] ?? ''].map(decoded);
  if (username === null || password === null || socketPath === null) return undefined;
  return {
    tls: url.protocol === 'rediss:',
    host: socket ? undefined : url.hostname.replace(/^\[|\]$/g, ''),
    port: url.port === '' ? undefined : Number(url.port),
    username,
    password,
    database: path[1] ? Number(path[1]) : undefined,
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
