import { STATUS_CODES } from 'node:http';
import { withUnlockedHeaders, type NodeResponse } from '../compat/outgoing-message.js';
import type { Deferral, ErrorAnswer, OwnHeader } from './deferral.js';
import { isReplaced } from './replaced-headers.js';

const LINE_END = '\r\n';

/** The status code of a response: that of its status line, once that is rendered. */
export function statusOf({ _header: rendered, statusCode }: NodeResponse): number {
  return rendered === null ? statusCode : Number(rendered.slice('HTTP/1.1 '.length, 'HTTP/1.1 200'.length));
}

/**
 * Adds the session's headers to those that Node has rendered, as lines of their own: whatever the application passed to
 * `writeHead`, in whichever form, means what it meant. Whoever asks the response for its headers later sees them too.
 */
export function addOwnHeaders(response: NodeResponse, deferral: Deferral): void {
  const rendered = response._header ?? '';
  const headers = deferral.hooks.headers({
    statusCode: statusOf(response),
    has: (name) => lineOf(name).test(rendered),
  });
  if (headers.length === 0) return;
  const all = rendered.slice(0, -LINE_END.length) + linesOf(headers) + LINE_END;
  withUnlockedHeaders(response, all, () => {
    for (const [name, value] of headers) response.appendHeader(name, value);
  });
}

const lines = new Map<string, RegExp>();

/** Finds the line of a header. Made once for each name that the library asks for. */
function lineOf(name: string): RegExp {
  const known = lines.get(name);
  if (known !== undefined) return known;
  const line = new RegExp(`\r\n${name}:`, 'i');
  lines.set(name, line);
  return line;
}

/**
 * Puts the head of an error in place of the one that Node has rendered. What tells of the connection, the server or
 * other sites' access stays.
 * @param closes The connection ends with this response.
 */
export function replaceHead(response: NodeResponse, answer: ErrorAnswer, closes: boolean): void {
  const { statusCode, headers, body } = answer;
  const message = STATUS_CODES[statusCode] ?? '';
  const all: OwnHeader[] = [...headers, ['Content-Length', String(Buffer.byteLength(body))]];
  if (closes) all.push(['Connection', 'close']);
  const before = (response._header ?? '').split(LINE_END).slice(1, -2);
  const staying = before.filter((line) => !isReplaced(line.slice(0, line.indexOf(':')), closes));
  const head = [`HTTP/1.1 ${statusCode} ${message}`, ...staying].join(LINE_END) + LINE_END;
  const rendered = head + linesOf(all) + LINE_END;
  response.statusCode = statusCode;
  response.statusMessage = message;
  withUnlockedHeaders(response, rendered, () => {
    for (const name of response.getHeaderNames()) if (isReplaced(name, closes)) response.removeHeader(name);
    for (const [name, value] of all) response.setHeader(name, value);
  });
}

function linesOf(headers: readonly OwnHeader[]): string {
  let lines = '';
  for (const [name, value] of headers) lines += `${name}: ${value}${LINE_END}`;
  return lines;
}
