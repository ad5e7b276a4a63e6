import type { Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { NodeResponse } from './outgoing-message.js';

/** Responses of a server that have been ended, perhaps, and have not left. */
const waiting = new WeakMap<Server, Set<NodeResponse>>();

/**
 * Node takes a connection for idle, and `server.close()` destroys it, as soon as the response that it carries says
 * `finished`, although its output may still wait. Until the returned function is called, this one is not taken for that.
 */
export function keepFromIdleClosing(response: NodeResponse): (() => void) | undefined {
  const server = serverOf(response);
  if (server === undefined) return undefined;
  const responses = waiting.get(server) ?? watch(server);
  responses.add(response);
  return () => responses.delete(response);
}

function serverOf(response: ServerResponse): Server | undefined {
  return (response.req.socket as (Socket & { server?: Server }) | null)?.server;
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
