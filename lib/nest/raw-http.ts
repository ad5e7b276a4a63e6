import type { ArgumentsHost, HttpServer } from '@nestjs/common';
import { IncomingMessage, ServerResponse } from 'node:http';
import type { RequestConnection } from '../http/token-transport.js';
import { RequestSlot } from '../http/request-slot.js';

/** A request as a framework or Node hands it out: Express's and Node's own are raw, Fastify's carries the raw one. */
export type AnyRequest = IncomingMessage | { readonly raw: IncomingMessage };
/** A response likewise. */
export type AnyResponse = ServerResponse | { readonly raw: ServerResponse };
/** A raw request, its response where that is known, and the connection by the framework's own trust in proxies. */
export interface RawExchange extends RequestConnection {
  readonly request: IncomingMessage;
  readonly response: ServerResponse | undefined;
}

/** Finds what is behind a framework's request, and its response where that is not known already. */
export function rawExchange(request: AnyRequest, response: AnyResponse | undefined): RawExchange {
  const raw = rawRequest(request);
  const answer = response ?? responses.get(raw) ?? (raw as { res?: AnyResponse }).res ?? carriedTo(raw);
  return new Exchange(request, raw, answer === undefined ? undefined : rawResponse(answer));
}

/** The framework's request of an HTTP context. By its place: `switchToHttp()` makes three functions at each call. */
export function requestOf(host: ArgumentsHost): AnyRequest {
  return host.getArgByIndex<AnyRequest>(0);
}

/** The framework's response of an HTTP context, see {@link requestOf}. */
export function responseOf(host: ArgumentsHost): AnyResponse {
  return host.getArgByIndex<AnyResponse>(1);
}

/** What is behind a framework's request. */
export function rawRequest(request: AnyRequest): IncomingMessage {
  // Looked for last: on Express's requests, which are Node's own, it takes long to find out that it is not there.
  return request instanceof IncomingMessage || !('raw' in request) ? request : request.raw;
}

/** What is behind a framework's response. */
export function rawResponse(response: AnyResponse): ServerResponse {
  return response instanceof ServerResponse || !('raw' in response) ? response : response.raw;
}

/** Whether something that an application has put somewhere is a request that Node made, or a framework's around one. */
export function isNodeRequest(value: unknown): value is AnyRequest {
  if (value instanceof IncomingMessage) return true;
  const { raw } = objectOf(value) as { readonly raw?: unknown };
  if (raw instanceof IncomingMessage) return true;
  // Requests of HTTP/2 and of Fastify's inject() are no IncomingMessage. Those of fetch() have no socket.
  return [value, raw].some((each) => hasAll(each, ['headers', 'method', 'socket']));
}

/** Likewise a response. */
export function isNodeResponse(value: unknown): value is AnyResponse {
  if (value instanceof ServerResponse) return true;
  const { raw } = objectOf(value) as { readonly raw?: unknown };
  if (raw instanceof ServerResponse) return true;
  return [value, raw].some((each) => hasAll(each, ['writeHead', 'statusCode', 'end']));
}

/**
 * Whether Nest's context of type http is that of a request. What a bot, a queue or a scheduler has ExternalContextCreator
 * call is of that type as well, whatever it is called with.
 */
export function isExchange(request: unknown, response: unknown): boolean {
  return isNodeRequest(request) && isNodeResponse(response);
}

/**
 * Whether a response has begun, whoever began it: Nest 11's adapter of Fastify knows nothing of headers that were sent
 * through `reply.raw`, and answering once more throws where nobody catches it.
 */
export function hasBegun(adapter: HttpServer, response: AnyResponse): boolean {
  return adapter.isHeadersSent(response) === true || rawResponse(response).headersSent;
}

const responses = new RequestSlot<ServerResponse>('response');

/** Notes which response answers a raw request: Fastify does not, and what Express notes is slower to find. */
export function rememberResponse(request: IncomingMessage, response: ServerResponse): void {
  responses.set(request, response);
}

/**
 * The response that Node is sending on a request's connection, if it is that request's. Last resort: where Fastify
 * listens on `localhost` and that has two addresses, it makes a second server that it shows to nobody.
 */
function carriedTo(request: IncomingMessage): ServerResponse | undefined {
  const { _httpMessage: carried } = request.socket as { _httpMessage?: ServerResponse | null };
  return carried?.req === request ? carried : undefined;
}

class Exchange implements RawExchange {
  readonly #request: AnyRequest;
  #secure: boolean | undefined;
  readonly request: IncomingMessage;
  readonly response: ServerResponse | undefined;

  constructor(request: AnyRequest, raw: IncomingMessage, response: ServerResponse | undefined) {
    this.#request = request;
    this.request = raw;
    this.response = response;
  }

  get source(): object {
    return this.#request;
  }

  get host(): string | undefined {
    return this.request.headers.host;
  }

  /** Express: `trust proxy`, Fastify: `trustProxy`. Asked once: the socket knows less when the client has left. */
  get secure(): boolean {
    return (this.#secure ??=
      isSecure(this.#request) || (this.#request !== this.request && isSecure(this.request)));
  }
}

/** A field of a body or a query, whatever that is. Not what every object has, such as `constructor`. */
export function ownField(fields: unknown, name: string): unknown {
  const object = objectOf(fields);
  return Object.hasOwn(object, name) ? (object as Record<string, unknown>)[name] : undefined;
}

function objectOf(value: unknown): object {
  return typeof value === 'object' && value !== null ? value : {};
}

function hasAll(value: unknown, names: readonly string[]): boolean {
  const object = objectOf(value);
  return names.every((name) => name in object);
}

function isSecure(request: object): boolean {
  const { protocol, socket } = request as { protocol?: unknown; socket?: { encrypted?: unknown } };
  return protocol === undefined ? socket?.encrypted === true : protocol === 'https';
}
