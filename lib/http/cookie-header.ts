/**
 * The values a Cookie header gives for a name, in order, read as far as they are asked for. Written for hostile input: one pass without backtracking,
 * nothing decoded, nothing thrown. Names are compared to the letter, since browsers do (RFC 6265bis 5.7); a value's
 * optional quotes are taken off, as RFC 6265 4.1.1 allows them. Several values can be there because a parent domain
 * or a longer path set a cookie of the same name.
 */
export function* cookieValues(header: string, name: string): Generator<string, void> {
  for (let from = 0; from < header.length;) {
    let end = header.indexOf(';', from);
    if (end === -1) end = header.length;
    const value = valueIn(header, from, end, name);
    if (value !== undefined) yield value;
    from = end + 1;
  }
}

function valueIn(header: string, from: number, end: number, name: string): string | undefined {
  let start = from;
  while (start < end && isBlank(header.charCodeAt(start))) start += 1;
  if (!header.startsWith(name, start) || header.charCodeAt(start + name.length) !== EQUALS) return undefined;
  start += name.length + 1;
  let stop = end;
  while (stop > start && isBlank(header.charCodeAt(stop - 1))) stop -= 1;
  if (stop - start >= 2 && header.charCodeAt(start) === QUOTE && header.charCodeAt(stop - 1) === QUOTE) {
    start += 1;
    stop -= 1;
  }
  return header.slice(start, stop);
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09;
}

const EQUALS = 0x3d;
const QUOTE = 0x22;
