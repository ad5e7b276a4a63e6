import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';

/**
 * What the deferred response leans on of Node's own: parts of `OutgoingMessage` that are no public API, the same in Node 20,
 * 22 and 24 (lib/_http_outgoing.js). Whatever writes to a response (`write`, `end`, `flushHeaders`, `uncork`, a pipe) checks its
 * arguments, renders the headers into `_header`, and then hands each piece of output to `_send`, which puts the
 * headers in front of the first one. So one method of one response is all that has to wait.
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
  /** Counts output that waits in the response, and wakes a producer whose turn it is. */
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

/** Node's own methods. Asked for one by one when they are called: tracing tools put others there. */
export const NODE = ServerResponse.prototype as NodeResponse;

/** Whether a response is one that Node itself sends: not HTTP/2's, nor one that only plays its part (Fastify's `inject()`). */
export function isNodeResponse(response: object): response is NodeResponse {
  if (!(response instanceof ServerResponse)) return false;
  const methods = Object.getPrototypeOf(response) as NodeResponse;
  return methods.end === NODE.end && methods.write === NODE.write;
}

/**
 * The content type of a response that has begun, as it leaves: what was given to `writeHead` alone is not among the headers
 * that `getHeader` knows.
 */
export function renderedContentType(response: ServerResponse): string | undefined {
  const rendered = (response as NodeResponse)._header;
  return /^content-type: *(.*)$/im.exec(rendered ?? '')?.[1];
}

/**
 * Changes headers of a response that has rendered them, for whoever asks the response for them later (logs, adapters of
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
 * What of the above this Node does not have, in words for an error; undefined if all is there. Tries it out on a response that
 * nobody sees, since a method that is there might still have lost its part.
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
