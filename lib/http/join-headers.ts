import type { OutgoingHttpHeaders, ServerResponse } from 'node:http';

/** What writeHead takes: an object, a flat list or, from some, a list of pairs. */
export type GivenHeaders = OutgoingHttpHeaders | unknown[] | null | undefined;

/**
 * Sets the headers that writeHead was given one by one. What the response has of the two lists below stays beside
 * the application's own values of the same name, or the session's cookie would be lost and a cache mix up users.
 */
export function joinHeaders(response: ServerResponse, given: GivenHeaders): void {
  if (given === undefined || given === null) return;
  const cookies = response.getHeader('set-cookie');
  const vary = response.getHeader('vary');
  setAll(response, given);
  keep(response, 'set-cookie', cookies);
  keep(response, 'vary', vary);
}

function keep(response: ServerResponse, name: string, value: ReturnType<ServerResponse['getHeader']>): void {
  if (value !== undefined && response.getHeader(name) !== value) response.appendHeader(name, listOf(value));
}

function setAll(response: ServerResponse, headers: OutgoingHttpHeaders | unknown[]): void {
  if (!Array.isArray(headers)) {
    for (const [name, value] of Object.entries(headers))
      if (value !== undefined) response.setHeader(name, value);
    return;
  }
  const pairs = Array.isArray(headers[0]) ? (headers as [string, string][]) : inPairs(headers as string[]);
  for (const [name] of pairs) response.removeHeader(name);
  for (const [name, value] of pairs) response.appendHeader(name, value);
}

function inPairs(flat: readonly string[]): [string, string][] {
  const pairs: [string, string][] = [];
  for (let i = 0; i + 1 < flat.length; i += 2) pairs.push([flat[i] as string, flat[i + 1] as string]);
  return pairs;
}

function listOf(value: number | string | readonly string[]): string[] {
  return Array.isArray(value) ? [...(value as readonly string[])] : [String(value)];
}
