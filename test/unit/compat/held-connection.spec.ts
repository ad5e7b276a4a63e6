import { describe, expect, it, jest } from '@jest/globals';
import { createServer, request, type Server, type ServerResponse } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { EventEmitter, once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { holdConnection, type HeldConnection } from '../../../lib/compat/held-connection.js';
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

/** Holds the connection of a response. What ends the wait, as an outlet does it that has `sent` kept back. */
function hold(response: NodeResponse): (send?: () => void) => void {
  const connection = holdConnection(response) as HeldConnection;
  connection.stopTimer();
  return (send) => {
    connection.letGo(response);
    send?.();
    connection.goOn();
  };
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
    const letGo = hold(response);
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
    const letGo = hold(response);
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
    const letGo = hold(response);
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
    const letGo = hold(response);
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

  it('keeps its connection from who ends it or writes to it: that comes behind it, in order', async () => {
    const server = createServer();
    const response = await ended(server);
    const { socket } = response.req;
    const letGo = hold(response);
    const told: string[] = [];
    expect(socket.write('one', () => told.push('one'))).toBe(true);
    expect(socket.write(Buffer.from('two'), undefined, () => told.push('two'))).toBe(true);
    expect(socket.end('three', () => told.push('three'))).toBe(socket);
    socket.destroySoon();
    expect([socket.bytesWritten, socket.writable]).toEqual([0, true]);
    const finished = once(socket, 'finish');
    letGo(() => void socket.write('answer,'));
    await finished;
    expect(socket.bytesWritten).toBe('answer,onetwothree'.length);
    expect(told).toEqual(['one', 'two', 'three']);
    server.close();
  });

  it.each<[string, (socket: Socket) => unknown, string]>([
    ['a chunk', (socket) => socket.write(1 as never), 'ERR_INVALID_ARG_TYPE'],
    ['an encoding', (socket) => socket.write('x', 'nonsense' as never), 'ERR_UNKNOWN_ENCODING'],
    ['a last chunk', (socket) => socket.end(1 as never), 'ERR_INVALID_ARG_TYPE'],
    ['a timeout', (socket) => socket.setTimeout('x' as never), 'ERR_INVALID_ARG_TYPE'],
  ])('%s that no connection takes is refused at once', async (_, refused, code) => {
    const server = createServer();
    const response = await ended(server);
    const letGo = hold(response);
    expect(() => refused(response.req.socket)).toThrow(expect.objectContaining({ code }));
    response.req.socket.destroy();
    letGo();
    server.close();
  });

  it('who writes to a connection that was destroyed meanwhile, or has gone, is told', async () => {
    const server = createServer();
    const response = await ended(server);
    const { socket } = response.req;
    const letGo = hold(response);
    const told: unknown[] = [];
    const tell = (error?: NodeJS.ErrnoException | null): void => void told.push(error?.code);
    socket.write('before', tell);
    socket.destroy();
    expect(socket.write('after', tell)).toBe(false);
    expect(socket.end('after', tell)).toBe(socket);
    letGo(() => socket.destroy());
    await once(socket, 'close');
    expect(told).toEqual(Array.from({ length: 3 }, () => 'ERR_STREAM_DESTROYED'));
    server.close();
  });

  it('what is done to its connection comes behind those that were ended behind it', async () => {
    const server = createServer();
    const [first, second] = [await ended(server), new EventEmitter() as NodeResponse];
    const { socket } = first.req;
    Object.assign(second, { req: first.req, socket: null, finished: true });
    const [letFirstGo, letSecondGo] = [hold(first), hold(second)];
    const carrier = socket as unknown as { _httpMessage: NodeResponse | null };
    socket.end('more');
    letFirstGo();
    socket.destroySoon();
    expect(socket.writableEnded).toBe(false);
    carrier._httpMessage = second;
    first.emit('close');
    expect(socket.writableEnded).toBe(false);
    letSecondGo(() => void socket.write('second,'));
    expect(socket.writableEnded).toBe(false);
    carrier._httpMessage = null;
    second.emit('close');
    await once(socket, 'close');
    expect(socket.bytesWritten).toBe('second,more'.length);
    server.close();
  });

  it('one that was not ended is no sooner cut off where another behind it is let go', async () => {
    const server = createServer();
    const [first, second] = [await ended(server), new EventEmitter() as NodeResponse];
    const { socket } = first.req;
    first.finished = false;
    Object.assign(second, { req: first.req, socket: null, finished: true });
    const [letFirstGo, letSecondGo] = [hold(first), hold(second)];
    socket.end();
    letSecondGo();
    expect(socket.writableEnded).toBe(false);
    letFirstGo(() => void socket.write('first'));
    socket.destroy();
    expect(socket.bytesWritten).toBe('first'.length);
    server.close();
  });

  it.each([
    ['stands still, and starts anew', undefined, 40],
    ['is the one that somebody has set meanwhile', 30, 30],
  ])('its idle timer %s', async (_, another, expected) => {
    const server = createServer();
    const response = await ended(server);
    const { socket } = response.req;
    const expired = jest.fn();
    socket.setTimeout(40, expired);
    const letGo = hold(response);
    if (another !== undefined) socket.setTimeout(another);
    await sleep(80);
    expect(expired).not.toHaveBeenCalled();
    letGo();
    expect(socket.timeout).toBe(expected);
    await once(socket, 'timeout');
    expect(expired).toHaveBeenCalledTimes(1);
    response.req.socket.destroy();
    server.close();
  });

  it('the idle timer of one that was not ended runs', async () => {
    const server = createServer();
    const response = await ended(server);
    response.finished = false;
    response.req.socket.setTimeout(10);
    const letGo = hold(response);
    await once(response, 'timeout');
    letGo();
    response.req.socket.destroy();
    server.close();
  });

  it('a response of no server is left alone', () => {
    const response = { req: { socket: null }, socket: null } as unknown as NodeResponse;
    expect(holdConnection(response)).toBeUndefined();
  });
});
