import { once } from 'node:events';
import { Agent, createServer, request, type IncomingMessage, type ServerResponse } from 'node:http';
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

/** What {@link startBalancer} can be asked for. */
export interface BalancerOptions {
  /** Whether connections to upstreams are kept and used again, as most balancers do. Default: one for each request. */
  readonly keepAlive?: boolean | undefined;
}

const PER_CONNECTION = new Set(['connection', 'keep-alive']);

/**
 * Starts a balancer: each request goes to the next upstream, or to the one after it where the connection is refused.
 * Once connected, nothing is sent twice. Headers and bodies pass as they are. With no upstream left: 502.
 */
export async function startBalancer(
  upstreams: readonly string[],
  { keepAlive = false }: BalancerOptions = {},
): Promise<Balancer> {
  const agent = keepAlive ? new Agent({ keepAlive, scheduling: 'fifo' }) : undefined;
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
  const count = (url: string): void => void served.set(url, (served.get(url) ?? 0) + 1);
  /** Through kept connections. One that ends under a request is an error: it may have been served. */
  const passOn = (
    incoming: IncomingMessage,
    outgoing: ServerResponse,
    agent: Agent,
    candidates: readonly string[],
  ): void => {
    const [url, ...others] = candidates;
    if (url === undefined) return void outgoing.writeHead(502).end('no upstream');
    const { hostname: host, port } = new URL(url);
    const headers = endToEnd(incoming.rawHeaders);
    const sent = request({ host, port, method: incoming.method, path: incoming.url, headers, agent });
    let connected = false;
    const begin = (): void => {
      connected = true;
      count(url);
      incoming.pipe(sent);
    };
    sent.on('socket', (socket) => (socket.connecting ? socket.once('connect', begin) : begin()));
    sent.on('response', (answer) => answerWith(answer, outgoing, endToEnd(answer.rawHeaders)));
    sent.on('error', () =>
      connected || outgoing.destroyed ? outgoing.destroy() : passOn(incoming, outgoing, agent, others),
    );
    // Once the answer is complete its connection is somebody else's.
    outgoing.on('close', () => outgoing.writableFinished || sent.destroy());
  };
  const handle = async (incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> => {
    if (agent !== undefined) {
      const first = turn++ % Math.max(1, urls.length);
      return passOn(incoming, outgoing, agent, [...urls.slice(first), ...urls.slice(0, first)]);
    }
    const upstream = await connectNext();
    if (!upstream) {
      outgoing.writeHead(502).end('no upstream');
      return;
    }
    count(upstream.url);
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
    agent?.destroy();
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
  sent.on('response', (answer) => answerWith(answer, outgoing, answer.rawHeaders));
  sent.on('error', () => outgoing.destroy());
  outgoing.on('close', () => {
    sent.destroy();
    socket.destroy();
  });
  incoming.pipe(sent);
}

function answerWith(answer: IncomingMessage, outgoing: ServerResponse, rawHeaders: string[]): void {
  // Node adds a date of its own where the upstream set none.
  outgoing.sendDate = false;
  outgoing.writeHead(answer.statusCode ?? 502, answer.statusMessage ?? '', rawHeaders);
  outgoing.flushHeaders();
  answer.pipe(outgoing);
  answer.on('error', () => outgoing.destroy());
}

/** Raw headers (name, value, name, value, …) without those of one connection. */
function endToEnd(rawHeaders: readonly string[]): string[] {
  return rawHeaders.filter((_, at) => !PER_CONNECTION.has((rawHeaders[at - (at % 2)] ?? '').toLowerCase()));
}
