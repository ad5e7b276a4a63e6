import { request, type IncomingHttpHeaders, type OutgoingHttpHeaders } from 'node:http';
import { performance } from 'node:perf_hooks';

/** One exchange, as {@link exchangeHttp} is asked for it. */
export interface HttpRequest {
  readonly method: string;
  readonly url: URL;
  readonly headers: OutgoingHttpHeaders;
  readonly body?: string | Buffer | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Called when status and headers are there, before the body. */
  readonly onHeaders?: ((headers: IncomingHttpHeaders) => void) | undefined;
  /** Called with each piece of the body as it arrives (SSE, streams). */
  readonly onData?: ((text: string) => void) | undefined;
}

/** What came back. */
export interface HttpResponse {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  /** From the start of the request to its status line, in ms. */
  readonly timeFirstByteMs: number;
}

/** One request on a connection of its own. Rejects when the connection breaks before the end of the body. */
export function exchangeHttp({
  method,
  url,
  headers,
  body,
  signal,
  ...on
}: HttpRequest): Promise<HttpResponse> {
  return new Promise((resolve, reject) => {
    const startedAt = performance.now();
    // No agent: a connection kept alive would be open still when the test closes its server.
    const sent = request(url, { method, headers, agent: false, ...(signal && { signal }) }, (answer) => {
      const timeFirstByteMs = performance.now() - startedAt;
      on.onHeaders?.(answer.headers);
      let text = '';
      answer.setEncoding('utf8');
      answer.on('data', (piece: string) => {
        text += piece;
        on.onData?.(piece);
      });
      answer.on('error', reject);
      answer.on('end', () =>
        resolve({ status: answer.statusCode ?? 0, headers: answer.headers, text, timeFirstByteMs }),
      );
    });
    sent.on('error', reject);
    sent.end(body);
  });
}
