import { once } from 'node:events';
import { createServer, request, type IncomingMessage, type ServerResponse } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { onCleanup } from './cleanup.js';

/** A load balancer without sticky routing. */
export interface Balancer {
  readonly url: string;
  /** How many requests each upstream got, by its URL. */
  readonly served: ReadonlyMap<string, number>;
  /** Requests from now on go to these. */
  readonly setUpstreams: (urls: readonly string[]) => void;
  readonly close: () => Promise<void>;
}

/**
 * Starts a balancer: each request goes to the next upstream, or to the one after it where the connection is refused.
 * Once connected, nothing is sent twice. Headers and bodies pass as they are. With no upstream left: 502.
 */
export async function startBalancer(upstreams: readonly string[]): Promise<Balancer> {
  let urls = upstreams;
  let turn = 0;
  const served = new Map<string, number>();

  const connectNext = async (): Promise<{ socket: Socket; url: string } | undefined> => {
    const candidates = urls;
    const first = turn++;
    for (let offset = 0; offset < candidates.length; offset++) {
      const url = candidates[(first + offset) % candidates.length];
      if (url === undefined) continue;
      const { hostname, port } = new URL(url);
      const socket = connect({ host: hostname, port: Number(port), noDelay: true });
      try {
        await once(socket, 'connect');
        return { socket, url };
      } catch {
        socket.destroy();
      }
    }
    return undefined;
  };
  const handle = async (incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> => {
    const upstream = await connectNext();
    if (!upstream) {
      outgoing.writeHead(502).end('no upstream');
      return;
    }
    served.set(upstream.url, (served.get(upstream.url) ?? 0) + 1);
    forward(incoming, outgoing, upstream.socket);
  };

  const server = createServer((incoming, outgoing) => {
    handle(incoming, outgoing).catch(() => outgoing.destroy());
  });
  let closing: Promise<unknown> | undefined;
  const close = async (): Promise<void> => {
    forget();
    closing ??= once(server.close(), 'close');
    server.closeAllConnections();
    await closing;
  };
  const forget = onCleanup(close);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    served,
    setUpstreams: (next) => {
      urls = next;
    },
    close,
  };
}

function forward(incoming: IncomingMessage, outgoing: ServerResponse, socket: Socket): void {
  const { method, url: path, rawHeaders } = incoming;
  const sent = request({ method, path, headers: rawHeaders, createConnection: () => socket });
  sent.on('response', (answer) => {
    // Node adds a date of its own where the upstream set none.
    outgoing.sendDate = false;
    outgoing.writeHead(answer.statusCode ?? 502, answer.statusMessage ?? '', answer.rawHeaders);
    outgoing.flushHeaders();
    answer.pipe(outgoing);
    answer.on('error', () => outgoing.destroy());
  });
  sent.on('error', () => outgoing.destroy());
  outgoing.on('close', () => {
    sent.destroy();
    socket.destroy();
  });
  incoming.pipe(sent);
}
