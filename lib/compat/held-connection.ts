import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import type { NodeResponse } from './outgoing-message.js';

/** Whether a client that has sent its last byte still gets answers: Node's own, and not in its types. */
type HalfOpenServer = Server & { httpAllowHalfOpen?: boolean };
type ServerSocket = Socket & {
  readonly server?: HalfOpenServer;
  /** The response whose turn it is. */
  readonly _httpMessage?: NodeResponse | null;
  [GUARD]?: Guard;
};

/** What is known of a connection that carried a waiting response once. */
interface Guard {
  /**
   * Its responses that wait, one as a rule; those behind others have no socket yet. An array and not a set: the table of a set that
   * changes with each response is replaced again and again, and the garbage collector takes what is left in the old ones for alive.
   */
  readonly waiting: NodeResponse[];
  /**
   * Of those the one whose turn it is: what is behind another is broken off with it, as in plain Node. As what has been destroyed
   * while it was behind, and destroys the connection when it gets it.
   */
  first: NodeResponse | undefined;
  /** Somebody has destroyed the connection since the response that it carries was ended. */
  isDoomed: boolean;
}

const GUARD = Symbol('nestjs-redis-session:connection');
/** Connections of a server that are guarded. */
const guarded = new WeakMap<Server, Set<ServerSocket>>();

/**
 * Keeps the connection of a response that has been ended, and still waits, from being destroyed: in plain Node its bytes would
 * have left by then. By `server.close()`, which takes a connection for idle as soon as the response that it carries says
 * `finished`; and by whoever destroys the connection himself, as Express does where a handler throws after its answer: that comes
 * once the bytes have left. And by Node itself, where the client has closed its half of the connection behind its request: then the
 * connection ends behind the answer, as in plain Node. The returned function is to be called after that.
 */
export function holdConnection(response: NodeResponse): () => void {
  const socket = response.req.socket as ServerSocket | null;
  if (socket === null) return nothing;
  const guard = socket[GUARD] ?? guardOf(socket);
  guard.waiting.push(response);
  if (response.socket !== null) guard.first = response;
  else response.once('socket', () => process.nextTick(comesFirst, guard, response));
  return () => {
    if (guard.first === response) guard.first = undefined;
    guard.waiting.splice(guard.waiting.indexOf(response), 1);
    if (guard.isDoomed && !isHeld(socket, guard)) socket.destroySoon();
  };
}

/** It has got its connection, and in plain Node its bytes have left now. */
function comesFirst(guard: Guard, response: NodeResponse): void {
  if (guard.waiting.includes(response)) guard.first = response;
}

/** Whether the response that a connection carries was ended, and waits. */
function isHeld(socket: ServerSocket, { waiting }: Guard): boolean {
  const carried = carriedBy(socket);
  return carried?.finished === true && waiting.includes(carried);
}

function carriedBy(socket: ServerSocket): NodeResponse | undefined {
  return socket._httpMessage ?? undefined;
}

function guardOf(socket: ServerSocket): Guard {
  const guard: Guard = { waiting: [], first: undefined, isDoomed: false };
  const destroy = socket.destroy.bind(socket);
  socket[GUARD] = guard;
  socket.destroy = (error) => {
    if (guard.first?.finished !== true) return destroy(error);
    guard.isDoomed = true;
    return socket;
  };
  allowHalfOpen(socket, () => isHeld(socket, guard));
  if (socket.server !== undefined) {
    const sockets = guarded.get(socket.server) ?? watch(socket.server);
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  }
  return guard;
}

/**
 * Lets a client close its half at certain moments: Node then ends the connection behind the last answer, where it breaks off
 * what is not answered otherwise. Its setting is the server's, so it stands for one event of one connection.
 */
function allowHalfOpen(socket: ServerSocket, isAllowed: () => boolean): void {
  const { server } = socket;
  if (server === undefined) return;
  let before: boolean | undefined;
  socket.prependListener('end', () => {
    before = server.httpAllowHalfOpen;
    if (isAllowed()) server.httpAllowHalfOpen = true;
  });
  // Behind the listener that Node has added when the connection came.
  socket.on('end', () => (server.httpAllowHalfOpen = before ?? false));
}

function watch(server: Server): Set<ServerSocket> {
  const sockets = new Set<ServerSocket>();
  guarded.set(server, sockets);
  const closeIdleConnections = server.closeIdleConnections.bind(server);
  // `close()` calls it, on the server itself.
  server.closeIdleConnections = () => {
    const held = [...sockets].filter((socket) => isHeld(socket, socket[GUARD] as Guard)).map(carriedBy);
    for (const response of held) if (response) response.finished = false;
    try {
      closeIdleConnections();
    } finally {
      for (const response of held) if (response) response.finished = true;
    }
  };
  return sockets;
}

function nothing(): void {
  // A response of no connection.
}
