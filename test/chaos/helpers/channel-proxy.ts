import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { onCleanup } from '../../support/cleanup.js';

/** A way to Redis on which the connections that listen to a channel can be broken, and no others. */
export interface ChannelProxy {
  readonly host: string;
  readonly port: number;
  /** How many connections listen now. */
  readonly listening: number;
  /** How many tried to listen, and were not let, since it was cut. */
  readonly refused: number;
  /** Resets those that listen, and each that is about to, until `restore()`. */
  readonly cut: () => void;
  /** A black hole for those that listen and that are about to: they stay open, and what is sent to them is lost. */
  readonly mute: () => void;
  /** Those that come from now on are let through. One that was muted is reset: its stream has a hole. */
  readonly restore: () => void;
}

const SUBSCRIBE = /\r\nsubscribe\r\n/i;

export async function startChannelProxy(target: number): Promise<ChannelProxy> {
  const open = new Set<Socket>();
  const listeners = new Set<Socket>();
  let mode: 'through' | 'cut' | 'mute' = 'through';
  let refused = 0;
  const reset = (): void => listeners.forEach((socket) => socket.resetAndDestroy());

  const server = createServer({ noDelay: true }, (client) => {
    const upstream = connect({ host: '127.0.0.1', port: target, noDelay: true });
    client.on('data', (bytes) => {
      if (SUBSCRIBE.test(bytes.toString('latin1'))) {
        listeners.add(client);
        if (mode !== 'through') refused += 1;
        if (mode === 'cut') return void client.resetAndDestroy();
      }
      if (!(listeners.has(client) && mode === 'mute')) upstream.write(bytes);
    });
    upstream.on('data', (bytes) => {
      if (!(listeners.has(client) && mode === 'mute')) client.write(bytes);
    });
    for (const [socket, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      open.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        open.delete(socket);
        listeners.delete(socket);
        other.destroySoon();
      });
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onCleanup(async () => {
    server.close();
    for (const socket of open) socket.destroy();
    await once(server, 'close');
  });
  const { port } = server.address() as AddressInfo;
  return {
    host: '127.0.0.1',
    port,
    get listening() {
      return listeners.size;
    },
    get refused() {
      return refused;
    },
    cut: () => {
      [mode, refused] = ['cut', 0];
      reset();
    },
    mute: () => {
      [mode, refused] = ['mute', 0];
    },
    restore: () => {
      if (mode === 'mute') reset();
      mode = 'through';
    },
  };
}
