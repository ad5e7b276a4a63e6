import type { EventEmitter } from 'node:events';
import type { Readable } from 'node:stream';

/** How long whoever still writes to a response that an error has replaced may take to end it. */
const END_WITHIN_MS = 5000;

/**
 * Ends what was piped to a response that an error has replaced, once the pipe is taken apart: nobody else would read it to
 * its end, and what it holds open (a file) would stay open. A source that others read too is left alone.
 */
export function freeOrphans(response: EventEmitter): void {
  response.on('unpipe', (source: Readable) => process.nextTick(destroyOrphan, source));
}

function destroyOrphan(source: Readable): void {
  const isRead = source.listenerCount('data') > 0 || source.listenerCount('readable') > 0;
  if (!isRead && !source.readableEnded && source.readableFlowing !== true) source.destroy();
}

/** Breaks a response off that nobody ends in time, so that whoever goes on writing to it hears of it. */
export function breakOffLater(response: EventEmitter & { destroy(): unknown }): void {
  const timer = setTimeout(() => response.destroy(), END_WITHIN_MS).unref();
  response.once('close', () => clearTimeout(timer));
}
