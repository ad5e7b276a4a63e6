/** Settles as the work does, or rejects with `late()` when that takes too long; the work itself goes on. */
export function within<T>(work: Promise<T>, milliseconds: number, late: () => Error): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(late()), milliseconds);
    void work.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

/** One whose answer is due. */
interface Due {
  readonly at: number;
  /** Undefined once settled. */
  reject: ((error: Error) => void) | undefined;
  next: Due | undefined;
}

/**
 * The deadlines of work that may all take the same time, so that what began first is due first: one timer does for
 * all of them, and a command that is answered in time starts and clears none. It keeps the process alive only
 * while something is due.
 */
export class Deadlines {
  readonly #milliseconds: number;
  readonly #late: () => Error;
  readonly #failed: (error: unknown) => Error;
  #first: Due | undefined;
  #last: Due | undefined;
  #timer: NodeJS.Timeout | undefined;

  /**
   * @param late What work is rejected with that takes too long.
   * @param failed What it is rejected with if it fails in time.
   */
  constructor(milliseconds: number, late: () => Error, failed: (error: unknown) => Error) {
    this.#milliseconds = milliseconds;
    this.#late = late;
    this.#failed = failed;
  }

  /**
   * Settles as the work does, or rejects when that takes too long; the work itself goes on.
   * @param instead Work, if any, that takes the place of work that failed, within the same time.
   */
  limit<T>(work: Promise<T>, instead: (error: unknown) => Promise<T> | undefined): Promise<T> {
    return new Promise((resolve, reject) => {
      const due = this.#expect(reject);
      const done = (value: T): void => {
        this.#settle(due);
        resolve(value);
      };
      const fail = (error: unknown): void => {
        this.#settle(due);
        reject(this.#failed(error));
      };
      work.then(done, (error: unknown) => {
        const other = instead(error);
        if (other === undefined) fail(error);
        else other.then(done, fail);
      });
    });
  }

  #expect(reject: (error: Error) => void): Due {
    const due: Due = { at: performance.now() + this.#milliseconds, reject, next: undefined };
    if (this.#last === undefined) this.#first = due;
    else this.#last.next = due;
    this.#last = due;
    if (this.#timer === undefined) this.#timer = setTimeout(this.#afterReading, this.#milliseconds);
    else if (this.#first === due) this.#timer.ref();
    return due;
  }

  #settle(due: Due): void {
    due.reject = undefined;
    if (due === this.#first) this.#forgetSettled();
  }

  #forgetSettled(): void {
    let first = this.#first;
    while (first !== undefined && first.reject === undefined) first = first.next;
    this.#first = first;
    if (first !== undefined) return;
    this.#last = undefined;
    this.#timer?.unref();
  }

  /** When a process was stuck itself, its timers come first, and only then the answers that have long been there. */
  readonly #afterReading = (): void => void setImmediate(this.#check);

  readonly #check = (): void => {
    this.#timer = undefined;
    const now = performance.now();
    for (let due = this.#first; due !== undefined && due.at <= now; due = due.next) {
      due.reject?.(this.#late());
      due.reject = undefined;
    }
    this.#forgetSettled();
    if (this.#first === undefined) return;
    this.#timer = setTimeout(this.#afterReading, Math.max(1, Math.ceil(this.#first.at - now)));
  };
}
