import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import type { NodeResponse } from './outgoing-message.js';

/** `httpAllowHalfOpen`: whether a client that has closed its half of the connection still gets answers. Missing in Node's types. */
type HalfOpenServer = Server & { httpAllowHalfOpen?: boolean };
type ServerSocket = Socket & {
  readonly server?: HalfOpenServer;
  /** The response whose turn it is. */
  readonly _httpMessage?: NodeResponse | null;
  [GUARD]?: Guard;
};

/** The state of a connection that has carried a waiting response. */
interface Guard {
  /**
   * Its responses that wait, usually one; those behind others have no socket yet. An array and not a Set: a Set that changes with each
   * response replaces its table again and again, and old tables keep their entries alive until the next full garbage collection.
   */
  readonly waiting: NodeResponse[];
  /**
   * The one whose turn it is. A response behind another is broken off with it, as in plain Node; so is one that was destroyed while
   * it was behind, which destroys the connection when its turn comes.
   */
  first: NodeResponse | undefined;
  /** Somebody has destroyed the connection since the response that it carries was ended. */
  isDoomed: boolean;
}

const GUARD = Symbol('nestjs-redis-session:connection');
/** Connections of a server that are guarded. */
const guarded = new WeakMap<Server, Set<ServerSocket>>();

/**
 * Keeps a connection from being destroyed while a response that was ended on it still waits; in plain Node its bytes would have left
 * by then. Three would destroy it: `server.close()`, which takes a connection for idle as soon as its response says `finished`;
 * whoever destroys the connection, as Express does where a handler throws after its answer, which is then done once the bytes have
 * left; and Node itself, where the client has closed its half of the connection, which then ends after the answer, as in plain Node.
 * @returns To be called when the response no longer waits.
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

/** The response has got its connection. In plain Node its bytes would leave now. */
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
  // For a response without a connection there is nothing to do.
}
