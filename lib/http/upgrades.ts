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
  const own = (request: IncomingMessage, connection: Duplex): void => listener(request, connection);
  const isThere = (): boolean => server.listeners('upgrade').includes(own);
  const follow = (event: string | symbol): void => {
    if (event === 'upgrade' && !isThere()) server.prependListener('upgrade', own);
  };
  if (server.listenerCount('upgrade') > 0) server.prependListener('upgrade', own);
  server.on('newListener', follow);
  server.on('removeListener', (event: string | symbol) => {
    if (event === 'upgrade' && isThere() && server.listenerCount('upgrade') === 1) server.off('upgrade', own);
  });
}
