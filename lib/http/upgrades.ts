import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';

/**
 * Calls a listener first, for each request that becomes a socket. Only beside others: a server without any answers a
 * request with an Upgrade header as every other (that of a client which offers HTTP/2, say), and with one it would wait for
 * the listener to do so.
 */
export function beforeUpgrades(
  server: Server,
  listener: (request: IncomingMessage, connection: Duplex) => void,
): void {
  let isThere = false;
  const join = (): void => {
    isThere = true;
    server.prependListener('upgrade', listener);
  };
  server.on('newListener', (event: string | symbol) => {
    if (event === 'upgrade' && !isThere) join();
  });
  server.on('removeListener', (event: string | symbol) => {
    if (event !== 'upgrade' || !isThere || server.listenerCount('upgrade') > 1) return;
    isThere = false;
    server.off('upgrade', listener);
  });
  if (server.listenerCount('upgrade') > 0) join();
}
