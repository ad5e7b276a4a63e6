import type { Server } from 'node:http';
import { Writable } from 'node:stream';
import type { Socket } from 'node:net';
import type { NodeResponse } from './outgoing-message.js';

/** `httpAllowHalfOpen`: whether a client that has closed its half of the connection still gets answers. Missing in Node's types. */
type HalfOpenServer = Server & { httpAllowHalfOpen?: boolean };
type ServerSocket = Socket & {
  readonly server?: HalfOpenServer;
  /** The response whose turn it is. */
  readonly _httpMessage?: NodeResponse | null;
  [HELD]?: HeldConnection;
};

type Callback = (error?: Error | null) => void;
type Encoding = BufferEncoding | Callback;
/** What is put behind an answer that waits. */
interface Methods {
  readonly destroy: (this: Socket, error?: Error) => unknown;
  readonly destroySoon: (this: Socket) => void;
  readonly end: (this: Writable, ...args: Parameters<Socket['end']>) => unknown;
  readonly setTimeout: (this: Socket, time: number, callback?: () => void) => unknown;
  readonly write: Write;
}
type Write = (this: Writable, chunk: unknown, encoding?: Encoding, callback?: Callback) => boolean;

const HELD = Symbol('nestjs-redis-session:connection');
/** Connections of a server that have carried a waiting response. */
const watched = new WeakMap<Server, Set<HeldConnection>>();

/** The connection of a response that waits from now on; undefined for a response of no connection. */
export function holdConnection(response: NodeResponse): HeldConnection | undefined {
  const socket = response.req.socket as ServerSocket | null;
  if (socket === null) return undefined;
  const connection = (socket[HELD] ??= new HeldConnection(socket));
  connection.hold(response);
  return connection;
}

/**
 * A connection that has carried a waiting response. What that keeps back would have left by now in plain Node: whatever somebody does to
 * the connection meanwhile comes behind it. While the response was ended and waits,
 *
 * - who writes to it, ends it or destroys it, as Fastify does where the next request is broken, and Express where a handler throws after
 *   its answer, has that done once the answer has been sent, and with it those that were ended behind it;
 * - its idle timer stands still, which Node replaces after an answer: who is called when it expires answers a second time;
 * - it is not idle, for which `server.close()` takes it as soon as its response says `finished`;
 * - where its client has closed his half of it, it ends after the answer, as in plain Node, and not at once.
 *
 * While the response was not ended, who writes to the connection or ends it comes behind what is kept; destroyed, it is at once.
 */
export class HeldConnection {
  readonly #socket: ServerSocket;
  /** What was there before. */
  readonly #methods: Methods;
  /**
   * Its responses that wait, usually one; those behind others have no socket yet. An array and not a Set: a Set that changes with each
   * response replaces its table again and again, and old tables keep their entries alive until the next full garbage collection.
   */
  readonly #waiting: NodeResponse[] = [];
  /**
   * The one whose turn it is. A response behind another is broken off with it, as in plain Node; so is one that was destroyed while
   * it was behind, which destroys the connection when its turn comes.
   */
  #first: NodeResponse | undefined;
  /** What is to be done once what was ended has been sent. */
  #later: (() => unknown)[] | undefined;
  /** The response that has been sent, and whose close is waited for with that. */
  #leaving: NodeResponse | undefined;
  /** Another response had been ended behind the one that it carries when somebody did that. In plain Node it has left before. */
  #isFollowed = false;
  /** Somebody has destroyed the connection since the response that it carries was ended. */
  #isDoomed = false;
  /** The time of the idle timer that stands still. */
  #timeout = 0;

  constructor(socket: ServerSocket) {
    this.#socket = socket;
    const { destroy, destroySoon, end, setTimeout, write } = socket as unknown as Methods;
    this.#methods = { destroy, destroySoon, end, setTimeout, write };
    Object.assign(socket, PUT_BEHIND);
    allowHalfOpen(socket, () => this.isHeld);
    if (socket.server === undefined) return;
    const connections = watched.get(socket.server) ?? watch(socket.server);
    connections.add(this);
    socket.once('close', () => connections.delete(this));
  }

  /** The response whose turn it is. */
  get carried(): NodeResponse | undefined {
    return this.#socket._httpMessage ?? undefined;
  }

  /** Whether the response that it carries was ended, and waits. */
  get isHeld(): boolean {
    const { carried } = this;
    return carried?.finished === true && this.#waiting.includes(carried);
  }

  hold(response: NodeResponse): void {
    this.#waiting.push(response);
    if (response.socket !== null) this.#first = response;
    else response.once('socket', () => process.nextTick(comesFirst, this, response));
  }

  /** The response has got its connection. In plain Node its bytes would leave now. */
  comesFirst(response: NodeResponse): void {
    if (this.#waiting.includes(response)) this.#first = response;
  }

  /** A response that waits was ended, and has its connection. */
  stopTimer(): void {
    const { timeout } = this.#socket;
    if (!timeout || !this.isHeld) return;
    this.#timeout = timeout;
    this.#methods.setTimeout.call(this.#socket, 0);
  }

  /** A response no longer waits: what it sends now is held up by nothing. */
  letGo(response: NodeResponse): void {
    const waiting = this.#waiting;
    const at = waiting.indexOf(response);
    if (at < 0) return;
    if (waiting.length === 1) waiting.pop();
    else waiting.splice(at, 1);
    // It may wait for the session of another application as well.
    if (waiting.includes(response)) return;
    if (this.#first === response) this.#first = undefined;
    if (this.#timeout > 0 && !this.isHeld) this.#startTimer();
  }

  /** It has been sent. What was put behind it is done, unless more was ended behind it by now. */
  goOn(): void {
    if (this.#later === undefined && !this.#isDoomed) return;
    const { carried } = this;
    const isLast = !this.#isFollowed || carried?.finished !== true || this.#socket.destroyed;
    // Another one may have been let go, behind one that still waits.
    if (carried !== undefined && this.#waiting.includes(carried)) return;
    if (!isLast && carried === this.#leaving) return;
    if (isLast) return this.#catchUp();
    this.#leaving = carried;
    carried.once('close', () => this.goOn());
  }

  destroy(error?: Error): ServerSocket {
    const socket = this.#socket;
    if (this.#first?.finished === true) {
      this.#isDoomed = true;
      this.#look();
    } else this.#methods.destroy.call(socket, error);
    return socket;
  }

  destroySoon(): void {
    if (this.#isBusy) this.#put(() => this.#methods.destroySoon.call(this.#socket));
    else this.#methods.destroySoon.call(this.#socket);
  }

  end(args: Parameters<Socket['end']>): ServerSocket {
    const socket = this.#socket;
    const end = (): unknown => this.#methods.end.apply(socket, args);
    if (!this.#isBusy) {
      end();
      return socket;
    }
    const [chunk, encoding] = args as unknown[];
    if (typeof chunk !== 'function' && chunk !== undefined && chunk !== null) assertWritable(chunk, encoding);
    if (this.#isDoomed) this.#methods.end.apply(GONE, args);
    else this.#put(end);
    return socket;
  }

  write(chunk: string, encoding?: Encoding, callback?: Callback): boolean {
    const { write } = this.#methods;
    const socket = this.#socket;
    if (!this.#isBusy) return write.call(socket, chunk, encoding, callback);
    assertWritable(chunk, encoding);
    const { carried } = this;
    // In the middle of a response, and in order with its parts.
    if (carried?.finished === false) return carried._writeRaw(chunk, ...told(encoding, callback));
    if (this.#isDoomed) return write.call(GONE, chunk, encoding, callback);
    this.#put(() => write.call(socket, chunk, encoding, callback));
    return true;
  }

  setTimeout(time: number, callback?: () => void): ServerSocket {
    const socket = this.#socket;
    this.#methods.setTimeout.call(socket, time, callback);
    if (this.isHeld) {
      this.#timeout = 0;
      this.stopTimer();
    }
    return socket;
  }

  /**
   * Whether what somebody does to it comes behind what it has still to send. Node itself ends a connection whose client has closed its
   * half, and with it a response that was not ended.
   */
  get #isBusy(): boolean {
    const leaving = this.#leaving;
    if (this.#waiting.length === 0 && leaving === undefined) return false;
    const { carried } = this;
    if (carried === undefined) return false;
    if (!this.#waiting.includes(carried)) return carried === leaving;
    return carried.finished || !this.#socket.readableEnded;
  }

  #put(deed: () => unknown): void {
    (this.#later ??= []).push(deed);
    this.#look();
  }

  #look(): void {
    this.#isFollowed ||= this.#waiting.some((response) => response.finished && response !== this.carried);
  }

  #catchUp(): void {
    const later = this.#later ?? [];
    this.#later = this.#leaving = undefined;
    this.#isFollowed = false;
    for (const deed of later) deed();
    if (this.#isDoomed) this.#socket.destroySoon();
  }

  /** Anew, unless somebody has set another one. */
  #startTimer(): void {
    const time = this.#timeout;
    this.#timeout = 0;
    if (!this.#socket.timeout) this.#methods.setTimeout.call(this.#socket, time);
  }
}

function heldOf(socket: ServerSocket): HeldConnection {
  return socket[HELD] as HeldConnection;
}

// The same functions for all connections, so that V8 sees one shape of them.
const PUT_BEHIND = {
  destroy(this: ServerSocket, error?: Error) {
    return heldOf(this).destroy(error);
  },
  destroySoon(this: ServerSocket) {
    heldOf(this).destroySoon();
  },
  end(this: ServerSocket, ...args: Parameters<Socket['end']>) {
    return heldOf(this).end(args);
  },
  setTimeout(this: ServerSocket, time: number, callback?: () => void) {
    return heldOf(this).setTimeout(time, callback);
  },
  write(this: ServerSocket, chunk: string, encoding?: Encoding, callback?: Callback) {
    return heldOf(this).write(chunk, encoding, callback);
  },
};

const VOID = new Writable({ write: (_chunk, _encoding, callback) => callback() });
/** Refuses what it is given as a destroyed socket does. */
const GONE = new Writable().destroy();

/** Throws what a socket's `write` throws. */
export function assertWritable(chunk: unknown, encoding: unknown): void {
  VOID.write(chunk, (typeof encoding === 'string' ? encoding : undefined) as BufferEncoding);
}

/** The encoding and the callback of a write, of which the first may be left out. */
function told(encoding?: Encoding, callback?: Callback): [BufferEncoding | undefined, Callback | undefined] {
  return typeof encoding === 'function' ? [undefined, encoding] : [encoding, callback];
}

function comesFirst(connection: HeldConnection, response: NodeResponse): void {
  connection.comesFirst(response);
}

/**
 * Lets a client close its half at certain moments: Node then ends the connection after the last answer, and otherwise breaks
 * off what is not answered yet. The setting belongs to the server, so it is changed for one event of one connection.
 */
function allowHalfOpen(socket: ServerSocket, isAllowed: () => boolean): void {
  const { server } = socket;
  if (server === undefined) return;
  let before: boolean | undefined;
  socket.prependListener('end', () => {
    before = server.httpAllowHalfOpen;
    if (isAllowed()) server.httpAllowHalfOpen = true;
  });
  // After the listener that Node added when the connection came.
  socket.on('end', () => (server.httpAllowHalfOpen = before ?? false));
}

function watch(server: Server): Set<HeldConnection> {
  const connections = new Set<HeldConnection>();
  watched.set(server, connections);
  const closeIdleConnections = server.closeIdleConnections.bind(server);
  // `close()` calls it, on the server itself.
  server.closeIdleConnections = () => {
    const held = [...connections].filter(({ isHeld }) => isHeld).map(({ carried }) => carried);
    for (const response of held) if (response) response.finished = false;
    try {
      closeIdleConnections();
    } finally {
      for (const response of held) if (response) response.finished = true;
    }
  };
  return connections;
}
