import { describe, expect, it } from '@jest/globals';
import { createServer, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';
import { keepFromIdleClosing } from '../../../lib/compat/idle-connections.js';
import type { NodeResponse } from '../../../lib/compat/outgoing-message.js';

/** A response that Node takes for ended, whose connection is still needed. */
async function ended(server: Server): Promise<NodeResponse> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  request({ port, host: '127.0.0.1' })
    .on('error', () => undefined)
    .end();
  const [, response] = (await once(server, 'request')) as [unknown, NodeResponse];
  response.finished = true;
  return response;
}

describe('a response that was ended and has not left', () => {
  it('its connection is destroyed as idle by Node alone: the reason for all this', async () => {
    const server = createServer();
    const response = await ended(server);
    const closed = once(response.req.socket, 'close');
    server.close();
    await closed;
    expect(response.req.socket.destroyed).toBe(true);
  });

  it('keeps its connection through close(), until it is let go', async () => {
    const server = createServer();
    const response = await ended(server);
    const letGo = keepFromIdleClosing(response);
    server.close();
    expect(response.req.socket.destroyed).toBe(false);
    expect(response.finished).toBe(true);
    letGo?.();
    server.closeIdleConnections();
    expect(response.req.socket.destroyed).toBe(true);
  });

  it('a response of no server is left alone', () => {
    expect(keepFromIdleClosing({ req: { socket: null } } as unknown as NodeResponse)).toBeUndefined();
  });
});
