import { createServer, request, type IncomingMessage, type ServerResponse } from 'node:http';
import { type AddressInfo } from 'node:net';

const HOST = '127.0.0.1';
const PER_CONNECTION = new Set(['connection', 'keep-alive', 'proxy-connection']);

/**
 * A proxy that gives each request to the next node in turn, and to the one after it when a node refuses the
 * connection. It knows nothing of sessions: that is the point.
 */
export class Balancer {
  private readonly nodes = new Map<string, number | undefined>();
  private readonly server = createServer((incoming, outgoing) => this.serve(incoming, outgoing));
  private turn = 0;

  /** Starts to listen on loopback; resolves to the port. Rejects if the port is taken (EADDRINUSE). */
  async listen(port: number): Promise<number> {
    await new Promise<void>((resolve, reject) =>
      this.server.once('error', reject).listen(port, HOST, resolve),
    );
    return (this.server.address() as AddressInfo).port;
  }

  /** Says where a node listens now; undefined while it is down. */
  setNode(name: string, port: number | undefined): void {
    this.nodes.set(name, port);
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.server.close(resolve));
    this.server.closeAllConnections();
    await closed;
  }

  private serve(incoming: IncomingMessage, outgoing: ServerResponse): void {
    const up = [...this.nodes.values()].filter((port) => port !== undefined);
    const first = up.length === 0 ? 0 : this.turn++ % up.length;
    this.forward(incoming, outgoing, [...up.slice(first), ...up.slice(0, first)]);
  }

  private forward(incoming: IncomingMessage, outgoing: ServerResponse, candidates: readonly number[]): void {
    const [port, ...others] = candidates;
    if (port === undefined) {
      fail(outgoing, 503, 'No node is up at the moment. Reload in a second, or see the terminal.');
      return;
    }
    const upstream = request({
      host: HOST,
      port,
      method: incoming.method,
      path: incoming.url,
      headers: forwardedHeaders(incoming),
      // A connection for each request: a reused one may be half closed, and then a retry could repeat a POST.
      agent: false,
    });
    let connected = false;
    // The body is first touched here, so that a node that refuses leaves it whole for the next one.
    upstream.once('socket', (socket) =>
      socket.once('connect', () => {
        connected = true;
        incoming.pipe(upstream);
      }),
    );
    upstream.once('response', (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.statusMessage, endToEnd(answer.rawHeaders));
      answer.once('error', () => outgoing.destroy());
      answer.pipe(outgoing);
    });
    upstream.once('error', () => {
      if (outgoing.headersSent) outgoing.destroy();
      else if (connected && !isSafe(incoming))
        fail(outgoing, 502, 'The node died over this request. Try again.');
      else if (!outgoing.destroyed) this.forward(incoming, outgoing, others);
    });
    outgoing.once('close', () => upstream.destroy());
  }
}

/** Whether a request that a node may have seen can be given to another one. */
function isSafe(incoming: IncomingMessage): boolean {
  return incoming.method === 'GET' || incoming.method === 'HEAD';
}

function forwardedHeaders(incoming: IncomingMessage): string[] {
  const headers = endToEnd(incoming.rawHeaders);
  headers.push('X-Forwarded-For', incoming.socket.remoteAddress ?? '', 'X-Forwarded-Proto', 'http');
  return headers;
}

/** Raw headers (name, value, name, value, …), case and repetitions kept, without those of one connection. */
function endToEnd(rawHeaders: readonly string[]): string[] {
  return rawHeaders.filter((_, at) => !PER_CONNECTION.has((rawHeaders[at - (at % 2)] ?? '').toLowerCase()));
}

function fail(outgoing: ServerResponse, status: number, text: string): void {
  outgoing.writeHead(status, { 'Content-Type': 'text/plain; charset=utf-8', 'Retry-After': '1' });
  outgoing.end(`${text}\n`);
}
