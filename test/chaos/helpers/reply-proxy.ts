import { once } from 'node:events';
import { connect, createServer, type AddressInfo } from 'node:net';
import { onCleanup } from '../../support/cleanup.js';

/** What is done to one whole reply: handed on, another in its place, or half of it and then the end of the line. */
export type OnReply = (reply: Buffer) => Buffer | 'cut';

/** A way to Redis on which replies are tampered with, one by one. */
export interface ReplyProxy {
  readonly host: string;
  readonly port: number;
  onReply: OnReply;
}

export async function startReplyProxy(target: number): Promise<ReplyProxy> {
  const sockets = new Set<{ destroy: () => unknown }>();
  const server = createServer({ noDelay: true }, (client) => {
    const upstream = connect({ host: '127.0.0.1', port: target, noDelay: true });
    let waiting = Buffer.alloc(0);
    client.pipe(upstream);
    upstream.on('data', (bytes: Buffer) => {
      waiting = Buffer.concat([waiting, bytes]);
      for (let end = endOfReply(waiting, 0); end !== undefined; end = endOfReply(waiting, 0)) {
        const reply = waiting.subarray(0, end);
        waiting = waiting.subarray(end);
        const changed = proxy.onReply(reply);
        if (changed === 'cut') {
          client.write(reply.subarray(0, Math.ceil(reply.length / 2)), () => client.destroy());
          upstream.destroy();
          return;
        }
        client.write(changed);
      }
    });
    for (const [socket, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        sockets.delete(socket);
        other.destroySoon();
      });
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onCleanup(async () => {
    server.close();
    for (const socket of sockets) socket.destroy();
    await once(server, 'close');
  });
  const { port } = server.address() as AddressInfo;
  const proxy: ReplyProxy = { host: '127.0.0.1', port, onReply: (reply) => reply };
  return proxy;
}

/** Where the reply that begins at `from` ends (RESP 2 and 3); undefined: it is not complete. */
export function endOfReply(bytes: Buffer, from: number): number | undefined {
  const lineEnd = bytes.indexOf('\r\n', from);
  if (lineEnd < 0) return undefined;
  const after = lineEnd + 2;
  const kind = String.fromCharCode(bytes[from] ?? 0);
  if ('+-:_,#('.includes(kind)) return after;
  const size = Number(bytes.toString('latin1', from + 1, lineEnd));
  if (size < 0) return after;
  if ('$=!'.includes(kind)) return after + size + 2 <= bytes.length ? after + size + 2 : undefined;
  let end: number | undefined = after;
  const parts = '%|'.includes(kind) ? 2 * size : size;
  for (let part = 0; part < parts && end !== undefined; part++) end = endOfReply(bytes, end);
  return end;
}

/** Whether a reply may hold a record: a list of names and values. */
export function isHash(reply: Buffer): boolean {
  return /^[*%][1-9]/.test(reply.toString('latin1', 0, 2)) && reply.includes('@v');
}
