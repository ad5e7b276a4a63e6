import { once } from 'node:events';
import { createServer, request, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onCleanup } from '../support/cleanup.js';

interface Cached {
  readonly vary: readonly string[];
  readonly requestHeaders: IncomingHttpHeaders;
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** A shared cache in front of a server. */
export interface CachingProxy {
  readonly url: string;
  /** Answers that came from the cache. */
  readonly hits: () => number;
}

/**
 * Starts a shared cache that keeps whatever RFC 9111 lets it, and is as eager as that allows: GET answers without `private` or
 * `no-store` are kept for good, even with Set-Cookie, and reused where the headers named by Vary are the same.
 */
export async function startCachingProxy(upstream: string): Promise<CachingProxy> {
  const kept = new Map<string, Cached[]>();
  let hits = 0;
  const server = createServer((incoming, outgoing) => {
    const { url = '/', method = 'GET', headers } = incoming;
    const found = kept
      .get(url)
      ?.find((entry) => entry.vary.every((name) => entry.requestHeaders[name] === headers[name]));
    if (method === 'GET' && found) {
      hits += 1;
      answer(outgoing, found);
      return;
    }
    const sent = request(new URL(url, upstream), { method, headers, agent: false }, (response) => {
      const pieces: Buffer[] = [];
      response.on('data', (piece: Buffer) => pieces.push(piece));
      response.on('error', () => outgoing.destroy());
      response.on('end', () => {
        const vary = (response.headers.vary ?? '').toLowerCase().split(/, */).filter(Boolean);
        const entry: Cached = {
          vary,
          requestHeaders: headers,
          status: response.statusCode ?? 502,
          headers: response.headers,
          body: Buffer.concat(pieces),
        };
        if (method === 'GET' && mayBeKept(entry)) kept.set(url, [...(kept.get(url) ?? []), entry]);
        answer(outgoing, entry);
      });
    });
    sent.on('error', () => outgoing.destroy());
    incoming.pipe(sent);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onCleanup(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, hits: () => hits };
}

function mayBeKept({ headers, vary }: Cached): boolean {
  return !/private|no-store/i.test(headers['cache-control'] ?? '') && !vary.includes('*');
}

function answer(outgoing: ServerResponse, { status, headers, body }: Cached): void {
  const { 'transfer-encoding': _chunked, connection: _connection, ...rest } = headers;
  outgoing.writeHead(status, { ...rest, 'content-length': body.length }).end(body);
}
