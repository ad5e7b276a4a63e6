import type { ServerResponse } from 'node:http';
import type { Chunk, GivenHeaders, HeaderValue } from './program.js';

/** Names that the library may add to a response; its own values are taken away before anything is compared. */
const OURS = new Set(['set-cookie', 'vary', 'cache-control']);

/** The value that a chunk stands for. */
export function chunkOf(chunk: Chunk): unknown {
  if ('text' in chunk) return chunk.text;
  if ('bytes' in chunk) {
    const text = 'x'.repeat(chunk.bytes);
    if (chunk.as === 'string') return text;
    return chunk.as === 'buffer' ? Buffer.from(text) : new Uint8Array(Buffer.from(text));
  }
  switch (chunk.bad) {
    case 'number':
      return 12345;
    case 'null':
      return null;
    case 'object':
      return { a: 1 };
    case 'undefined':
      return undefined;
  }
}

/** A header's value. JSON has no undefined, so null stands for it. */
export function headerValueOf(value: HeaderValue): unknown {
  return value === null ? undefined : Array.isArray(value) ? [...(value as string[])] : value;
}

/** What writeHead is given after status and message; no argument at all: an empty list. */
export function givenHeadersOf(given: GivenHeaders): unknown[] {
  switch (given.form) {
    case 'none':
      return [];
    case 'null':
      return [null];
    case 'number':
      return [5];
    case 'odd':
      return [['X-Odd']];
    case 'object':
      return [Object.fromEntries(given.pairs.map(([name, value]) => [name, headerValueOf(value)]))];
    case 'flat':
      return [given.pairs.flatMap(([name, value]) => [name, headerValueOf(value)])];
    case 'pairs':
      return [given.pairs.map(([name, value]) => [name, headerValueOf(value)])];
  }
}

/** A value in words that are the same in every run. */
export function described(value: unknown, response: ServerResponse): string {
  if (value === response) return 'the response';
  if (typeof value === 'function') return 'a function';
  if (value instanceof Promise) return 'a promise';
  if (typeof value !== 'object' || value === null) return String(value);
  return Array.isArray(value) ? JSON.stringify(value) : JSON.stringify(Object.entries(value));
}

/** A header's value as the application gave it: without what the library adds. Undefined: nothing is left. */
export function ownValue(name: string, value: unknown): unknown {
  switch (name.toLowerCase()) {
    case 'set-cookie': {
      const cookies = [value].flat().filter((one) => !/^(__Host-)?sid=/.test(String(one)));
      return cookies.length === 0 || value === undefined ? undefined : cookies.map(String);
    }
    case 'vary': {
      const names = [value].flat().flatMap((one) => String(one).split(/\s*,\s*/));
      const own = names.filter((one) => one.toLowerCase() !== 'cookie');
      return own.length === 0 || value === undefined ? undefined : own;
    }
    case 'cache-control':
      return value === 'private, no-store' ? undefined : value;
    default:
      return value;
  }
}

/** All headers of a response, as the application gave them. */
export function ownHeaders(headers: Readonly<Record<string, unknown>>): [string, unknown][] {
  return Object.entries(headers)
    .map(([name, value]): [string, unknown] => [name, ownValue(name, value)])
    .filter(([, value]) => value !== undefined);
}

/** Whether a header may be there on the library's account. */
export function mayBeOurs(name: string): boolean {
  return OURS.has(name.toLowerCase());
}
