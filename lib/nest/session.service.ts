import { Inject, Injectable } from '@nestjs/common';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Observable } from 'rxjs';
import { SessionUsageError } from '../core/errors.js';
import type { SessionEvent } from '../core/events.js';
import type { ManagedSession } from '../core/session.js';
import type { HttpSession, SessionAttributes } from '../core/members.js';
import type { UserSessions } from '../core/user-sessions.js';
import { UnseenFailures, WatchedPromise } from '../core/watched-promise.js';
import { prepareResponse } from '../http/response-patch.js';
import { RequestSession, type RequestSessionOptions } from '../http/request-session.js';
import { RequestSlot } from '../http/request-slot.js';
import { SocketSessions } from './context/socket-sessions.js';
import { placeOf, type SessionSource } from './context/source.js';
import { rawExchange, type AnyRequest, type AnyResponse, type RawExchange } from './raw-http.js';
import type { SessionEventStream } from './session-events.js';
import { sessionInfo, type SessionInfo } from './session-info.js';
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
  readonly #sockets: SocketSessions;
  readonly #openings = new RequestSlot<RequestSession>('session');
  readonly #unseen: UnseenFailures;

  constructor(
    @Inject(REQUEST_SESSION_OPTIONS) options: RequestSessionOptions,
    @Inject(SESSION_EVENTS) events: SessionEventStream,
    @Inject(SocketSessions) sockets: SocketSessions,
  ) {
    this.#options = options;
    this.#sockets = sockets;
    this.#unseen = new UnseenFailures(options.log);
    this.events = events.stream;
  }

  /**
   * The session of a request, for guards, interceptors, pipes, filters and middleware. Loaded at the first call;
   * later ones get the same object. Of a socket it is loaded once for each message; what a handler changes is saved after
   * it, and what is changed elsewhere (`handleConnection()`, a timer) with `save()`.
   *
   * @param source An ExecutionContext or ArgumentsHost (HTTP, GraphQL, WebSocket), the request (of Express, Fastify or
   * Node), or a gateway's client.
   * @param beside Only needed with a bare Node request whose response is not known (Fastify's `inject()`): that; and with a
   * client of ws whose gateway has a port of its own: the request that `handleConnection()` gets.
   * @throws SessionUnavailableException when the store cannot be read; the client gets 503.
   * @throws SessionUsageError where there is no session: microservices, a context or a socket without a request.
   */
  of<T extends object = SessionAttributes>(
    source: SessionSource,
    beside?: AnyResponse | IncomingMessage,
  ): Promise<HttpSession<T>> {
    try {
      const place = placeOf(source, beside);
      const opened =
        place.kind === 'request'
          ? this.#openingOf(place.exchange).loaded
          : this.watched(
              'of',
              this.#sockets.open(place).then(({ httpSession }) => httpSession),
            );
      return opened as Promise<HttpSession<T>>;
    } catch (error) {
      return this.watched('of', rejected(error));
    }
  }

  /** The session of a context with its inner side, for this module's own guards. @internal */
  async managed(source: SessionSource): Promise<ManagedSession> {
    const place = placeOf(source);
    if (place.kind !== 'request') return (await this.#sockets.open(place)).session;
    const opening = this.#openingOf(place.exchange);
    await opening.loaded;
    return opening.session;
  }

  /** The session of an HTTP request with its inner side, for this package's own middleware. @internal */
  async requestSession(request: AnyRequest, response: AnyResponse): Promise<RequestSession> {
    const opening = this.#openingOf(rawExchange(request, response));
    await opening.loaded;
    return opening;
  }

  /** Whether browsers send the token by themselves, as they do with a cookie. @internal */
  get ambient(): boolean {
    return this.#options.transport.ambient;
  }

  /**
   * A stored session outside any request, by its public id; undefined if there is none. For jobs and admin pages:
   * it can be read, changed, saved with `save()` and destroyed, but its id cannot change, since no response
   * carries the cookie. Counts as a use: the expiry is extended.
   */
  @Watched
  async open<T extends object = SessionAttributes>(id: string): Promise<HttpSession<T> | undefined> {
    const session = await this.#options.manager.openById(id).catch(rethrown);
    return session?.httpSession as HttpSession<T> | undefined;
  }

  /**
   * A stored session by its public id, only to be looked at: what would change it throws. Not a use: a page that shows
   * sessions keeps none of them alive.
   */
  @Watched
  async peek<T extends object = SessionAttributes>(
    id: string,
  ): Promise<Readonly<HttpSession<T>> | undefined> {
    const session = await this.#options.manager.peekById(id).catch(rethrown);
    return session?.httpSession as Readonly<HttpSession<T>> | undefined;
  }

  /**
   * The live sessions of a user, newest login first, on whichever device. Looking is not using.
   * @param principal As given to `authenticate()`.
   */
  @Watched
  async list(principal: string | number, options: ListOptions = {}): Promise<SessionInfo[]> {
    const { limit = Infinity, after, current } = options;
    const infos: SessionInfo[] = [];
    if (limit <= 0) return infos;
    try {
      for await (const listed of this.#users.list(String(principal), after)) {
        infos.push(sessionInfo(listed, idOf(current)));
        if (infos.length >= limit) break;
      }
    } catch (error) {
      return rethrown(error);
    }
    return infos;
  }

  /** How many live sessions a user has; without one, how many are logged in, for which all of them are looked at. */
  @Watched
  async count(principal?: string | number): Promise<number> {
    let count = 0;
    try {
      const sessions = principal === undefined ? this.#users.all() : this.#users.list(String(principal));
      for await (const _ of sessions) count += 1;
    } catch (error) {
      return rethrown(error);
    }
    return count;
  }

  /**
   * All live sessions that count as logged in, in no order, a few at a time, without stopping others. One that begins or
   * changes its id meanwhile may be missing or come twice.
   */
  async *all(): AsyncGenerator<SessionInfo> {
    try {
      for await (const listed of this.#users.all()) yield sessionInfo(listed, undefined);
    } catch (error) {
      rethrown(error);
    }
  }

  /**
   * Ends all sessions of a user, or without one those of everybody, guests as well. It is final on every node: a login, an id
   * change or a save that was under way when it was called does not outlive it; a login after it does. Resolves to how
   * many were ended.
   */
  @Watched
  async destroyAll(principal?: string | number, { except }: DestroyAllOptions = {}): Promise<number> {
    const kept = new Set([except ?? []].flat().map((each) => idOf(each) as string));
    const ending =
      principal === undefined ? this.#users.endAll(kept) : this.#users.end(String(principal), kept);
    return ending.catch(rethrown);
  }

  /** Ends a session by its public id, on every node. An unknown id is not an error. */
  @Watched
  async destroy(id: string): Promise<void> {
    await this.#options.manager.destroyById(id).catch(rethrown);
  }

  /** A promise that may be left alone: the log tells that it has failed, and no process ends. @internal */
  watched<T>(method: string, work: Promise<T>): Promise<T> {
    const left = (promise: WatchedPromise<unknown>): void =>
      this.#unseen.add(method, promise, true, () => 'SessionService');
    return WatchedPromise.of(work, (error) => error, left);
  }

  get #users(): UserSessions {
    return this.#options.manager.users as UserSessions;
  }

  /** The session of a request if somebody has asked for it and it has been loaded. @internal */
  opened(request: IncomingMessage): RequestSession | undefined {
    const opening = this.#openings.get(request);
    return opening?.isLoaded ? opening : undefined;
  }

  /** Prepares a request and a response that no framework has seen yet, in case a session is asked for. @internal */
  prepare(request: IncomingMessage, response: ServerResponse): void {
    this.#openings.reserve(request);
    prepareResponse(response);
  }

  /** Resolves when no operation of any session is under way. @internal */
  idle(): Promise<void> {
    return this.#options.manager.idle();
  }

  #openingOf(exchange: RawExchange): RequestSession {
    return this.#openings.get(exchange.request) ?? this.#open(exchange);
  }

  #open(exchange: RawExchange): RequestSession {
    const { request, response } = exchange;
    if (response === undefined) {
      throw new SessionUsageError(
        'The response that belongs to this request is not known, so its session could not be saved before it leaves. ' +
          'Pass it too: sessions.of(request, response). In GraphQL, have it in the context: context: (req, res) => ({ req, res }).',
      );
    }
    const opening = new RequestSession(request, response, exchange, this.#options);
    this.#openings.set(request, opening);
    return opening;
  }
}

/** False for what a test has put in its place, which has the methods that the test needs, and none that is internal. */
export function isOwn(service: SessionService): boolean {
  return service instanceof SessionService;
}

/** See {@link SessionService.watched}. */
function Watched(_of: object, name: string, descriptor: PropertyDescriptor): void {
  const method = descriptor.value as (...args: unknown[]) => Promise<unknown>;
  descriptor.value = function (this: SessionService, ...args: unknown[]) {
    return this.watched(name, method.apply(this, args));
  };
}

/** Which sessions of a user are listed. */
export interface ListOptions {
  /** At most so many. Default: all. */
  readonly limit?: number | undefined;
  /** Those that come after the one with this id: the last of the page before. None where that is no longer in the list. */
  readonly after?: string | undefined;
  /** The session that is to be marked as `current`, or its id: that of the request as a rule. */
  readonly current?: string | { readonly id: string } | undefined;
}

/** Which sessions are not ended. */
export interface DestroyAllOptions {
  /** Sessions, or their ids: that of the request, for "log out everywhere else". */
  readonly except?:
    string | { readonly id: string } | readonly (string | { readonly id: string })[] | undefined;
}

function idOf(session: string | { readonly id: string } | undefined): string | undefined {
  return typeof session === 'object' ? session.id : session;
}

function rethrown(error: unknown): never {
  throw asHttpException(error);
}

async function rejected(error: unknown): Promise<never> {
  throw error;
}
