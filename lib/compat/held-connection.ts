import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import type { NodeResponse } from './outgoing-message.js';

/** Whether a client that has sent its last byte still gets answers: Node's own, and not in its types. */
type HalfOpenServer = Server & { httpAllowHalfOpen?: boolean };
type ServerSocket = Socket & { readonly server?: HalfOpenServer; [GUARD]?: Guard };

/** The one response of a connection that may wait at a time; those behind it have no connection yet. */
interface Guard {
  waiting: NodeResponse | undefined;
  /** Somebody has destroyed the connection since that response was ended. */
  isDoomed: boolean;
}

const GUARD = Symbol('nestjs-redis-session:connection');
/** Responses of a server that wait. */
const waiting = new WeakMap<Server, Set<NodeResponse>>();

/**
 * Keeps the connection of a response that has been ended, and still waits, from being destroyed: in plain Node its bytes would
 * have left by then. By `server.close()`, which takes a connection for idle as soon as the response that it carries says
 * `finished`; and by whoever destroys the connection himself, as Express does where a handler throws after its answer: that comes
 * once the bytes have left. And by Node itself, where the client has closed its half of the connection behind its request: then the
 * connection ends behind the answer, as in plain Node. The returned function is to be called after that.
 */
export function holdConnection(response: NodeResponse): () => void {
  const socket = response.req.socket as ServerSocket | null;
  const guard = response.socket === null || socket === null ? undefined : (socket[GUARD] ?? guardOf(socket));
  if (guard !== undefined) guard.waiting = response;
  const responses = socket?.server && (waiting.get(socket.server) ?? watch(socket.server));
  responses?.add(response);
  return () => {
    responses?.delete(response);
    if (guard === undefined) return;
    guard.waiting = undefined;
    if (guard.isDoomed) socket?.destroySoon();
  };
}

function guardOf(socket: ServerSocket): Guard {
  const guard: Guard = { waiting: undefined, isDoomed: false };
  const destroy = socket.destroy.bind(socket);
  socket[GUARD] = guard;
  socket.destroy = (error) => {
    if (guard.waiting?.finished !== true) return destroy(error);
    guard.isDoomed = true;
    return socket;
  };
  allowHalfOpen(socket, () => guard.waiting?.finished === true);
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

function watch(server: Server): Set<NodeResponse> {
  const responses = new Set<NodeResponse>();
  waiting.set(server, responses);
  const closeIdleConnections = server.closeIdleConnections.bind(server);
  // `close()` calls it, on the server itself.
  server.closeIdleConnections = () => {
    const ended = [...responses].filter((response) => response.finished);
    for (const response of ended) response.finished = false;
    try {
      closeIdleConnections();
    } finally {
      for (const response of ended) response.finished = true;
    }
  };
  return responses;
}
