import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';

/**
 * Private parts of Nest and of the WebSocket packages. Those are not imported, since only applications with gateways install them.
 */

/** @WebSocketGateway() marks a class with it (@nestjs/websockets, constants). */
const GATEWAY_MARK = 'websockets:is_gateway';
/** Where @UseInterceptors() keeps its list (@nestjs/common, constants). Written directly, because the decorator appends, and ours has to be first. */
const INTERCEPTORS = '__interceptors__';

/** The part of `reflect-metadata`, which Nest installs, that is used here. */
interface Metadata {
  hasMetadata(key: string, target: object): boolean;
  getMetadata(key: string, target: object): unknown;
  defineMetadata(key: string, value: unknown, target: object): void;
}

const metadata = Reflect as typeof Reflect & Metadata;

/** Whether a class is a gateway. */
export function isGateway(metatype: object): boolean {
  return metadata.hasMetadata(GATEWAY_MARK, metatype);
}

/** Puts an interceptor before all others of a class, once. Before Nest 12, global interceptors do not run for gateways. */
export function interceptFirst(metatype: object, interceptor: object): void {
  const others = (metadata.getMetadata(INTERCEPTORS, metatype) ?? []) as object[];
  if (!others.includes(interceptor))
    metadata.defineMetadata(INTERCEPTORS, [interceptor, ...others], metatype);
}

/** The connection under a WebSocket of the package ws, as long as that is open. */
export function connectionOf(client: object): Socket | undefined {
  return (client as { readonly _socket?: Socket | null })._socket ?? undefined;
}

/** Whether a request has become a socket, so that no response will be sent. Node notes it before it emits `upgrade`. */
export function isUpgraded(request: IncomingMessage): boolean {
  return (request as { readonly upgrade?: boolean | null }).upgrade === true;
}

/** The server that accepted a connection. Of a request that no framework has seen, it alone tells whose it is. */
export function serverOf(connection: Socket | null | undefined): object | undefined {
  return (connection as { readonly server?: object | null } | null | undefined)?.server ?? undefined;
}
