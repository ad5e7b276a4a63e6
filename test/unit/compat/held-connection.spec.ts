import { describe, expect, it } from '@jest/globals';
import { createServer, request, type Server, type ServerResponse } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { once } from 'node:events';
import { holdConnection } from '../../../lib/compat/held-connection.js';
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
    const letGo = holdConnection(response);
    server.close();
    expect(response.req.socket.destroyed).toBe(false);
    expect(response.finished).toBe(true);
    letGo();
    server.closeIdleConnections();
    expect(response.req.socket.destroyed).toBe(true);
  });

  it('keeps its connection from who destroys it, until its bytes have left', async () => {
    const server = createServer();
    const response = await ended(server);
    const { socket } = response.req;
    const letGo = holdConnection(response);
    expect(socket.destroy()).toBe(socket);
    expect(socket.destroyed).toBe(false);
    const closed = once(socket, 'close');
    letGo();
    await closed;
    server.close();
  });

  it('does not keep it from who breaks a response off that was not ended', async () => {
    const server = createServer();
    const response = await ended(server);
    const letGo = holdConnection(response);
    response.finished = false;
    response.req.socket.destroy();
    expect(response.req.socket.destroyed).toBe(true);
    letGo();
    server.close();
  });

  it.each([
    ['ended', true, 'HTTP/1.1 200 OK'],
    ['not ended, as in plain Node', false, ''],
  ])('a client that closes its half gets its answer, where that was %s', async (_, finished, answer) => {
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const client = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    client.end('GET / HTTP/1.1\r\nHost: here\r\n\r\n');
    const [, response] = (await once(server, 'request')) as [unknown, NodeResponse & ServerResponse];
    const letGo = holdConnection(response);
    const { socket } = response.req;
    response.finished = finished;
    await once(socket, 'end');
    expect((server as unknown as { httpAllowHalfOpen: boolean }).httpAllowHalfOpen).toBe(false);
    response.finished = false;
    response.end('here');
    letGo();
    expect(await text(client)).toMatch(answer === '' ? /^$/ : answer);
    server.close();
  });

  it('a response of no server is left alone', () => {
    const response = { req: { socket: null }, socket: null } as unknown as NodeResponse;
    expect(holdConnection(response)).not.toThrow();
  });
});
