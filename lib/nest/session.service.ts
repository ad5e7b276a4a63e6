import { Inject, Injectable } from '@nestjs/common';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Observable } from 'rxjs';
import { SessionUsageError } from '../core/errors.js';
import type { SessionEvent } from '../core/events.js';
import type { HttpSession, SessionAttributes } from '../core/members.js';
import { prepareResponse } from '../http/response-patch.js';
import { RequestSession, type RequestSessionOptions } from '../http/request-session.js';
import { rawExchange, type AnyResponse, type RawExchange, type SessionSource } from './raw-http.js';
import { RequestSlot } from '../http/request-slot.js';
import type { SessionEventStream } from './session-events.js';
import { asHttpException } from './session.exceptions.js';
import { REQUEST_SESSION_OPTIONS, SESSION_EVENTS } from './tokens.js';

/** Sessions of requests, and of others by their id. */
@Injectable()
export class SessionService {
  /**
   * What happens to sessions on this node: created, authenticated, regenerated, destroyed, dropped, rejected. For counters and
   * alarms; holds public ids, never a token. Hot: a subscriber gets what comes after it. Completes at shutdown.
   */
  readonly events: Observable<SessionEvent>;
  readonly #options: RequestSessionOptions;
  readonly #openings = new RequestSlot<RequestSession>('session');

  constructor(
    @Inject(REQUEST_SESSION_OPTIONS) options: RequestSessionOptions,
    @Inject(SESSION_EVENTS) events: SessionEventStream,
  ) {
    this.#options = options;
    this.events = events.stream;
  }

  /**
   * The session of a request, for guards, interceptors, pipes, filters and middleware. Loaded at the first call;
   * later ones get the same object.
   *
   * @param source An ExecutionContext, an ArgumentsHost, or the request (of Express, Fastify or Node).
   * @param response Only needed with a bare Node request whose response is not known (Fastify's `inject()`).
   * @throws SessionUnavailableException when the store cannot be read; the client gets 503.
   */
  of<T extends object = SessionAttributes>(
    source: SessionSource,
    response?: AnyResponse,
  ): Promise<HttpSession<T>> {
    try {
      return this.#openingOf(source, response).loaded as Promise<HttpSession<T>>;
    } catch (error) {
      return rejected(error);
    }
  }

  /** What is behind the session of a request, for this module's own guards. @internal */
  async requestSession(source: SessionSource, response?: AnyResponse): Promise<RequestSession> {
    const opening = this.#openingOf(source, response);
    await opening.loaded;
    return opening;
  }

  /**
   * A stored session outside any request, by its public id; undefined if there is none. For jobs and admin pages:
   * it can be read, changed, saved with `save()` and destroyed, but its id cannot change, since no response
   * carries the cookie. Counts as a use: the expiry is extended.
   */
  async open<T extends object = SessionAttributes>(id: string): Promise<HttpSession<T> | undefined> {
    const session = await this.#options.manager.openById(id).catch(rethrown);
    return session?.httpSession as HttpSession<T> | undefined;
  }

  /** Ends a session by its public id, on every node. An unknown id is not an error. */
  async destroy(id: string): Promise<void> {
    await this.#options.manager.destroyById(id).catch(rethrown);
  }

  /** The session of a request if somebody has asked for it and it has been loaded. @internal */
  opened(request: IncomingMessage): RequestSession | undefined {
    const opening = this.#openings.get(request);
    return opening?.isLoaded ? opening : undefined;
  }

  /** Makes room on a request and a response that no framework has seen yet, for a session if it is asked for. @internal */
  prepare(request: IncomingMessage, response: ServerResponse): void {
    this.#openings.reserve(request);
    prepareResponse(response);
  }

  /** Resolves when no operation of any session is under way. @internal */
  idle(): Promise<void> {
    return this.#options.manager.idle();
  }

  #openingOf(source: SessionSource, response: AnyResponse | undefined): RequestSession {
    const exchange = rawExchange(source, response);
    return this.#openings.get(exchange.request) ?? this.#open(exchange);
  }

  #open(exchange: RawExchange): RequestSession {
    const { request, response } = exchange;
    if (response === undefined) {
      throw new SessionUsageError(
        'The response that belongs to this request is not known, so its session could not be saved before it leaves. ' +
          'Pass it too: sessions.of(request, response).',
      );
    }
    const opening = new RequestSession(request, response, exchange, this.#options);
    this.#openings.set(request, opening);
    return opening;
  }
}

function rethrown(error: unknown): never {
  throw asHttpException(error);
}

async function rejected(error: unknown): Promise<never> {
  throw error;
}
