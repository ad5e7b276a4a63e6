import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { connectionOf } from '../../compat/websockets.js';
import { SessionUsageError } from '../../core/errors.js';
import { isNodeRequest } from '../raw-http.js';

/** The close code of a socket whose session has ended (4000 to 4999 are an application's own; as 401 of HTTP). */
const SESSION_ENDED_CODE = 4401;
const SESSION_ENDED_REASON = 'The session has ended.';

/** A socket of socket.io. */
export interface SocketIoSocket {
  /** What tells it from other sockets. */
  readonly handshake: object;
  /** The request that it began with, which has the cookie. */
  readonly request: IncomingMessage;
  /** Whether it is over. */
  readonly disconnected: boolean;
  /** Ends it; with `true` the connection beneath as well. */
  disconnect(close: boolean): unknown;
  /** To hear of its end. */
  once(event: 'disconnect', listener: () => void): unknown;
}

/** A socket of the package ws, or one that is like it. */
export interface PlainWebSocket {
  /** 2 and above: it is over. */
  readonly readyState: number;
  /** To tell the client something. */
  send(data: string): unknown;
  /** Ends it. */
  close(code: number, reason: string): unknown;
  /** To hear of its end. */
  once(event: 'close', listener: () => void): unknown;
}

/** What a gateway gets as its client. */
export type AnySocket = SocketIoSocket | PlainWebSocket;

/** A connection, and the request that it began with. */
export interface Handshake {
  /** What brought the cookie. */
  readonly request: IncomingMessage;
  readonly isOver: () => boolean;
  readonly onceOver: (listener: () => void) => void;
  /** Tells the client that its session has ended, and ends the connection. */
  readonly close: () => void;
}

/** readyState of a WebSocket that is closing. */
const CLOSING = 2;

const requests = new WeakMap<object, IncomingMessage>();

/** Notes which request a connection began with: a WebSocket of ws does not tell. */
export function rememberHandshake(request: IncomingMessage, connection: Duplex): void {
  requests.set(connection, request);
}

/** Whether it is what a gateway calls its client. */
export function isSocket(source: object): source is AnySocket {
  if (isSocketIo(source)) return true;
  const { readyState, send, close } = source as Partial<PlainWebSocket>;
  return typeof readyState === 'number' && typeof send === 'function' && typeof close === 'function';
}

/**
 * The handshake of a gateway's client.
 * @param request Of which it is known from now on.
 * @throws SessionUsageError where it is not known.
 */
export function handshakeOf(client: object, request?: IncomingMessage): Handshake {
  if (isSocketIo(client) && isNodeRequest(client.request)) return handshakeOfSocketIo(client);
  if (request !== undefined) requests.set(client, request);
  const connection = connectionOf(client);
  const known = requests.get(client) ?? (connection && requests.get(connection));
  if (known === undefined || !isSocket(client)) throw notKnown();
  // Beyond the connection: a message may still be under way when that has closed.
  requests.set(client, known);
  const socket = client as PlainWebSocket;
  return {
    request: known,
    isOver: () => socket.readyState >= CLOSING,
    onceOver: (listener) => void socket.once('close', listener),
    close: () => void socket.close(SESSION_ENDED_CODE, SESSION_ENDED_REASON),
  };
}

/** The handshake of a socket that nobody has but as the request which became it. */
export function handshakeOfUpgrade(request: IncomingMessage): Handshake {
  const { socket } = request;
  return {
    request,
    isOver: () => socket.destroyed,
    onceOver: (listener) => void socket.once('close', listener),
    close: () => void socket.end(CLOSE_FRAME),
  };
}

/** RFC 6455, 5.5.1: final, opcode 8, not masked; two bytes, the code. Control frames may come between those of a message. */
const CLOSE_FRAME = Buffer.from([0x88, 2, SESSION_ENDED_CODE >> 8, SESSION_ENDED_CODE & 0xff]);

function handshakeOfSocketIo(socket: SocketIoSocket): Handshake {
  return {
    request: socket.request,
    isOver: () => socket.disconnected,
    onceOver: (listener) => void socket.once('disconnect', listener),
    close: () => void socket.disconnect(true),
  };
}

function isSocketIo(source: object): source is SocketIoSocket {
  return 'handshake' in source && 'disconnect' in source;
}

function notKnown(): SessionUsageError {
  return new SessionUsageError(
    'The request that this socket began with is not known, so its session cannot be found: the gateway has a port or a ' +
      'server of its own. Pass it once, where Nest hands it out: handleConnection(client, request) { return ' +
      'sessions.of(client, request) }.',
  );
}
