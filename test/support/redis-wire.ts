import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

const ANSWER_WITHIN_MS = 60_000;

/** Who to be at the server. */
export interface Credentials {
  username?: string | undefined;
  password?: string | undefined;
}

/** The bytes of a command in RESP, as every client sends it. */
export function encodeCommand(args: readonly (string | Buffer)[]): Buffer {
  const parts = args.map((arg) => Buffer.from(arg));
  return Buffer.concat([
    Buffer.from(`*${parts.length}\r\n`),
    ...parts.flatMap((part) => [Buffer.from(`$${part.length}\r\n`), part, Buffer.from('\r\n')]),
  ]);
}

/** The AUTH command for these credentials, or none. */
export function authCommands({ username, password }: Credentials): string[][] {
  if (password === undefined) return [];
  return [username === undefined ? ['AUTH', password] : ['AUTH', username, password]];
}

/**
 * Sends commands over a connection of its own, without the handshake that a client library adds, and hands
 * over the text of the answer once it satisfies `isComplete`. Rejects when the server closes before, or is silent for 5 s.
 */
export async function exchange(
  port: number,
  commands: readonly (readonly string[])[],
  isComplete: (answer: string) => boolean,
): Promise<string> {
  const socket = await openSocket(port);
  socket.setTimeout(ANSWER_WITHIN_MS, () => socket.destroy());
  try {
    socket.write(Buffer.concat(commands.map(encodeCommand)));
    let answer = '';
    for await (const chunk of socket) {
      answer += String(chunk);
      if (isComplete(answer)) return answer;
    }
    throw new Error(
      `Test helper: Redis at 127.0.0.1:${port} closed the connection after: ${firstLine(answer)}`,
    );
  } finally {
    socket.destroy();
  }
}

/** A connection to 127.0.0.1. */
export async function openSocket(port: number): Promise<Socket> {
  const socket = connect({ host: '127.0.0.1', port, noDelay: true });
  await once(socket, 'connect');
  socket.on('error', () => undefined);
  return socket;
}

/** The first line of an answer, for messages. */
export function firstLine(answer: string): string {
  return answer.split('\r\n', 1)[0] ?? '';
}
