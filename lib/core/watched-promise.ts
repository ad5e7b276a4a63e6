import type { SessionLog } from './environment.js';

/**
 * A promise that may be left alone: its rejection is never an unhandled one, which would end the process, and it knows whether
 * anybody has asked for its outcome. A class of its own, since `await` calls the `then` of no ordinary promise.
 */
export class WatchedPromise<T> extends Promise<T> {
  #isAwaited = false;
  #failure: Error | undefined;

  /** What is chained to it is an ordinary promise, of which whoever has chained it takes care. */
  static override get [Symbol.species](): PromiseConstructor {
    return Promise;
  }

  /**
   * @param work What it settles as. @param thrown What it rejects with instead of an error.
   * @param left Called in the tick of a failure of which nobody has asked to hear by then. He may still do so.
   */
  static of<T>(
    work: Promise<T>,
    thrown: (error: unknown) => unknown,
    left: (promise: WatchedPromise<unknown>) => void,
  ): WatchedPromise<T> {
    const watched = new WatchedPromise<T>(
      (resolve, reject) =>
        void work.then(resolve, (error: unknown) => {
          watched.#failure = asError(error);
          reject(orItself(error, thrown));
          if (!watched.#isAwaited) left(watched);
        }),
    );
    void Promise.prototype.then.call(watched, undefined, nothing);
    return watched;
  }

  /** What it has failed with, as long as nobody has asked for its outcome. */
  get unseenFailure(): Error | undefined {
    return this.#isAwaited ? undefined : this.#failure;
  }

  override then<A = T, B = never>(
    onFulfilled?: ((value: T) => A | PromiseLike<A>) | null,
    onRejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    this.#isAwaited = true;
    return super.then(onFulfilled, onRejected);
  }
}

/**
 * What an application has begun on one session without awaiting it, and what has failed. The log tells of each failure, since
 * outside a request nobody else does; the commit reports one as if its handler had awaited it.
 */
export class UnseenFailures {
  readonly #log: SessionLog;
  readonly #promises: WatchedPromise<unknown>[] = [];

  constructor(log: SessionLog) {
    this.#log = log;
  }

  /** The first of those that the commit reports. */
  get first(): Error | undefined {
    return this.#promises.find(({ unseenFailure }) => unseenFailure !== undefined)?.unseenFailure;
  }

  /**
   * A method has failed, and nobody has asked for its outcome so far.
   * @param isRetried The commit does the same once more, and says itself whether it could. @param session Its name in the log.
   */
  add(method: string, promise: WatchedPromise<unknown>, isRetried: boolean, session: () => string): void {
    if (!isRetried) this.#promises.push(promise);
    // Whoever awaits it asks only after some ticks of this turn.
    setImmediate(() => {
      const failure = promise.unseenFailure;
      if (failure === undefined) return;
      const kind = `unseen ${method} ${failure.name}`;
      this.#log.warn(`${session()}: ${method}() failed, and nobody awaited it: ${failure.message}`, kind);
    });
  }
}

/** An application may throw what throws where it is only looked at, as a Proxy can. Nobody would catch that here. */
function orItself(error: unknown, look: (error: unknown) => unknown): unknown {
  try {
    return look(error);
  } catch {
    return error;
  }
}

function asError(error: unknown): Error {
  try {
    if (error instanceof Error && typeof error.message === 'string') return error;
  } catch {
    // As above.
  }
  return new Error('unknown failure', { cause: error });
}

function nothing(): void {
  // Whoever awaits it hears of its failure.
}
