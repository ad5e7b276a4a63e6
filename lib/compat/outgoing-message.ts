import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';

/**
 * The parts of Node's `OutgoingMessage` that the deferred response uses and that are no public API; the same in Node 20, 22 and
 * 24 (lib/_http_outgoing.js). Whatever writes to a response (`write`, `end`, `flushHeaders`, `uncork`, a pipe) checks its
 * arguments, renders the headers into `_header`, and hands each piece of output to `_send`, which puts the headers in front of
 * the first one. So `_send` is the one method that has to wait.
 */
export interface NodeResponse extends ServerResponse {
  /** The status line and headers as they leave; null until the response begins. */
  _header: string | null;
  /** Whether `_header` has been put in front of some output. */
  _headerSent: boolean;
  /** `byteLength` is of Node 22 and later. */
  _send(
    data: string | Uint8Array,
    encoding?: string | null,
    callback?: SendCallback,
    byteLength?: number,
  ): boolean;
  /** Where informational responses go, past `_send`. */
  _writeRaw(
    data: string | Uint8Array,
    encoding?: string | null,
    callback?: SendCallback,
    size?: number,
  ): boolean;
  /** Counts output that waits in the response, and emits `drain` when it is to. */
  _onPendingData(bytes: number): void;
  /** Bytes of output that wait in the response. */
  outputSize: number;
  _hasBody: boolean;
  finished: boolean;
  destroyed: boolean;
  /** Whether `close` has been emitted. */
  readonly closed: boolean;
}

/** Called once the output has been handed to the system, or could not be. */
type SendCallback = ((error?: Error | null) => void) | null | undefined;
/** What `_send` is called with. */
export type SendArguments = Parameters<NodeResponse['_send']>;

/** Node's own methods, looked up at each call, because tracing tools replace them. */
export const NODE = ServerResponse.prototype as NodeResponse;

/** Whether a response is one of Node's HTTP/1 server: not of HTTP/2, and not the stand-in of Fastify's `inject()`. */
export function isNodeResponse(response: object): response is NodeResponse {
  if (!(response instanceof ServerResponse)) return false;
  const methods = Object.getPrototypeOf(response) as NodeResponse;
  return methods.end === NODE.end && methods.write === NODE.write;
}

/**
 * The content type of a response that has begun, as it leaves. `getHeader` does not know headers that were only given to
 * `writeHead`.
 */
export function renderedContentType(response: ServerResponse): string | undefined {
  const rendered = (response as NodeResponse)._header;
  return /^content-type: *(.*)$/im.exec(rendered ?? '')?.[1];
}

/**
 * Changes headers of a response that has rendered them, for code that reads them from the response later (logs, adapters of
 * serverless platforms). What leaves is `rendered`.
 */
export function withUnlockedHeaders(response: NodeResponse, rendered: string, change: () => void): void {
  response._header = null;
  try {
    change();
  } finally {
    response._header = rendered;
  }
}

/**
 * Which of these parts this Node lacks, in words for an error; undefined if it has all. Tries them on a response of its own,
 * since a method may still exist and not do the same any more.
 */
export function missingFromNode(): string | undefined {
  const response = new ServerResponse(new IncomingMessage(new Socket())) as NodeResponse;
  const sent: unknown[] = [];
  response._send = (data) => sent.push(data, response._headerSent) > 0;
  response.setHeader('x-canary', '1');
  response.end('body');
  if (typeof NODE._send !== 'function' || typeof NODE._writeRaw !== 'function')
    return 'OutgoingMessage._send';
  if (sent[0] !== 'body' || sent[1] !== false) return 'the part of OutgoingMessage._send';
  if (!response._header?.includes('x-canary: 1\r\n') || !response._header.endsWith('\r\n\r\n'))
    return 'the part of OutgoingMessage._header';
  if (typeof response.outputSize !== 'number' || typeof response._onPendingData !== 'function')
    return 'OutgoingMessage.outputSize';
  if (!response.finished || !response._hasBody) return 'OutgoingMessage.finished';
  return undefined;
}
