import type { IncomingMessage, ServerResponse } from 'node:http';
import type { SessionClient, SessionLog } from '../core/environment.js';
import { SessionFormatError, SessionStoreUnavailableError } from '../core/errors.js';
import type { SessionEvents } from '../core/events.js';
import type { ManagedSession } from '../core/managed-session.js';
import type { SessionManager } from '../core/manager.js';
import type { SessionsInUse } from '../core/sessions-in-use.js';
import { ResponseHold, type ResponseHoldHooks } from './response-hold.js';
import type { RequestConnection, TokenTransport } from './token-transport.js';

/** The one sentence a client is told when sessions cannot be served. Names no server, setting or session. */
export const UNAVAILABLE_MESSAGE = 'The service is temporarily unavailable. Please try again.';
/** Seconds after which a client may try again. */
export const RETRY_AFTER_SECONDS = 1;

/** What all requests of one module share. */
export interface RequestSessionOptions {
  readonly manager: SessionManager;
  readonly transport: TokenTransport;
  readonly events: SessionEvents;
  readonly inUse: SessionsInUse;
  /** False: what a handler wrote is discarded when the response is 5xx. */
  readonly saveOnServerError: boolean;
  readonly log: SessionLog;
}

/**
 * The session of one request, bound to its raw response: saved before that starts, its token sent with it.
 */
export class RequestSession implements ResponseHoldHooks, SessionClient {
  /** Whether the request brought a token that looks like one of ours. */
  readonly cameWithToken: boolean;
  /** Resolves to this once the session is there. Rejects if it cannot be loaded. */
  readonly loaded: Promise<this>;
  readonly #options: RequestSessionOptions;
  readonly #connection: RequestConnection;
  readonly #hold: ResponseHold;
  #state: 'loading' | 'loaded' | 'failed' = 'loading';
  #session: ManagedSession | undefined;
  #failure: Error | undefined;
  #saved = false;
  #discarded = false;

  /** Begins to load the session of a request, and holds its response. */
  constructor(
    request: IncomingMessage,
    response: ServerResponse,
    connection: RequestConnection,
    options: RequestSessionOptions,
  ) {
    const { tokens, forged } = options.transport.receive(request.headers, connection);
    if (forged) options.events.emit({ type: 'rejected', reason: 'forged', id: undefined });
    this.#options = options;
    this.#connection = connection;
    this.cameWithToken = tokens.length > 0;
    // Installed before the load, so that whoever awaits the session finds its response held.
    this.#hold = new ResponseHold(response, this);
    const opened = options.manager.open(tokens, this);
    options.inUse.during(opened, response);
    this.loaded = opened.then(
      (session) => {
        this.#session = session;
        this.#state = 'loaded';
        return this;
      },
      (error: unknown) => {
        this.#state = 'failed';
        throw error;
      },
    );
  }

  get isLoaded(): boolean {
    return this.#state === 'loaded';
  }

  /** Only to be asked for when it is loaded. */
  get session(): ManagedSession {
    return this.#session as ManagedSession;
  }

  get headersSent(): boolean {
    return this.#hold.released;
  }

  /** Whether a browser sends the session's token unasked: see {@link TokenTransport.ambient}. */
  get ambient(): boolean {
    return this.#options.transport.ambient;
  }

  /** Saves what the session owes. Undefined if nothing is owed. A failure is final for this request. */
  commit(): Promise<void> | undefined {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    try {
      const pending = this.session.commit()?.catch((error: unknown) => this.#fail(error));
      this.#saved ||= pending !== undefined;
      return pending;
    } catch (error) {
      // What would exceed a limit is refused before anything is sent.
      return this.#fail(error);
    }
  }

  #fail(error: unknown): Promise<never> {
    this.#failure = error instanceof Error ? error : new Error('The session could not be saved.');
    return Promise.reject(this.#failure);
  }

  /** What it owes before a handler's value becomes the response. Undefined also where it is for the hold to save it. */
  commitEarly(): Promise<void> | undefined {
    // Once the headers have left, as with each event of SSE, it is the end of the response that saves.
    return this.#hold.begun || !this.#isKept() ? undefined : this.commit();
  }

  /** Whether a response with its status keeps what its handler wrote to the session. */
  #isKept(): boolean {
    return this.#options.saveOnServerError || this.#hold.statusCode < 500;
  }

  beforeHeaders(): ReturnType<ResponseHoldHooks['beforeHeaders']> {
    switch (this.#state) {
      case 'loaded':
        return this.#beforeHeaders();
      case 'failed':
        return undefined;
      case 'loading':
        // Nest sends the headers of SSE on its own account, when the session may still be loading: whoever awaits it gets
        // the turn in which it arrives to write to it.
        return this.loaded
          .then(noop, noop)
          .then(nextTurn)
          .then(async () => void (await this.beforeHeaders()));
    }
  }

  #beforeHeaders(): ReturnType<ResponseHoldHooks['beforeHeaders']> {
    // The response already says that something failed; it may be the application's own words for it.
    if (this.#failure !== undefined && this.#hold.statusCode >= 500) return 'failed';
    this.#discarded = !this.#isKept();
    const pending = this.#discarded ? undefined : this.commit();
    if (pending === undefined && !this.#saved) this.#tellNotSaved();
    return pending;
  }

  #tellNotSaved(): void {
    const { session } = this;
    // The id of a new session is not asked for: making one costs randomness and a hash.
    const name = session.phase === 'new' ? 'A new session' : `Session ${session.id}`;
    const reason = this.#discarded ? `the response is ${this.#hold.statusCode}` : 'nothing changed';
    if (session.phase === 'new' || session.phase === 'stored')
      this.#options.log.verbose(`${name}: not saved because ${reason}.`);
  }

  addHeaders(response: ServerResponse): void {
    if (this.#session === undefined) return;
    const { transport } = this.#options;
    response.appendHeader('Vary', transport.requestHeader);
    if (!response.hasHeader('cache-control')) response.setHeader('Cache-Control', 'private, no-store');
    const instruction = this.#session.state.cookie;
    if (instruction === undefined) return;
    const { name, value } = transport.send(instruction, this.#connection);
    response.appendHeader(name, value);
  }

  errorResponse(error: unknown): ReturnType<ResponseHoldHooks['errorResponse']> {
    const answer = errorResponse(error);
    // Nobody else tells what the application itself can mend. That the store is down is told once, by its connection.
    if (answer.statusCode === 500 && this.isLoaded) {
      const reason = error instanceof Error ? error.message : 'unknown failure';
      this.#options.log.warn(
        `Session ${this.session.id}: not saved, and the response became an error: ${reason}`,
      );
    }
    return answer;
  }

  beforeEnd(): Promise<void> | undefined {
    if (!this.isLoaded || this.#failure !== undefined || this.#discarded) return undefined;
    return this.commit()?.catch((error: unknown) => {
      const reason = error instanceof Error ? error.message : 'unknown failure';
      this.#options.log.warn(
        `Session ${this.session.id}: what changed after the response had started is not saved: ${reason}`,
      );
    });
  }
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function noop(): void {
  // Whether it was loaded is the business of whoever asked for it.
}

function errorResponse(error: unknown): ReturnType<ResponseHoldHooks['errorResponse']> {
  const unavailable = error instanceof SessionStoreUnavailableError || error instanceof SessionFormatError;
  const statusCode = unavailable ? 503 : 500;
  const message = unavailable ? UNAVAILABLE_MESSAGE : 'Internal server error';
  return {
    statusCode,
    headers: {
      'content-type': 'application/json; charset=utf-8',
      'cache-control': 'no-store',
      ...(unavailable && { 'retry-after': String(RETRY_AFTER_SECONDS) }),
    },
    body: JSON.stringify({ statusCode, message }),
  };
}
