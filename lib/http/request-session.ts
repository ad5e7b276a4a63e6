import type { IncomingMessage, ServerResponse } from 'node:http';
import { traceWait } from '../core/diagnostics.js';
import type { ResponseContext, SessionLog } from '../core/environment.js';
import {
  SessionCountError,
  SessionFormatError,
  SessionGoneError,
  SessionStoreUnavailableError,
} from '../core/errors.js';
import type { SessionEvents } from '../core/events.js';
import type { HttpSession } from '../core/members.js';
import type { ManagedSession } from '../core/session.js';
import type { SessionManager, SessionOpener } from '../core/manager.js';
import type { SessionDevice } from '../core/session-index.js';
import { deferResponse } from './deferred-response.js';
import type { Deferral, DeferralHooks, ErrorAnswer, OwnHeader, ResponseHead } from './deferral.js';
import { forgiveLateWrites } from './late-writers.js';
import type { SessionsInUse } from '../core/sessions-in-use.js';
import type { RequestConnection, TokenTransport } from './token-transport.js';

/** The one sentence a client is told when sessions cannot be served. Names no server, setting or session. */
export const UNAVAILABLE_MESSAGE = 'The service is temporarily unavailable. Please try again.';
/** What a client is told whose session ended while its request was under way, where that is an error. */
export const GONE_MESSAGE = 'The session ended meanwhile. Please sign in again.';
/** What a client is told whose user has as many sessions as are allowed. */
export const COUNT_MESSAGE = 'You are signed in on too many devices. Please sign out on one of them.';
/** Seconds after which a client may try again. */
export const RETRY_AFTER_SECONDS = 1;

const RETRY_AFTER: OwnHeader = ['Retry-After', String(RETRY_AFTER_SECONDS)];

/** What all requests of one module share. */
export interface RequestSessionOptions {
  readonly manager: SessionManager;
  readonly transport: TokenTransport;
  readonly events: SessionEvents;
  readonly inUse: SessionsInUse;
  /** False: what a handler wrote is discarded when the response is 5xx. */
  readonly saveOnServerError: boolean;
  /** Where a request came from, as far as that is kept; undefined: it is not. */
  readonly device?: ((connection: RequestConnection) => SessionDevice | undefined) | undefined;
  readonly log: SessionLog;
}

/** The session of one request and its raw response: it is saved before the response starts, and its token leaves with that. */
export class RequestSession implements DeferralHooks, ResponseContext, SessionOpener<HttpSession> {
  /** Whether the request brought a token that looks like one of ours. */
  readonly cameWithToken: boolean;
  /** Resolves once the session is there. Rejects, with what applications are to get, if it cannot be loaded. */
  readonly loaded: Promise<HttpSession>;
  readonly #options: RequestSessionOptions;
  readonly #connection: RequestConnection;
  readonly #response: ServerResponse;
  readonly #deferral: Deferral;
  #state: 'loading' | 'loaded' | 'failed' = 'loading';
  #session: ManagedSession | undefined;
  /** Tells that the request needs the session no more: see {@link SessionsInUse.during}. */
  #endUse: (() => void) | undefined;
  #failure: Error | undefined;
  #saved = false;
  #committing: Promise<void> | undefined;
  /** The session's `useCount` when it was last asked what there is to write. */
  #askedAt: number | undefined;
  #discarded = false;
  #beforeCommit: (() => Promise<void> | undefined) | undefined;
  #isActing = false;

  /** Begins to load the session of a request, and defers its response. */
  constructor(
    request: IncomingMessage,
    response: ServerResponse,
    connection: RequestConnection,
    options: RequestSessionOptions,
  ) {
    const { tokens, forged, old } = options.transport.receive(request.headers, connection);
    if (forged) options.events.emit({ type: 'rejected', reason: 'forged', id: undefined });
    this.#options = options;
    this.#connection = connection;
    this.cameWithToken = tokens.length > 0;
    this.#response = response;
    // Before the load, so that whoever awaits the session finds its response deferred.
    this.#deferral = deferResponse(response, this);
    this.loaded = options.manager.openFor(tokens, this, this, old);
  }

  opened(session: ManagedSession): HttpSession {
    this.#session = session;
    this.#endUse = this.#options.inUse.during(session, () => isOver(this.#response));
    this.#state = 'loaded';
    return session.httpSession;
  }

  failed(error: unknown): unknown {
    this.#state = 'failed';
    this.#failure = asError(error);
    // Also of a session that nobody awaits: that must not end the process.
    queueMicrotask(() => void this.loaded.catch(noop));
    return this.#options.manager.asThrown(error);
  }

  get isLoaded(): boolean {
    return this.#state === 'loaded';
  }

  /** Only to be asked for when it is loaded. */
  get session(): ManagedSession {
    return this.#session as ManagedSession;
  }

  get headersSent(): boolean {
    return this.#deferral.released;
  }

  get isClosing(): boolean {
    return !this.#isActing && this.#deferral.isClosing;
  }

  /** Asked for by logins only. */
  get device(): SessionDevice | undefined {
    return this.#options.device?.(this.#connection);
  }

  get ended(): boolean {
    return this.#deferral.ended;
  }

  /** Whether a browser sends the session's token by itself: see {@link TokenTransport.ambient}. */
  get ambient(): boolean {
    return this.#options.transport.ambient;
  }

  /** `act` is called each time before the session is saved; what it changes is saved as well. */
  beforeCommit(act: () => Promise<void> | undefined): void {
    this.#beforeCommit = act;
  }

  /**
   * Saves before a handler's value becomes the response, so that exception filters see a failure. Undefined if there is nothing
   * to save, or if the response has begun (as with each event of SSE): then the end of the response saves. Likewise where it is
   * the status that decides, which nobody knows for sure before the end.
   */
  commitEarly(): Promise<void> | undefined {
    const saving = this.#deferral.begun || !this.#options.saveOnServerError ? undefined : this.#commit();
    if (saving !== undefined) traceWait('handler', saving);
    return saving;
  }

  owed(): Promise<void> | undefined {
    switch (this.#state) {
      case 'loaded':
        return this.#owed();
      case 'failed':
        return undefined;
      case 'loading':
        // Nest sends the headers of SSE by itself, perhaps while the session is still loading. Whoever awaits the session
        // may write to it in the turn in which it arrives, so this waits for one turn more.
        return this.loaded
          .then(noop, noop)
          .then(nextTurn)
          .then(() => this.owed());
    }
  }

  owedLate(): Promise<void> | undefined {
    this.#endUse?.();
    if (!this.isLoaded || this.#failure !== undefined || this.#discarded) return undefined;
    return this.#commit()?.catch((error: unknown) =>
      this.#warn('what changed after the response had started is not saved', error),
    );
  }

  headers(head: ResponseHead): readonly OwnHeader[] {
    if (this.#deferral.isFinal) this.#endUse?.();
    const headers: OwnHeader[] = [];
    if (this.#session !== undefined) {
      const { transport } = this.#options;
      headers.push(['Vary', transport.requestHeader]);
      if (!head.has('cache-control')) headers.push(['Cache-Control', 'private, no-store']);
      const { cookie } = this.#session.state;
      if (cookie !== undefined) {
        const { name, value } = transport.send(cookie, this.#connection);
        headers.push([name, value]);
      }
    }
    // The answer is the application's own, of an exception filter perhaps, which knows nothing of this header.
    if (isUnavailable(this.#failure) && head.statusCode === 503 && !head.has('retry-after'))
      headers.push(RETRY_AFTER);
    return headers;
  }

  answerTo(error: unknown): ErrorAnswer {
    this.#endUse?.();
    const answer = answerTo(error);
    // Logged here, since nobody else does, and the application can mend it. A store that is down is logged by its connection.
    if (answer.statusCode === 500 && this.isLoaded)
      this.#warn('not saved, and the response became an error', error);
    return answer;
  }

  brokeOff(error: unknown): void {
    this.#warn('its response had to be broken off', error);
  }

  #owed(): Promise<void> | undefined {
    if (this.#failure !== undefined)
      return this.#afterFailure(this.#failure, conflictOf(this.#failure) === undefined ? 500 : 400);
    this.#discarded = !this.#isKept();
    const pending = this.#discarded ? undefined : this.#commitOnce();
    if (pending === undefined && !this.#saved) this.#tellNotSaved();
    // Where the application itself answers 503, its answer stays, also if it was given for something else that failed.
    return pending?.catch((error: unknown) => this.#afterFailure(error, 503));
  }

  /** @param from A response with at least this status tells of the failure itself, and stays as it is. */
  #afterFailure(failure: unknown, from: number): Promise<void> | undefined {
    if (this.#deferral.statusCode < from) return Promise.reject(asError(failure));
    // A handler that knows nothing of the failure may still write to the response, even after its end.
    forgiveLateWrites(this.#response);
    return undefined;
  }

  /** What the interceptor has saved is not compared once more, unless somebody has used the session since. */
  #commitOnce(): Promise<void> | undefined {
    return this.#askedAt === this.session.useCount ? this.#committing : this.#commit();
  }

  /** Saves what is to be saved; undefined if that is nothing. A failure is final for this request. */
  #commit(): Promise<void> | undefined {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    try {
      const acted = this.#act();
      const committed = acted === undefined ? this.session.commit() : acted.then(() => this.session.commit());
      this.#committing = committed?.then(
        () => void (this.#committing = undefined),
        (error: unknown) => this.#fail(error),
      );
      this.#askedAt = this.session.useCount;
      this.#saved ||= this.#committing !== undefined;
      return this.#committing;
    } catch (error) {
      // A session that exceeds a limit throws here, before anything is sent.
      return this.#fail(error);
    }
  }

  /** Calls what {@link beforeCommit} was given. It is part of the commit, so what it begins is still waited for. */
  #act(): Promise<void> | undefined {
    const acted = this.#beforeCommit?.();
    if (acted === undefined) return undefined;
    this.#isActing = true;
    return acted.finally(() => (this.#isActing = false));
  }

  #fail(error: unknown): Promise<never> {
    this.#failure = asError(error);
    return Promise.reject(this.#failure);
  }

  /** Whether a response with its status keeps what its handler wrote to the session. */
  #isKept(): boolean {
    return this.#options.saveOnServerError || this.#deferral.statusCode < 500;
  }

  #tellNotSaved(): void {
    const { session } = this;
    // The id of a new session is not asked for: making one costs randomness and a hash.
    const name = session.phase === 'new' ? 'A new session' : `Session ${session.id}`;
    const reason = this.#discarded ? `the response is ${this.#deferral.statusCode}` : 'nothing changed';
    if (session.phase === 'new' || session.phase === 'stored')
      this.#options.log.verbose(`${name}: not saved because ${reason}.`);
  }

  /** At most once a minute for each kind of failure: clients can provoke it. */
  #warn(what: string, error: unknown): void {
    const reason = error instanceof Error ? error.message : 'unknown failure';
    const name = this.isLoaded ? `Session ${this.session.id}` : 'A session';
    const kind = `${what} ${error instanceof Error ? error.name : ''}`;
    this.#options.log.warn(`${name}: ${what}: ${reason}`, kind);
  }
}

/** Whether the response has closed; over HTTP/2 its stream says so. */
function isOver(response: ServerResponse & { readonly stream?: { readonly closed: boolean } }): boolean {
  return response.closed || response.destroyed || response.stream?.closed === true;
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function noop(): void {
  // Whoever asked for the session sees whether it could be loaded.
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error('The session could not be served.', { cause: error });
}

function isUnavailable(error: unknown): boolean {
  return error instanceof SessionStoreUnavailableError || error instanceof SessionFormatError;
}

/** What a client is told that is to do something about it, or undefined where that is not up to him. */
function conflictOf(error: unknown): string | undefined {
  if (error instanceof SessionGoneError) return GONE_MESSAGE;
  return error instanceof SessionCountError ? COUNT_MESSAGE : undefined;
}

function answerTo(error: unknown): ErrorAnswer {
  const unavailable = isUnavailable(error);
  const conflict = conflictOf(error);
  const statusCode = unavailable ? 503 : conflict === undefined ? 500 : 409;
  const message = unavailable ? UNAVAILABLE_MESSAGE : (conflict ?? 'Internal server error');
  const headers: OwnHeader[] = [
    ['Content-Type', 'application/json; charset=utf-8'],
    ['Cache-Control', 'no-store'],
  ];
  if (unavailable) headers.push(RETRY_AFTER);
  return { statusCode, headers, body: JSON.stringify({ statusCode, message }) };
}
