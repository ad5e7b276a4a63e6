/** Headers that describe the body or the outcome of a response that is replaced by an error. */
const REPLACED: ReadonlySet<string> = new Set([
  'cache-control',
  'content-disposition',
  'content-encoding',
  'content-length',
  'content-range',
  'content-type',
  'etag',
  'expires',
  'last-modified',
  'location',
  'retry-after',
  'set-cookie',
  'trailer',
  'transfer-encoding',
]);
const OF_CONNECTION: ReadonlySet<string> = new Set(['connection', 'keep-alive']);
/** Of a connection, see RFC 9113, 8.2.2. */
const REFUSED_OVER_HTTP2: ReadonlySet<string> = new Set([
  ...OF_CONNECTION,
  ...['http2-settings', 'proxy-connection', 'te', 'transfer-encoding', 'upgrade'],
]);
/** What Node's HTTP/2 takes one value of, where HTTP/1.1 sends as many as it is given. */
const SINGLE_OVER_HTTP2: ReadonlySet<string> = new Set([
  'access-control-allow-credentials',
  'access-control-max-age',
  'access-control-request-method',
  'age',
  'authorization',
  'content-encoding',
  'content-language',
  'content-length',
  'content-location',
  'content-md5',
  'content-range',
  'content-type',
  'date',
  'dnt',
  'etag',
  'expires',
  'from',
  'host',
  'if-match',
  'if-modified-since',
  'if-none-match',
  'if-range',
  'if-unmodified-since',
  'last-modified',
  'location',
  'max-forwards',
  'proxy-authorization',
  'range',
  'referer',
  'retry-after',
  'tk',
  'upgrade-insecure-requests',
  'user-agent',
  'x-content-type-options',
]);

/** Whether an error that replaces a response takes this header away from it. @param closes Its connection ends with it. */
export function isReplaced(name: string, closes = false): boolean {
  const lower = name.toLowerCase();
  return REPLACED.has(lower) || (closes && OF_CONNECTION.has(lower));
}

/**
 * Whether Node refuses an error that is sent with this header, which a handler has left behind: trailers are announced to an answer of a
 * known length, and over HTTP/2 some have no place, and some none for two values.
 */
export function isRefused(name: string, value: unknown, isHttp2: boolean): boolean {
  const lower = name.toLowerCase();
  if (!isHttp2) return lower === 'trailer';
  return (
    REFUSED_OVER_HTTP2.has(lower) ||
    (SINGLE_OVER_HTTP2.has(lower) && Array.isArray(value) && value.length > 1)
  );
}
