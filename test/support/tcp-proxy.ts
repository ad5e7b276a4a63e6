import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { onCleanup } from './cleanup.js';
import { freePort } from './free-port.js';
import { Pipe } from './tcp-pipe.js';

/** A delay for both directions, or one for each. In ms. */
export type Delay = number | { toServer?: number | undefined; toClient?: number | undefined };

/** A bad network between a client and a server on 127.0.0.1. */
export interface TcpProxy {
  readonly host: string;
  readonly port: number;
  /** How many connections go through it now. */
  readonly connections: number;
  /** How many were accepted so far. */
  readonly accepted: number;
  /** Holds back what arrives from now on for so long, in each direction. Order and bytes are kept. */
  readonly setDelay: (delay: Delay) => void;
  /** A black hole: connections stay open and are accepted, nothing gets through, not even their end. */
  readonly stall: () => void;
  /** Lets everything go that was held. */
  readonly unstall: () => void;
  /** Closes all connections (FIN); with `refuse`, new ones are refused until `restore()`. */
  readonly cut: (options?: { refuse?: boolean }) => Promise<void>;
  /** Accepts connections again, on the same port. */
  readonly restore: () => Promise<void>;
  /** Resets all connections (RST). */
  readonly reset: () => void;
  readonly close: () => Promise<void>;
}

/** Starts a proxy to a port of 127.0.0.1. A client is reset when the target cannot be reached. */
export async function startProxy(targetPort: number): Promise<TcpProxy> {
  const host = '127.0.0.1';
  const port = await freePort();
  const links = new Set<Link>();
  let server: Server | undefined;
  let delay: Delay = 0;
  let stalled = false;
  let accepted = 0;

  const accept = (client: Socket): void => {
    accepted++;
    const upstream = connect({ host, port: targetPort, noDelay: true, allowHalfOpen: true });
    const link: Link = {
      sockets: [client, upstream],
      pipes: [
        new Pipe(client, upstream, () => (typeof delay === 'number' ? delay : (delay.toServer ?? 0))),
        new Pipe(upstream, client, () => (typeof delay === 'number' ? delay : (delay.toClient ?? 0))),
      ],
    };
    links.add(link);
    for (const pipe of link.pipes) pipe.hold(stalled);
    const closed = (): void => {
      if (!link.sockets.every((socket) => socket.closed)) return;
      for (const pipe of link.pipes) pipe.abandon();
      links.delete(link);
    };
    for (const socket of link.sockets) socket.on('error', () => undefined).on('close', closed);
  };
  const listen = async (): Promise<void> => {
    if (server) return;
    server = createServer({ noDelay: true, allowHalfOpen: true }, accept).listen(port, host);
    await once(server, 'listening');
  };
  const holdAll = (held: boolean): void => {
    stalled = held;
    for (const { pipes } of links) for (const pipe of pipes) pipe.hold(held);
  };
  const endAll = (end: (socket: Socket) => void): void => {
    for (const { sockets, pipes } of links) {
      for (const pipe of pipes) pipe.abandon();
      sockets.forEach(end);
    }
    links.clear();
  };
  const cut = async ({ refuse = false } = {}): Promise<void> => {
    const listening = refuse ? server : undefined;
    if (refuse) server = undefined;
    listening?.close();
    endAll((socket) => socket.destroy());
    if (listening) await once(listening, 'close');
  };
  const close = async (): Promise<void> => {
    forget();
    await cut({ refuse: true });
  };
  const forget = onCleanup(close);

  await listen();
  return {
    host,
    port,
    get connections() {
      return links.size;
    },
    get accepted() {
      return accepted;
    },
    setDelay: (next) => {
      delay = next;
    },
    stall: () => holdAll(true),
    unstall: () => holdAll(false),
    cut,
    restore: listen,
    reset: () => endAll((socket) => socket.resetAndDestroy()),
    close,
  };
}

interface Link {
  readonly sockets: readonly [Socket, Socket];
  readonly pipes: readonly [Pipe, Pipe];
}
