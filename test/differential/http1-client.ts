import { once } from 'node:events';
import { connect, type AddressInfo, type Server, type Socket } from 'node:net';
import type { Client } from './client.js';
import type { Program, ProgramRequest } from './program.js';

/** A connection of raw bytes. */
export class Http1Client implements Client {
  readonly #socket: Socket;
  readonly #received: Buffer[] = [];
  #bytes = 0;
  #closed = false;
  #peer: Socket | undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket
      .on('data', (bytes) => {
        this.#received.push(bytes);
        this.#bytes += bytes.length;
      })
      // A reset is a way in which connections end here.
      .on('error', () => undefined)
      .on('close', () => (this.#closed = true));
  }

  static async connect(server: Server): Promise<Http1Client> {
    const { port } = server.address() as AddressInfo;
    const accepted = once(server, 'connection') as Promise<[Socket]>;
    const client = new Http1Client(connect({ port, host: '127.0.0.1', noDelay: true }));
    await once(client.#socket, 'connect');
    [client.#peer] = await accepted;
    return client;
  }

  get closed(): boolean {
    return this.#closed;
  }

  get caughtUp(): boolean {
    return this.#closed || this.#bytes === this.#peer?.bytesWritten;
  }

  get gone(): boolean {
    return this.#closed && this.#peer?.destroyed === true;
  }

  get received(): string {
    return Buffer.concat(this.#received).toString('latin1');
  }

  begin(program: Program, path: string, cookie: string | undefined): void {
    this.#send(requestsOf(program, path, cookie));
  }

  askOnceMore(): void {
    this.#send(simpleRequest('/after'));
  }

  leave(how: 'end' | 'destroy' | 'reset'): void {
    if (how === 'end') this.#socket.end();
    else if (how === 'destroy') this.#socket.destroy();
    else this.#socket.resetAndDestroy();
  }

  bye(): void {
    this.#socket.end();
  }

  #send(text: string): void {
    if (!this.#socket.destroyed) this.#socket.write(text, 'latin1');
  }
}

/** What is sent at once: the request, with others around it. */
function requestsOf(program: Program, path: string, cookie: string | undefined): string {
  const before = program.behind ? simpleRequest('/before') : '';
  // Node refuses what follows a request that is its connection's last, with a 400 in the middle of the answer to that.
  const behind = isLast(program.request) ? '' : simpleRequest('/next');
  return before + programRequest(program.request, path, cookie) + behind;
}

/** Whether a request says that no other comes after it. */
function isLast({ version, connection }: ProgramRequest): boolean {
  return connection === 'close' || (version === '1.0' && connection === 'default');
}

/** A request that a program has no say in. */
function simpleRequest(path: string): string {
  return `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`;
}

function programRequest(request: ProgramRequest, path: string, cookie: string | undefined): string {
  const { method, version, connection, body, expectsContinue } = request;
  const lines = [`${method} ${path} HTTP/${version}`, 'Host: a'];
  if (connection !== 'default') lines.push(`Connection: ${connection}`);
  if (cookie !== undefined) lines.push(`Cookie: ${cookie}`);
  if (expectsContinue) lines.push('Expect: 100-continue');
  if (method === 'POST') lines.push('Content-Type: text/plain', `Content-Length: ${body}`);
  return `${lines.join('\r\n')}\r\n\r\n${'b'.repeat(body)}`;
}
