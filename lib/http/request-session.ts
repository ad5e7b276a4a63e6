import type { IncomingMessage, ServerResponse } from 'node:http';
import type { SessionLog } from '../core/environment.js';
import { SessionFormatError, SessionStoreUnavailableError } from '../core/errors.js';
import type { ManagedSession } from '../core/managed-session.js';
import type { SessionManager } from '../core/manager.js';
import { ResponseHold, type ResponseHoldHooks } from './response-hold.js';
import type { SessionCookie } from './session-cookie.js';

/** The one sentence a client is told when sessions cannot be served. Names no server, setting or session. */
export const UNAVAILABLE_MESSAGE = 'The service is temporarily unavailable. Please try again.';
/** Seconds after which a client may try again. */
export const RETRY_AFTER_SECONDS = 1;

/** What all requests of one module share. */
export interface RequestSessionOptions {
  readonly manager: SessionManager;
  readonly cookie: SessionCookie;
  /** False: what a handler wrote is discarded when the response is 5xx. */
  readonly saveOnServerError: boolean;
  readonly log: SessionLog;
}

/**
 * The session of one request, bound to its raw response: saved before that starts, its cookie sent with it.
 */
export class RequestSession {
  readonly session: ManagedSession;
  readonly #options: RequestSessionOptions;
  #failure: Error | undefined;

  private constructor(session: ManagedSession, options: RequestSessionOptions) {
    this.session = session;
    this.#options = options;
  }

  /**
   * Loads the session of a request and holds its response.
   * @param secure Whether the request came over TLS, as the framework sees it.
   */
  static async open(
    request: IncomingMessage,
    response: ServerResponse,
    secure: boolean,
    options: RequestSessionOptions,
  ): Promise<RequestSession> {
    const tokens = options.cookie.tokensIn(request.headers.cookie, secure);
    // Installed before the load, so that whoever awaits the session finds its response held. A response that starts
    // while the session is still loading owes it nothing: nobody has it in hand.
    const binding: { opened?: RequestSession } = {};
    const hold = response.headersSent
      ? undefined
      : new ResponseHold(response, {
          beforeHeaders: (statusCode) => binding.opened?.beforeHeaders(statusCode),
          addHeaders: (held) => binding.opened?.addHeaders(held, secure),
          beforeEnd: () => binding.opened?.beforeEnd(),
          errorResponse,
        });
    const client = {
      get headersSent(): boolean {
        return hold === undefined || hold.released;
      },
    };
    const session = await options.manager.open(tokens, client);
    binding.opened = new RequestSession(session, options);
    return binding.opened;
  }

  /** Saves what the session owes. Undefined if nothing is owed. A failure is final for this request. */
  commit(): Promise<void> | undefined {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    return this.session.commit()?.catch((error: unknown) => {
      this.#failure = error instanceof Error ? error : new Error('The session could not be saved.');
      throw this.#failure;
    });
  }

  /** Whether a response with this status keeps what its handler wrote to the session. */
  keeps(statusCode: number): boolean {
    return this.#options.saveOnServerError || statusCode < 500;
  }

  private beforeHeaders(statusCode: number): Promise<void> | undefined {
    // The response already says that something failed; it may be the application's own words for it.
    if (this.#failure !== undefined && statusCode >= 500) return undefined;
    return this.keeps(statusCode) ? this.commit() : undefined;
  }

  private addHeaders(response: ServerResponse, secure: boolean): void {
    response.appendHeader('Vary', 'Cookie');
    if (!response.hasHeader('cache-control')) response.setHeader('Cache-Control', 'private, no-store');
    const instruction = this.session.state.cookie;
    if (instruction === undefined) return;
    response.appendHeader('Set-Cookie', this.#options.cookie.header(instruction, secure));
  }

  private beforeEnd(): Promise<void> | undefined {
    if (this.#failure !== undefined) return undefined;
    return this.commit()?.catch((error: unknown) => {
      const reason = error instanceof Error ? error.message : 'unknown failure';
      this.#options.log.warn(
        `Session ${this.session.id}: what changed after the response had started is not saved: ${reason}`,
      );
    });
  }
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
