import { once } from 'node:events';
import {
  connect,
  constants,
  type ClientHttp2Session,
  type ClientHttp2Stream,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
} from 'node:http2';
import type { AddressInfo, Server } from 'node:net';
import type { Client } from './client.js';
import type { Program } from './program.js';

/** What came on one stream. */
class Exchange {
  text = '';
  closed = false;

  constructor(stream: ClientHttp2Stream) {
    stream
      .on('headers', (headers) => this.#head(headers))
      .on('response', (headers) => this.#head(headers))
      .on('data', (bytes: Buffer) => (this.text += bytes.toString('latin1')))
      .on(
        'trailers',
        (headers: IncomingHttpHeaders) =>
          (this.text += `trailers ${JSON.stringify(Object.entries(headers))}`),
      )
      // Its code says the same.
      .on('error', () => undefined)
      .on('close', () => {
        if (stream.rstCode !== constants.NGHTTP2_NO_ERROR) this.text += `[closed with ${stream.rstCode}]`;
        this.closed = true;
      });
  }

  #head(headers: IncomingHttpHeaders & { ':status'?: number | undefined }): void {
    const lines = Object.entries(headers)
      .filter(([name]) => !name.startsWith(':'))
      .flatMap(([name, value]) => [value].flat().map((one) => `${name}: ${one}\r\n`));
    this.text += `HTTP/1.1 ${headers[':status']}\r\n${lines.join('')}\r\n`;
  }
}

/** A session of HTTP/2 in clear text. */
export class Http2Client implements Client {
  readonly #session: ClientHttp2Session;
  readonly #exchanges: Exchange[] = [];
  #program: ClientHttp2Stream | undefined;
  #peer: ServerHttp2Session | undefined;

  private constructor(session: ClientHttp2Session) {
    this.#session = session;
    session.on('error', () => undefined);
  }

  static async connect(server: Server): Promise<Http2Client> {
    const { port } = server.address() as AddressInfo;
    const accepted = once(server, 'session') as Promise<[ServerHttp2Session]>;
    const client = new Http2Client(connect(`http://127.0.0.1:${port}`));
    await once(client.#session, 'connect');
    [client.#peer] = await accepted;
    return client;
  }

  get closed(): boolean {
    return this.#session.closed || this.#session.destroyed;
  }

  /** A session that is only closed still gets what its streams are owed. */
  get caughtUp(): boolean {
    return this.#session.destroyed || this.#exchanges.every(({ closed }) => closed);
  }

  get gone(): boolean {
    return this.#session.destroyed && (this.#peer?.destroyed ?? true);
  }

  get received(): string {
    return this.#exchanges.map(({ text }) => text).join('');
  }

  begin({ request }: Program, path: string, cookie: string | undefined): void {
    const stream = this.#ask(path, request.method, {
      ...(cookie !== undefined && { cookie }),
      ...(request.method === 'POST' && { 'content-type': 'text/plain', 'content-length': request.body }),
    });
    this.#program = stream;
    if (request.method === 'POST') stream?.end('b'.repeat(request.body));
    this.#ask('/next');
  }

  askOnceMore(): void {
    this.#ask('/after');
  }

  /** `end`: only the stream is given up, which leaves the others as they are. */
  leave(how: 'end' | 'destroy' | 'reset'): void {
    if (how !== 'end') this.#session.destroy();
    else this.#program?.close(constants.NGHTTP2_CANCEL);
  }

  bye(): void {
    this.#session.destroy();
  }

  #ask(
    path: string,
    method = 'GET',
    more: Record<string, string | number> = {},
  ): ClientHttp2Stream | undefined {
    if (this.closed) return undefined;
    const head = { ':path': path, ':method': method, ...more };
    const stream = this.#session.request(head, { endStream: method !== 'POST' });
    this.#exchanges.push(new Exchange(stream));
    return stream;
  }
}
