import { Server as HttpServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { Server as HttpsServer } from 'node:https';
import type { Socket } from 'node:net';
import { renderedContentType } from '../compat/outgoing-message.js';

/** How often connections are looked at while the application stops. */
const LOOK_INTERVAL_MS = 50;
/** How long a connection may carry no request once no new ones are accepted: a request may be on its way in it. */
const SILENCE_MS = 1000;
/** Turns of the event loop in which connections that were destroyed have closed; two or three as a rule. */
const MOST_TURNS = 10;

/** A connection as Node's own `closeIdleConnections` looks at it: the response it carries is noted on it. */
type Carrier = Socket & { readonly _httpMessage?: ServerResponse | null };

/**
 * Lets an application stop while its connections are in use. Node and the frameworks wait until the last connection
 * has ended, and end only those that are idle at that moment. Without this, a connection that is kept alive is waited
 * for until its timeout (5 s on Express, 72 s on Fastify), or for ever while its client goes on sending; a browser's
 * spare connection and an event stream are waited for for ever. Requests that are being served are left alone.
 *
 * Only connections are noted beforehand, so that requests pay nothing for it.
 */
export class ConnectionDrain {
  readonly #server: HttpServer;
  readonly #connections = new Set<Carrier>();
  #timer: NodeJS.Timeout | undefined;
  #refusingSince: number | undefined;

  private constructor(server: HttpServer) {
    this.#server = server;
    const event = server instanceof HttpsServer ? 'secureConnection' : 'connection';
    server.on(event, (connection: Carrier) => {
      this.#connections.add(connection);
      connection.once('close', () => this.#connections.delete(connection));
    });
  }

  /** Watches a server that does not listen yet. Undefined for one of HTTP/2, which has ways of its own. */
  static of(server: unknown): ConnectionDrain | undefined {
    return server instanceof HttpServer || server instanceof HttpsServer
      ? new ConnectionDrain(server)
      : undefined;
  }

  /** From now on each answer tells its client that the connection ends with it. Requests are still accepted. */
  begin(): void {
    if (this.#timer !== undefined) return;
    // For answers whose head has left already: whoever does not know that the connection ends finds it ended.
    this.#server.keepAliveTimeout = 1;
    this.#server.prependListener('request', (_request: IncomingMessage, response: ServerResponse) =>
      keepNoLonger(response),
    );
    this.#look();
    this.#timer = setInterval(() => this.#look(), LOOK_INTERVAL_MS);
    this.#timer.unref();
  }

  /**
   * The server has closed. Resolves once its connections have told their requests so: a response that was broken off
   * has begun to save its session by then.
   */
  async end(): Promise<void> {
    clearInterval(this.#timer);
    for (let turn = 0; turn < MOST_TURNS && this.#connections.size > 0; turn++) await nextTurn();
  }

  #look(): void {
    if (!this.#server.listening) this.#refusingSince ??= performance.now();
    const refusing = this.#refusingSince !== undefined;
    const silent = refusing && performance.now() - (this.#refusingSince ?? 0) >= SILENCE_MS;
    for (const connection of this.#connections) {
      const response = connection._httpMessage ?? undefined;
      if (response !== undefined) {
        keepNoLonger(response);
        if (refusing && isEventStream(response)) response.destroy();
      } else if (silent) connection.destroy();
    }
  }
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Not by its header: the response may be held, and the application may look at its headers. */
function keepNoLonger(response: ServerResponse): void {
  response.shouldKeepAlive = false;
}

/** Endless by nature, and asked for again, from another node, when it breaks. */
function isEventStream(response: ServerResponse): boolean {
  return response.headersSent && /^text\/event-stream\b/i.test(renderedContentType(response) ?? '');
}
