import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

/** Requests that are sent ahead on one connection. */
const PIPELINED = 100;
const CONNECTIONS = 10;
const NEEDLES = { ok: 'http/1.1 200', cookies: '\nset-cookie:', all: 'http/1.1 ' } as const;

const portOf = (url: string): number => Number(new URL(url).port);

/** The text of a request as it goes over the wire. */
export function requestText(method: string, path: string, headers = '', body?: unknown): string {
  const json = body === undefined ? '' : JSON.stringify(body);
  const length = method === 'GET' ? '' : `Content-Length: ${Buffer.byteLength(json)}\r\n`;
  const about = json === '' ? length : `Content-Type: application/json\r\n${length}`;
  return `${method} ${path} HTTP/1.1\r\nHost: node\r\n${about}${headers}\r\n${json}`;
}

/** What a flood was answered: how many 200 there were, and how many cookies. */
export interface FloodAnswers {
  readonly ok: number;
  readonly cookies: number;
}

/** Sends so many requests as fast as they are answered, over a few connections. */
export async function flood(
  url: string,
  count: number,
  textOf: (at: number) => string,
): Promise<FloodAnswers> {
  const share = Math.ceil(count / CONNECTIONS);
  const answers = await Promise.all(
    Array.from({ length: CONNECTIONS }, (_, at) => floodOne(url, share, (n) => textOf(at * share + n))),
  );
  return {
    ok: answers.reduce((sum, { ok }) => sum + ok, 0),
    cookies: answers.reduce((sum, { cookies }) => sum + cookies, 0),
  };
}

async function floodOne(url: string, count: number, textOf: (at: number) => string): Promise<FloodAnswers> {
  const socket = connect({ port: portOf(url), host: '127.0.0.1', noDelay: true });
  await once(socket, 'connect');
  const seen = { ok: 0, cookies: 0, all: 0 };
  let [sent, rest] = [0, ''];
  const send = (): void => {
    const upTo = Math.min(count, sent + PIPELINED);
    let batch = '';
    for (; sent < upTo; sent++) batch += textOf(sent);
    socket.write(batch);
  };
  await new Promise<void>((resolve, reject) => {
    socket.on('error', reject);
    socket.on('close', () =>
      reject(new Error(`Chaos helper: the node closed a connection after ${seen.all} answers.`)),
    );
    socket.setEncoding('latin1').on('data', (piece: string) => {
      const text = piece.toLowerCase();
      // What a piece cuts in two is found with the next one, and nothing twice.
      const look = (needle: string): number =>
        (rest.slice(1 - needle.length) + text).split(needle).length - 1;
      seen.ok += look(NEEDLES.ok);
      seen.cookies += look(NEEDLES.cookies);
      seen.all += look(NEEDLES.all);
      rest = (rest + text).slice(-20);
      if (seen.all < sent) return;
      if (sent < count) send();
      else resolve();
    });
    send();
  });
  socket.removeAllListeners('close').destroy();
  return seen;
}

/** When a client leaves: with half of its request sent, right after it, so many ms later, or at the first byte of the answer. */
export type Moment = 'half-way' | 'at once' | number | 'at the first byte';

/** One request on a connection that is reset at that moment. Resolves once it is. */
export async function abort(url: string, text: string, moment: Moment): Promise<void> {
  const socket: Socket = connect({ port: portOf(url), host: '127.0.0.1', noDelay: true });
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  socket.write(moment === 'half-way' ? text.slice(0, -5) : text);
  if (moment === 'at the first byte') await once(socket, 'data');
  else await delay(moment === 'half-way' ? 5 : moment === 'at once' ? 0 : moment);
  socket.resetAndDestroy();
}
