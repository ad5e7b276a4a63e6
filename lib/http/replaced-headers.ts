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
const REFUSED = ['trailer'];
const REFUSED_OVER_HTTP2 = [
  ...OF_CONNECTION,
  ...['http2-settings', 'proxy-connection', 'transfer-encoding', 'upgrade'],
];

/** Whether an error that replaces a response takes this header away from it. @param closes Its connection ends with it. */
export function isReplaced(name: string, closes = false): boolean {
  const lower = name.toLowerCase();
  return REPLACED.has(lower) || (closes && OF_CONNECTION.has(lower));
}

/**
 * Headers with which Node refuses an error that is sent with the rest of what a handler had set: trailers are announced to an answer of
 * a known length, and over HTTP/2 what is of a connection (RFC 9113, 8.2.2).
 */
export function refusedHeaders(isHttp2: boolean): readonly string[] {
  return isHttp2 ? REFUSED_OVER_HTTP2 : REFUSED;
}
