import { io } from 'socket.io-client';
import { WebSocket } from 'ws';
import { IoAdapter } from '@nestjs/platform-socket.io';
import { WsAdapter } from '@nestjs/platform-ws';
import { onCleanup } from '../../../support/cleanup.js';
import type { TestApplication } from '../../../support/apps.js';

/** How a browser talks to a gateway. */
export const TRANSPORTS = ['ws', 'socket.io polling', 'socket.io websocket'] as const;

/** One of {@link TRANSPORTS}. */
export type Transport = (typeof TRANSPORTS)[number];

/** What a gateway has sent. */
export interface Answer {
  readonly event: string;
  readonly data: unknown;
}

/** A client of a gateway. */
export interface Client {
  /** Sends a message, and resolves with what comes back next. */
  ask(event: string, data?: unknown): Promise<Answer>;
  send(event: string, data?: unknown): void;
  /** The next message that nobody else waits for. */
  next(): Promise<Answer>;
  /** Resolves when the server has closed it, with the code (ws) or the reason (socket.io). */
  readonly closed: Promise<number | string>;
  close(): void;
}

/** Has an application use the adapter of a transport. */
export function useTransport(transport: Transport, app: TestApplication): void {
  app.useWebSocketAdapter(transport === 'ws' ? new TellingAdapter(app) : new IoAdapter(app));
}

/** Nest 11 emits exceptions on a WebSocket of ws, where nobody hears them, in place of sending them. Nest 12 sends. */
class TellingAdapter extends WsAdapter {
  override bindClientConnect(server: never, callback: (...args: unknown[]) => void): void {
    super.bindClientConnect(server, (client: WebSocket, ...args: unknown[]) => {
      client.on('exception', (data: unknown) => client.send(JSON.stringify({ event: 'exception', data })));
      callback(client, ...args);
    });
  }
}

/** Connects as a browser does that has these cookies. Closed at the end of the test file. */
export async function connect(
  transport: Transport,
  url: string,
  headers: Record<string, string> = {},
): Promise<Client> {
  const answers = new Answers();
  const client =
    transport === 'ws' ? plain(url, headers, answers) : socketIo(transport, url, headers, answers);
  onCleanup(() => client.close());
  await client.opened;
  return {
    ...client,
    next: () => answers.next(),
    ask: (event, data) => {
      const answer = answers.next();
      client.send(event, data);
      return answer;
    },
  };
}

interface RawClient extends Pick<Client, 'send' | 'close' | 'closed'> {
  readonly opened: Promise<void>;
}

function plain(url: string, headers: Record<string, string>, answers: Answers): RawClient {
  const socket = new WebSocket(url.replace(/^http/, 'ws'), { headers });
  socket.on('message', (data: Buffer) => answers.add(JSON.parse(data.toString()) as Answer));
  return {
    opened: new Promise((resolve, reject) => void socket.once('open', resolve).once('error', reject)),
    closed: new Promise((resolve) => socket.once('close', (code) => resolve(code))),
    send: (event, data) => socket.send(JSON.stringify({ event, data })),
    close: () => socket.close(),
  };
}

function socketIo(
  transport: Transport,
  url: string,
  extraHeaders: Record<string, string>,
  answers: Answers,
): RawClient {
  const transports = [transport === 'socket.io polling' ? 'polling' : 'websocket'];
  const socket = io(url, { transports, extraHeaders, reconnection: false, forceNew: true });
  socket.onAny((event: string, data: unknown) => answers.add({ event, data }));
  return {
    opened: new Promise((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('connect_error', reject);
    }),
    closed: new Promise((resolve) => socket.once('disconnect', resolve)),
    send: (event, data) => void socket.emit(event, data),
    close: () => void socket.close(),
  };
}

class Answers {
  readonly #there: Answer[] = [];
  readonly #waiting: ((answer: Answer) => void)[] = [];

  add(answer: Answer): void {
    const waiting = this.#waiting.shift();
    if (waiting === undefined) this.#there.push(answer);
    else waiting(answer);
  }

  next(): Promise<Answer> {
    const there = this.#there.shift();
    if (there !== undefined) return Promise.resolve(there);
    return new Promise((resolve) => this.#waiting.push(resolve));
  }
}
