import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { onCleanup } from '../../support/cleanup.js';
import { startProxy, type TcpProxy } from '../../support/tcp-proxy.js';

let echoPort = 0;
beforeAll(async () => {
  const echo = createServer((socket) => socket.on('error', () => undefined).pipe(socket)).listen(
    0,
    '127.0.0.1',
  );
  onCleanup(() => echo.close());
  await once(echo, 'listening');
  echoPort = (echo.address() as AddressInfo).port;
});

async function open({
  port,
}: TcpProxy): Promise<{ socket: Socket; read: (length: number) => Promise<string> }> {
  const socket = connect(port, '127.0.0.1');
  onCleanup(() => socket.destroy());
  await once(socket, 'connect');
  let text = '';
  socket.setEncoding('latin1').on('data', (piece: string) => (text += piece));
  return {
    socket,
    read: async (length) => {
      while (text.length < length) await once(socket, 'data');
      return text;
    },
  };
}

describe('startProxy', () => {
  it('hands everything on, and the end of each direction', async () => {
    const proxy = await startProxy(echoPort);
    const { socket, read } = await open(proxy);
    const sent = 'x'.repeat(1_000_000);
    socket.end(sent);
    expect(await read(sent.length)).toBe(sent);
    if (!socket.closed) await once(socket, 'close');
    expect(proxy.accepted).toBe(1);
  });

  it('delays each direction, in order, also when the delay shrinks', async () => {
    const proxy = await startProxy(echoPort);
    proxy.setDelay({ toServer: 60, toClient: 40 });
    const { socket, read } = await open(proxy);
    const startedAt = performance.now();
    socket.write('slow ');
    expect(await read(5)).toBe('slow ');
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(98);

    const secondAt = performance.now();
    const delays = [60, 1];
    await new Promise<void>((taken) => {
      proxy.setDelay({
        // Asked for each piece as it arrives, so '2' is sent once '1' is under way.
        get toServer() {
          taken();
          return delays.shift();
        },
      });
      socket.write('1');
    });
    socket.write('2');
    expect(await read(7)).toBe('slow 12');
    expect(performance.now() - secondAt).toBeGreaterThanOrEqual(58);
  });

  it('lets nothing through while stalled, not even an end, and everything afterwards', async () => {
    const proxy = await startProxy(echoPort);
    const { socket, read } = await open(proxy);
    proxy.stall();
    socket.write('held');
    const late = await open(proxy);
    late.socket.write('too');
    // A third connection that is open and echoed around the proxy is the clock: what went first would be here.
    const around = await open({ ...proxy, port: echoPort });
    around.socket.write('now');
    await around.read(3);
    expect([socket.bytesRead, late.socket.bytesRead]).toEqual([0, 0]);
    proxy.unstall();
    expect(await read(4)).toBe('held');
    expect(await late.read(3)).toBe('too');
  });

  it('cuts, refuses and comes back on the same port', async () => {
    const proxy = await startProxy(echoPort);
    const { socket, read } = await open(proxy);
    socket.write('a');
    await read(1);
    const closed = once(socket, 'close');
    await proxy.cut({ refuse: true });
    expect(await closed).toEqual([false]);
    await expect(open(proxy)).rejects.toThrow(/ECONNREFUSED/);
    expect(proxy.connections).toBe(0);

    await proxy.restore();
    const again = await open(proxy);
    again.socket.write('b');
    expect(await again.read(1)).toBe('b');
  });

  it('resets', async () => {
    const proxy = await startProxy(echoPort);
    const { socket, read } = await open(proxy);
    socket.write('a');
    await read(1);
    const error = once(socket, 'error');
    proxy.reset();
    expect(await error).toEqual([expect.objectContaining({ code: 'ECONNRESET' })]);
  });
});
