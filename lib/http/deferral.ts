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
   * The first bytes are about to leave. Returns what they have to wait for, undefined if nothing. A rejection replaces
   * the response. Asked once more when that is done, unless the response had ended before it began to wait.
   */
  owed(): Promise<void> | undefined;
  /** The session's headers, last thing before they leave. */
  headers(head: ResponseHead): readonly OwnHeader[];
  /** The end of a body is about to leave, after the headers did: what changed meanwhile. Must not reject. */
  owedLate(): Promise<void> | undefined;
  /** What to answer instead when `owed` rejected. */
  answerTo(error: unknown): ErrorAnswer;
  /** A response had to be broken off because something failed that must not fail. For the log. */
  brokeOff(error: unknown): void;
}

/** How one protocol keeps output back, and lets it go. */
export interface Outlet {
  /** Whether output has left already: the session is first asked for in the middle of a stream. */
  readonly begun: boolean;
  /** Whether the application has ended the response. */
  readonly ended: boolean;
  /** What the response leaves with: once its headers are rendered, whatever the application says since. */
  readonly statusCode: number;
  /** Sends what was kept, the headers with the session's own. */
  release(): void;
  /** Sends an answer in place of what was kept. What follows from the application leads nowhere. */
  replace(answer: ErrorAnswer): void;
  /** Breaks the response off. */
  breakOff(): void;
}

/**
 * When a response has to wait, and what becomes of it. Knows of no protocol: an outlet calls `begin` before its first
 * bytes leave, and `end` before the last ones do.
 */
export class Deferral {
  readonly hooks: DeferralHooks;
  readonly #outlet: Outlet;
  #state: 'open' | 'waiting' | 'released';
  /** Everything has been asked for that this response can owe. */
  #final = false;
  #askedAgain = false;

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

  /** Whether it waits for what it owes, and is not going to ask again: nothing that begins from now on is waited for. */
  get isClosing(): boolean {
    return this.#state === 'waiting' && (this.#final || this.#askedAgain);
  }

  /** See {@link Outlet.statusCode}. */
  get statusCode(): number {
    return this.#outlet.statusCode;
  }

  /** The first bytes are about to leave. @returns Whether they have to wait. */
  begin(whole: boolean): boolean {
    this.#final = whole;
    const pending = this.#owed();
    if (pending === undefined) this.#state = 'released';
    else this.#wait(pending);
    return pending !== undefined;
  }

  /** The response is about to end. @returns Whether what still leaves has to wait. */
  end(): boolean {
    if (this.#final || this.#state !== 'released') return false;
    this.#final = true;
    const pending = this.hooks.owedLate();
    if (pending === undefined) return false;
    this.#wait(pending);
    return true;
  }

  /** The client has left in the middle of a stream: it is gone without an end. The session is told, nothing waits. */
  left(): void {
    if (this.#final) return;
    this.#final = true;
    void this.hooks.owedLate();
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
      // Nobody waits for this promise: what fails in it would end the process.
      .catch((error: unknown) => {
        this.hooks.brokeOff(error);
        this.#outlet.breakOff();
      });
  }

  #saved(): void {
    // A handler that has begun its response may have gone on with the session since. Once: a job may do so for ever.
    const more = this.#final || this.#askedAgain ? undefined : this.#owed();
    this.#askedAgain = true;
    this.#final ||= this.#outlet.ended;
    if (more !== undefined) return this.#wait(more);
    this.#state = 'released';
    this.#outlet.release();
  }
}
