import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { onCleanup } from '../../support/cleanup.js';

/** What is done to bytes on their way to the client; undefined: they are lost and the connection with them. */
export type OnReply = (bytes: Buffer) => Buffer | undefined;

/** An address in front of Redis that can be led elsewhere, like a virtual IP, and whose lines can go dead. */
export interface Switchboard {
  readonly host: string;
  readonly port: number;
  /** New connections lead there. */
  target: number;
  onReply: OnReply;
  /** How many connections it took so far. */
  readonly accepted: number;
  /** Lines that are open go dead without a word (half-open); new ones work. */
  readonly deaden: () => void;
  /** Whether new lines are dead as well. */
  deadOnArrival: boolean;
}

export async function startSwitchboard(target: number): Promise<Switchboard> {
  const lines = new Set<{ dead: boolean; sockets: Socket[] }>();
  let accepted = 0;
  const server = createServer({ noDelay: true }, (client) => {
    accepted += 1;
    const upstream = connect({ host: '127.0.0.1', port: board.target, noDelay: true });
    const line = { dead: board.deadOnArrival, sockets: [client, upstream] };
    lines.add(line);
    client.on('data', (bytes) => line.dead || upstream.write(bytes));
    upstream.on('data', (bytes) => {
      if (line.dead) return;
      const changed = board.onReply(bytes);
      if (changed === undefined) client.destroy();
      else client.write(changed);
    });
    for (const [socket, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      socket.on('error', () => undefined);
      socket.on('close', () => line.dead || other.destroy());
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const board = {
    host: '127.0.0.1',
    port: (server.address() as AddressInfo).port,
    target,
    onReply: ((bytes) => bytes) as OnReply,
    get accepted() {
      return accepted;
    },
    deaden: () => {
      for (const line of lines) line.dead = true;
    },
    deadOnArrival: false,
  };
  onCleanup(async () => {
    server.close();
    for (const { sockets } of lines) for (const socket of sockets) socket.destroy();
    await once(server, 'close').catch(() => undefined);
  });
  return board;
}
