import { traceWait } from '../core/diagnostics.js';

/** A header of the session's own: name and value. */
export type OwnHeader = readonly [name: string, value: string];

/** What is known of a response when its headers are about to leave. */
export interface ResponseHead {
  readonly statusCode: number;
  /** @param name In lower case. */
  has(name: string): boolean;
}

/** What is answered in place of a response whose session could not be saved. */
export interface ErrorAnswer {
  readonly statusCode: number;
  readonly headers: readonly OwnHeader[];
  readonly body: string;
}

/** What a deferred response asks of the session. */
export interface DeferralHooks {
  /**
   * The first bytes are about to leave. Returns what they have to wait for, undefined if nothing. If it rejects, another
   * answer takes the response's place. If the response had not ended yet, this is asked once more after the wait.
   */
  owed(): Promise<void> | undefined;
  /** The headers of the session's own. Asked last, just before the headers leave. */
  headers(head: ResponseHead): readonly OwnHeader[];
  /** The end of a body is about to leave, whose headers left earlier: writes what has changed since. Must not reject. */
  owedLate(): Promise<void> | undefined;
  /** What is answered instead when `owed` has rejected. */
  answerTo(error: unknown): ErrorAnswer;
  /** Something failed that must not, so that the response was broken off. For the log. */
  brokeOff(error: unknown): void;
}

/** How one protocol keeps output back, and lets it go. */
export interface Outlet {
  /** Whether output has left already, because the session is first asked for in the middle of a stream. */
  readonly begun: boolean;
  /** Whether the application has ended the response. */
  readonly ended: boolean;
  /** The status that the response leaves with. Once its headers are rendered, setting another one changes nothing. */
  readonly statusCode: number;
  /** Sends what was kept, the headers with the session's own. */
  release(): void;
  /** Sends an answer in place of what was kept. Whatever the application still writes is thrown away. */
  replace(answer: ErrorAnswer): void;
  /** Breaks the response off. */
  breakOff(): void;
}

/**
 * Decides when a response has to wait for its session, and what is sent then. It knows no protocol: the outlet of one calls
 * `begin` before the first bytes leave and `end` before the last ones do.
 */
export class Deferral {
  readonly hooks: DeferralHooks;
  readonly #outlet: Outlet;
  #state: 'open' | 'waiting' | 'released';
  /** The response had ended when the session was last asked what there is to write: it is not asked again. */
  #final = false;
  #askedAgain = false;
  /** The client has left before the response had ended. */
  #isAlone = false;

  constructor(hooks: DeferralHooks, outletTo: (deferral: Deferral) => Outlet) {
    this.hooks = hooks;
    this.#outlet = outletTo(this);
    this.#state = this.#outlet.begun ? 'released' : 'open';
  }

  /** Whether output has begun, though it may wait. */
  get begun(): boolean {
    return this.#state !== 'open';
  }

  /** Whether the headers have left, so that no cookie can be added any more. */
  get released(): boolean {
    return this.#state === 'released';
  }

  /** Whether the application has ended the response. */
  get ended(): boolean {
    return this.#outlet.ended;
  }

  /** Whether the response had ended when it was asked last what it owes. */
  get isFinal(): boolean {
    return this.#final;
  }

  /** Whether it waits for the last time: what the session begins to write from now on is not waited for. */
  get isClosing(): boolean {
    return this.#state === 'waiting' && (this.#final || this.#askedAgain);
  }

  /** See {@link Outlet.statusCode}. */
  get statusCode(): number {
    return this.#outlet.statusCode;
  }

  /**
   * The first bytes are about to leave.
   * @param whole Whether the response has ended, so that they are all there is.
   * @returns Whether they have to wait.
   */
  begin(whole: boolean): boolean {
    this.#final = whole;
    const pending = this.#owed();
    if (pending === undefined) this.#state = 'released';
    else this.#wait(pending);
    return pending !== undefined;
  }

  /** The response is about to end. @returns Whether what still leaves has to wait. */
  end(): boolean {
    if (this.#isAlone) this.left(true);
    if (this.#final || this.#state !== 'released') return false;
    this.#final = true;
    const pending = this.hooks.owedLate();
    if (pending === undefined) return false;
    this.#wait(pending);
    return true;
  }

  /**
   * The client has left. What has changed is written, and nothing waits for that. Its handler may go on: what it changes up to the end of
   * the response is written then, and where that has no end, as with an event stream, what is cleaned up because of the close.
   * @param whole Whether the response has ended.
   */
  left(whole: boolean): void {
    if (this.#final || (this.#isAlone && !whole)) return;
    this.#final = whole;
    this.#isAlone = true;
    void this.hooks.owedLate();
    // Some listen for the close of the response or of its connection, others for that of the request, which comes later.
    if (!whole) setImmediate(() => void (this.#final || this.hooks.owedLate()));
  }

  #owed(): Promise<void> | undefined {
    try {
      return this.hooks.owed();
    } catch (error) {
      return Promise.reject(error instanceof Error ? error : new Error('unknown failure', { cause: error }));
    }
  }

  #wait(pending: Promise<void>): void {
    traceWait(this.#state === 'released' ? 'end' : 'headers', pending);
    this.#state = 'waiting';
    pending
      .then(
        () => this.#saved(),
        (error: unknown) => {
          this.#final = true;
          this.#state = 'released';
          this.#outlet.replace(this.hooks.answerTo(error));
        },
      )
      // Nobody waits for this promise: an error in it would end the process.
      .catch((error: unknown) => {
        this.hooks.brokeOff(error);
        this.#outlet.breakOff();
      });
  }

  #saved(): void {
    // A handler that has begun its response may have changed the session since. Asked once only as long as it goes on: a job may do so for
    // ever; and once it has ended, since what it changed up to then is what the next request is to find.
    const { ended } = this.#outlet;
    const isAsked = !this.#final && !this.#isAlone && (ended || !this.#askedAgain);
    const more = isAsked ? this.#owed() : undefined;
    this.#askedAgain = true;
    this.#final ||= ended;
    if (more !== undefined) return this.#wait(more);
    this.#state = 'released';
    this.#outlet.release();
  }
}
