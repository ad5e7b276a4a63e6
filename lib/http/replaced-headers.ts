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

/** Whether an error that replaces a response takes this header away from it. @param closes Its connection ends with it. */
export function isReplaced(name: string, closes = false): boolean {
  const lower = name.toLowerCase();
  return REPLACED.has(lower) || (closes && OF_CONNECTION.has(lower));
}
