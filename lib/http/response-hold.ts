import type { OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { holdingPlace, type HeldMethods, type HoldingPlace } from './held-methods.js';
import { joinHeaders, type GivenHeaders } from './join-headers.js';

/** What a held response asks of the session. */
export interface ResponseHoldHooks {
  /**
   * The response is about to start. Returns what it has to wait for, undefined if nothing.
   * A rejection becomes a neutral error response in place of this one. `failed`: this one already is the answer to a
   * failure; whatever a handler that knows nothing of it (a stream it pipes) writes after its end is dropped.
   */
  beforeHeaders(): Promise<void> | 'failed' | undefined;
  /** Adds headers, last thing before they leave. Not called for an error response. */
  addHeaders(response: ServerResponse): void;
  /** The body is about to end, long after the headers: what changed meanwhile. Must not reject. */
  beforeEnd(): Promise<void> | undefined;
  /** What to answer instead when `beforeHeaders` rejected. */
  errorResponse(error: unknown): {
    readonly statusCode: number;
    readonly headers: OutgoingHttpHeaders;
    readonly body: string;
  };
}

type Call = () => void;

/** Headers that describe the body or the outcome of the response that is replaced by an error. */
const REPLACED_HEADERS = [
  'content-length',
  'content-type',
  'content-encoding',
  'content-disposition',
  'content-range',
  'transfer-encoding',
  'trailer',
  'etag',
  'last-modified',
  'cache-control',
  'expires',
  'location',
  'set-cookie',
];

/**
 * Holds a raw Node response back until the session is saved: headers and body wait, whoever writes them (a
 * framework, `@Res()`, a pipe). Takes its place on the one response that needs it. Where a body follows, it gives it up when
 * the headers have left, but for `end`, so that what a stream's handler changed on the way is saved before the stream ends.
 */
export class ResponseHold {
  readonly #response: ServerResponse;
  readonly #hooks: ResponseHoldHooks;
  readonly #place: HoldingPlace;
  readonly #ours: HeldMethods;
  readonly #queue: Call[] = [];
  #state: 'open' | 'holding' | 'released' | 'replaced' = 'open';
  #endAsked = false;
  #answersFailure = false;
  #drainOwed = false;
  #explicitStatus: number | undefined;

  constructor(response: ServerResponse, hooks: ResponseHoldHooks) {
    this.#response = response;
    this.#hooks = hooks;
    this.#place = holdingPlace(response);
    this.#ours = this.#methods();
    if (!response.headersSent) {
      this.#place.lead(this.#ours);
      return;
    }
    // A session that is first asked for in the middle of a stream is still saved at its end.
    this.#state = 'released';
    this.#leadEnd();
  }

  /** Whether somebody has asked for the response to start. As its `headersSent`, which takes long to find on Express. */
  get begun(): boolean {
    return this.#state !== 'open';
  }

  /** The response's, also where `writeHead` brings it. */
  get statusCode(): number {
    return this.#explicitStatus ?? this.#response.statusCode;
  }

  /** Whether the headers have left, so that no cookie can be added any more. */
  get released(): boolean {
    return this.#state === 'released' || this.#state === 'replaced';
  }

  #methods(): HeldMethods {
    const response = this.#response;
    const writeHead = (statusCode: number, ...rest: unknown[]): ServerResponse => {
      this.#explicitStatus = statusCode;
      this.#pass(() => this.#writeHead(statusCode, rest));
      return response;
    };
    const write = (...args: Parameters<ServerResponse['write']>): boolean => {
      let accepted = true;
      this.#pass(() => (accepted = this.#place.before.write.apply(response, args)));
      if (this.#state !== 'holding') return accepted;
      // The producer pauses, so that what is held stays small.
      this.#drainOwed = true;
      return false;
    };
    const end = (...args: Parameters<ServerResponse['end']>): ServerResponse => {
      if (this.#endAsked) return response;
      this.#endAsked = true;
      // Where it is also the beginning, everything has just been saved.
      if (this.#state === 'open') this.#pass(() => this.#place.before.end.apply(response, args));
      else this.#pass(() => this.#endLate(args));
      return response;
    };
    const flushHeaders = (): void => this.#pass(() => this.#place.before.flushHeaders.call(response));
    return { writeHead, write, end, flushHeaders };
  }

  /** Runs a call on the response now, or once it may start. */
  #pass(call: Call): void {
    switch (this.#state) {
      case 'released':
        if (!this.#answersFailure || !this.#response.writableEnded) call();
        return;
      case 'holding':
        this.#queue.push(call);
        return;
      case 'replaced':
        // Written to a response that was replaced: into the void.
        return;
      case 'open':
        return this.#start(call);
    }
  }

  #start(call: Call): void {
    const pending = this.#hooks.beforeHeaders();
    if (pending === undefined || pending === 'failed') {
      this.#answersFailure = pending === 'failed';
      this.#release();
      call();
      return;
    }
    this.#state = 'holding';
    this.#queue.push(call);
    this.#pretendSent();
    pending.then(
      () => this.#replay(),
      (error: unknown) => this.#replace(error),
    );
  }

  #release(): void {
    this.#state = 'released';
    // Most responses end as they begin: then nobody is left to call us, and stepping aside would only cost.
    if (!this.#answersFailure && !this.#endAsked) queueMicrotask(() => this.#endAsked || this.#leadEnd());
    this.#hooks.addHeaders(this.#response);
  }

  /** Holds nothing any more but the end of a stream. */
  #leadEnd(): void {
    this.#place.lead({ end: this.#ours.end });
    // A stream that its client leaves is gone without an end: the session is told, nothing waits for it.
    this.#response.once('close', () => {
      if (!this.#endAsked) void this.#hooks.beforeEnd();
    });
  }

  #replay(): void {
    this.#stopPretending();
    try {
      this.#release();
      for (const call of this.#queue.splice(0)) call();
      if (this.#drainOwed && !this.#endAsked) this.#response.emit('drain');
    } catch (error) {
      // What the application passed (a header with a line break, say) is refused by Node only now.
      if (this.#response.headersSent) this.#response.destroy(error instanceof Error ? error : undefined);
      else this.#replace(error);
    }
  }

  #replace(error: unknown): void {
    this.#stopPretending();
    this.#queue.length = 0;
    const response = this.#response;
    const { writeHead, end } = this.#place.before;
    this.#state = 'replaced';
    if (response.destroyed) return;
    const { statusCode, headers, body } = this.#hooks.errorResponse(error);
    for (const name of REPLACED_HEADERS) response.removeHeader(name);
    this.#place.lead({});
    writeHead.call(response, statusCode, { ...headers, 'content-length': Buffer.byteLength(body) });
    end.call(response, body, 'utf8');
    this.#place.lead(this.#ours);
  }

  #writeHead(statusCode: number, [second, third]: unknown[]): void {
    const message = typeof second === 'string' ? second : undefined;
    joinHeaders(this.#response, (message === undefined ? second : third) as GivenHeaders);
    if (message === undefined) this.#place.before.writeHead.call(this.#response, statusCode);
    else this.#place.before.writeHead.call(this.#response, statusCode, message);
  }

  #endLate(args: Parameters<ServerResponse['end']>): void {
    this.#place.lead({});
    const pending = this.#hooks.beforeEnd();
    const end = (): ServerResponse => this.#place.before.end.apply(this.#response, args);
    if (pending === undefined) end();
    else void pending.then(end);
  }

  /** While held, the response looks to the application as what it asked for: started, and ended if it was. */
  #pretendSent(): void {
    getter(this.#response, 'headersSent', () => true);
    getter(this.#response, 'writableEnded', () => this.#endAsked);
  }

  #stopPretending(): void {
    Reflect.deleteProperty(this.#response, 'headersSent');
    Reflect.deleteProperty(this.#response, 'writableEnded');
  }
}

function getter(target: object, name: string, get: () => unknown): void {
  Object.defineProperty(target, name, { get, configurable: true, enumerable: false });
}
