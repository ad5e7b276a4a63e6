import type { ArgumentsHost } from '@nestjs/common';
import { IncomingMessage } from 'node:http';
import { isUpgraded } from '../../compat/websockets.js';
import { SessionUsageError } from '../../core/errors.js';
import {
  isNodeRequest,
  rawExchange,
  rawRequest,
  requestOf,
  responseOf,
  type AnyRequest,
  type AnyResponse,
  type RawExchange,
} from '../raw-http.js';
import { graphqlRequestOf } from './graphql.js';
import { handshakeOf, handshakeOfUpgrade, isSocket, type AnySocket, type Handshake } from './handshake.js';

/** Where a session can be asked for: a context of Nest, a request, or the socket that a gateway calls its client. */
export type SessionSource = ArgumentsHost | AnyRequest | AnySocket;

/** An HTTP request, whose response carries the cookie and waits for the save. */
interface RequestPlace {
  readonly kind: 'request';
  readonly exchange: RawExchange;
}

/** A message of a gateway's socket. */
export interface MessagePlace {
  readonly kind: 'message';
  readonly handshake: Handshake;
  readonly client: object;
  /** What Nest calls the handler with, the same for guards and interceptors; undefined: asked for outside of a handler. */
  readonly args: object | undefined;
}

/** A GraphQL operation over a socket, as subscriptions are. */
export interface OperationPlace {
  readonly kind: 'operation';
  readonly handshake: Handshake;
  /** GraphQL's own context, which is one for each operation. */
  readonly context: object;
}

/** Where a session is asked for, and so what it can do there. */
type SessionPlace = RequestPlace | MessagePlace | OperationPlace;

/**
 * The one resolver of contexts: what is behind a source.
 * @param beside The response of a request, or the upgrade request of a socket, where it cannot be known.
 * @throws SessionUsageError where there is no HTTP request, with what to do instead.
 */
export function placeOf(source: SessionSource, beside?: AnyResponse | IncomingMessage): SessionPlace {
  if (isHost(source)) return placeOfHost(source);
  if (!(source instanceof IncomingMessage) && isObject(source) && isSocket(source)) {
    const request = beside instanceof IncomingMessage ? beside : undefined;
    return messagePlace(source, undefined, request);
  }
  return placeOfRequest(source, beside as AnyResponse | undefined);
}

function placeOfHost(host: ArgumentsHost): SessionPlace {
  const type = host.getType<string>();
  switch (type) {
    case 'http':
      return placeOfRequest(requestOf(host), responseOf(host));
    case 'graphql':
      return placeOfOperation(host.getArgByIndex<unknown>(2));
    case 'ws':
      return messagePlace(host.getArgByIndex<object>(0), host.getArgs<unknown[]>());
    case 'rpc':
      throw new SessionUsageError(
        'A message of a microservice (context type rpc) has no session: no browser sent it, and it brings no cookie. ' +
          "Send the session's public id with the message and use SessionService.open(id), or keep this guard or decorator " +
          'to HTTP, GraphQL and WebSocket handlers.',
      );
    default:
      throw new SessionUsageError(
        `A context of type '${type}' is not known, so its session cannot be found. ` +
          'Pass the HTTP request that is behind it: sessions.of(request, response).',
      );
  }
}

function placeOfRequest(request: AnyRequest, response: AnyResponse | undefined): SessionPlace {
  if (!isNodeRequest(request)) throw noRequest(request);
  const raw = rawRequest(request);
  if (isUpgraded(raw))
    return { kind: 'message', handshake: handshakeOfUpgrade(raw), client: raw, args: undefined };
  return { kind: 'request', exchange: rawExchange(request, response) };
}

function placeOfOperation(context: unknown): SessionPlace {
  const { request, response } = graphqlRequestOf(context);
  const raw = rawRequest(request);
  if (isUpgraded(raw))
    return { kind: 'operation', handshake: handshakeOfUpgrade(raw), context: context as object };
  return { kind: 'request', exchange: rawExchange(request, response) };
}

function messagePlace(client: object, args: object | undefined, request?: IncomingMessage): MessagePlace {
  if (!isObject(client)) throw noRequest(client);
  return { kind: 'message', handshake: handshakeOf(client, request), client, args };
}

function isHost(source: SessionSource): source is ArgumentsHost {
  return isObject(source) && 'switchToHttp' in source && 'getType' in source;
}

/** Types do not hold what a job, a test's stand-in or plain JavaScript passes on. */
function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

function noRequest(value: unknown): SessionUsageError {
  const what = isObject(value) ? `an object of class ${classOf(value)}` : `a value of type ${typeof value}`;
  return new SessionUsageError(
    `There is no session of ${value === null ? 'null' : what}. Pass an ExecutionContext, the request of Express, Fastify or Node, ` +
      "or a gateway's client. Outside of requests use SessionService.open(id); for a controller's unit test createSession() " +
      "of 'nestjs-redis-session/testing'.",
  );
}

function classOf(value: object): string {
  const { constructor } = value as { constructor?: unknown };
  return typeof constructor === 'function' ? constructor.name : 'null';
}
