import type { Http2ServerResponse, ServerHttp2Stream } from 'node:http2';

/** Headers as nghttp2 takes them: `name NUL value NUL flags` each, one after the other, and how many. */
export type HeaderList = readonly [headers: string, count: number];

/** nghttp2's side of a stream. Its `respond` and `rstStream` are the last steps of Node's own, when all has been checked. */
export interface StreamHandle {
  respond(headers: HeaderList, options: number): number;
  /** Ends the stream, whatever has been said on it. */
  rstStream(code: number): void;
}

/** A stream's way to its handle: what a Writable calls, one at a time. */
export interface StreamMethods {
  _write(chunk: unknown, encoding: string, callback: (error?: Error | null) => void): void;
  _writev(chunks: unknown[], callback: (error?: Error | null) => void): void;
  _final(callback: (error?: Error | null) => void): void;
  _destroy(error: Error | null, callback: (error?: Error | null) => void): void;
  sendTrailers(headers: object): void;
}

/** Options of {@link StreamHandle.respond}, lib/internal/http2/core.js: the headers end the stream. */
export const EMPTY_PAYLOAD = 1;

/** The code of a stream that is closed without an error. Not from node:http2, which would load HTTP/2 for all. */
export const NO_ERROR = 0;

/** The handle of a stream that is still there; undefined where this Node keeps it elsewhere. */
export function handleOf(stream: ServerHttp2Stream): StreamHandle | undefined {
  for (const key of Object.getOwnPropertySymbols(stream)) {
    const value = (stream as unknown as Record<symbol, unknown>)[key];
    if (isHandle(value)) return value;
  }
  return undefined;
}

/** A list with headers added. @param names In any case; HTTP/2 knows lower case only. */
export function withHeaders(
  [text, count]: HeaderList,
  headers: readonly (readonly [name: string, value: string])[],
): HeaderList {
  let all = text;
  for (const [name, value] of headers) all += `${name.toLowerCase()}\0${value}\0\0`;
  return [all, count + headers.length];
}

/** Node's own methods of a stream, whatever has been put on this one. */
export function methodsOf(stream: ServerHttp2Stream): StreamMethods {
  return Object.getPrototypeOf(stream) as StreamMethods;
}

/**
 * Keeps the idle timer of a stream from being heard once that has been ended. One that goes on is told by it as ever.
 * @returns To be called when it is to run again, from its start.
 */
export function restTimer(stream: ServerHttp2Stream & { readonly timeout?: number }): () => void {
  const emit = stream.emit.bind(stream) as (...args: unknown[]) => boolean;
  let rests = true;
  stream.emit = (name: unknown, ...args: unknown[]) =>
    rests && name === 'timeout' && stream.writableEnded ? true : emit(name, ...args);
  return () => {
    rests = false;
    const { timeout = 0, writableEnded } = stream;
    // What Node has refused is noted there too.
    if (writableEnded && timeout > 0 && Number.isFinite(timeout)) stream.setTimeout(timeout);
  };
}

/** Whether a response is one of HTTP/2's compatibility API. By its shape: to import the class would load HTTP/2 for all. */
export function isHttp2Response(response: object): response is Http2ServerResponse {
  return 'stream' in response && 'createPushResponse' in response;
}

function isHandle(value: unknown): value is StreamHandle {
  return (
    typeof value === 'object' &&
    value !== null &&
    typeof (value as Partial<StreamHandle>).respond === 'function' &&
    typeof (value as Partial<StreamHandle>).rstStream === 'function'
  );
}
