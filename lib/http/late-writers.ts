import type { EventEmitter } from 'node:events';
import type { ServerResponse } from 'node:http';
import type { Http2ServerResponse } from 'node:http2';
import type { Readable } from 'node:stream';
import { isHttp2Response } from '../compat/http2-stream.js';
import { isRefused } from './replaced-headers.js';

/** How long whoever still writes to a response that an error has replaced may take to end it. */
const END_WITHIN_MS = 5000;

/**
 * An error has replaced or ended a response without its handler's doing, who may go on writing to it. That must not end the
 * process (Node emits `error` for a write after the end), nor break the answer off that waits behind others of its connection; and what
 * was piped to it is ended once the pipe is taken apart: nobody else would read it to its end, and what it holds open (a file) would stay
 * open. A source that others read too is left alone.
 * @param isSpared Whether it is to go on, though it is destroyed with this error.
 */
export function forgiveLateWrites(
  response: ServerResponse | Http2ServerResponse,
  isSpared: IsSpared = isLateWrite,
): void {
  response.on('error', noop);
  if (isHttp2Response(response)) outlive(response, isLateWrite);
  else spare(response, isSpared);
  response.on('unpipe', (source: Readable) => process.nextTick(() => letGo(source, response.req)));
}

/**
 * An exception of ours is about to be answered while the handler may have left headers behind that no answer can have, or a pipeline that
 * has not begun to write. That finds the answer where its own was to be, and destroys what it was piped to: without this the connection,
 * with the answer in it.
 */
export function spareAnswer(response: ServerResponse | Http2ServerResponse): void {
  forgiveLateWrites(response, () => response.writableEnded);
  if (response.headersSent) return;
  const isHttp2 = isHttp2Response(response);
  for (const name of response.getHeaderNames())
    if (isRefused(name, response.getHeader(name), isHttp2)) response.removeHeader(name);
}

type IsSpared = (error: NodeJS.ErrnoException | undefined) => boolean;

function spare(response: ServerResponse, isSpared: IsSpared): void {
  const destroy = response.destroy.bind(response);
  response.destroy = (error?: Error) => (isSpared(error) ? response : destroy(error));
}

/**
 * Over HTTP/2 Node breaks off a response that somebody writes to after its end: what its client has not got yet is lost. What is piped
 * to it is let go then: it would wait for ever for a response to go on that does not.
 * @param isSpared Whether it is to go on, though it is destroyed with this error.
 */
export function outlive(response: Http2ServerResponse, isSpared: IsSpared): void {
  const destroy = response.destroy.bind(response);
  const sources = new Set<Readable>();
  response.on('pipe', (source: Readable) => sources.add(source));
  response.on('unpipe', (source: Readable) => sources.delete(source));
  let hasLetGo = false;
  response.destroy = (error?: NodeJS.ErrnoException) => {
    // What is let go ends a pipeline before its time, which then wants to destroy the other end as well.
    const follows = hasLetGo && error?.code === 'ERR_STREAM_PREMATURE_CLOSE';
    if (!follows && !isSpared(error)) return destroy(error);
    hasLetGo = true;
    // A stream closes when its request has been read as well, which a pipe from that to here would hold up for ever.
    response.req.unpipe(response);
    response.req.resume();
    for (const source of sources) {
      source.unpipe(response);
      process.nextTick(() => letGo(source, response.req));
    }
    return response;
  };
}

/** Whether a response is destroyed because somebody has written to it after its end. */
export function isLateWrite(error: NodeJS.ErrnoException | undefined): boolean {
  return error?.code === 'ERR_STREAM_WRITE_AFTER_END';
}

function noop(): void {
  // Whoever wrote has his callback told.
}

/** Its own request is read on: to destroy it would destroy the connection, and unread it would hold up the next one. */
function letGo(source: Readable, req: object | undefined): void {
  if (source === req) source.resume();
  else destroyOrphan(source);
}

function destroyOrphan(source: Readable): void {
  const isRead = source.listenerCount('data') > 0 || source.listenerCount('readable') > 0;
  if (isRead || source.readableEnded || source.readableFlowing === true) return;
  // One that has brought everything ends when that is read; destroyed before, it would leave a pipeline waiting for its end.
  for (let left = source.readableObjectMode ? source.readableLength : 1; left > 0; left -= 1) source.read();
  setImmediate(() => source.readableEnded || source.destroy());
}

/** Breaks a response off that nobody ends in time, so that whoever goes on writing to it hears of it. */
export function breakOffLater(response: EventEmitter & { destroy(): unknown }): void {
  const timer = setTimeout(() => response.destroy(), END_WITHIN_MS).unref();
  response.once('close', () => clearTimeout(timer));
}
