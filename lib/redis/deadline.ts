/** Longest time between two looks at what is due. */
const LONGEST_BEAT_MS = 100;
/** Looks at the clock for each time that work may take. A process that is stuck counts two of them at most, a quarter of it. */
const BEATS = 8;

/** How long somebody still waits for a piece of work. */
export interface Turn {
  /** Milliseconds, of the time that the process could use; 0 once nobody waits any more. */
  readonly left: number;
  /** Why the work is not done yet, where somebody has said so: told instead of its being late. */
  obstacle: Error | undefined;
}

/** Settles as the work does, or rejects with `late()` when that takes too long; the work itself goes on. */
export function within<T>(
  work: Promise<T>,
  milliseconds: number,
  late = (): Error => new Error('timeout'),
): Promise<T> {
  return new Deadlines(milliseconds, late, (error) => error as Error).limit(() => work);
}

/**
 * The deadlines of work that may all take the same time, so that what began first is due first: one timer does for
 * all of them, and a command that is answered in time starts and clears none. It keeps the process alive only
 * while something is due.
 *
 * Everything that waits for Redis is judged here, by one rule: time in which the process itself was stuck does not count
 * (see {@link WakingTime}), and work is late only if it is not done after what lay in the sockets was read.
 */
export class Deadlines {
  readonly #milliseconds: number;
  readonly #late: () => Error;
  readonly #failed: (error: unknown) => Error;
  readonly #beatMs: number;
  readonly #time: WakingTime;
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
    this.#beatMs = Math.min(LONGEST_BEAT_MS, Math.max(1, milliseconds / BEATS));
    this.#time = new WakingTime(this.#beatMs);
  }

  /**
   * Begins work, and settles as that does, or rejects when it takes too long; the work itself goes on.
   * @param late What it is rejected with then, if that is something of its own. @param failed Likewise if it fails in time.
   */
  limit<T>(begin: (turn: Turn) => Promise<T>, late = this.#late, failed = this.#failed): Promise<T> {
    return new Promise((resolve, reject) => {
      const due = this.#expect(() => reject(due.obstacle === undefined ? late() : failed(due.obstacle)));
      begin(due).then(
        (value) => {
          this.#settle(due);
          resolve(value);
        },
        (error: unknown) => {
          this.#settle(due);
          reject(failed(error));
        },
      );
    });
  }

  #expect(reject: () => void): Due {
    // The clock has stood still while nothing was due.
    if (this.#timer === undefined) this.#time.resume();
    const due = new Due(this.#time, this.#milliseconds, reject);
    if (this.#last === undefined) this.#first = due;
    else this.#last.next = due;
    this.#last = due;
    if (this.#timer === undefined) this.#look(this.#milliseconds);
    else if (this.#first === due) this.#timer.ref();
    return due;
  }

  #settle(due: Due): void {
    due.reject = undefined;
    if (due === this.#first) this.#forgetSettled();
  }

  #forgetSettled(): void {
    let first = this.#first;
    while (first !== undefined && first.reject === undefined) {
      const { next }: Due = first;
      // Unlinked, since an entry in V8's old generation would keep all entries behind it alive.
      first.next = undefined;
      first = next;
    }
    this.#first = first;
    if (first !== undefined) return;
    this.#last = undefined;
    this.#timer?.unref();
  }

  #look(afterMs: number): void {
    this.#timer = setTimeout(this.#afterReading, Math.min(this.#beatMs, Math.max(1, Math.ceil(afterMs))));
  }

  /** After the process was stuck, its timers fire before it reads the answers that have long been in its sockets. */
  readonly #afterReading = (): void => void setImmediate(this.#check);

  readonly #check = (): void => {
    this.#timer = undefined;
    this.#time.beat();
    const { now } = this.#time;
    for (let due = this.#first; due !== undefined && due.at <= now; due = due.next) {
      due.reject?.();
      due.reject = undefined;
    }
    this.#forgetSettled();
    if (this.#first !== undefined) this.#look(this.#first.at - now);
  };
}

/** A piece of work and its deadline. */
class Due implements Turn {
  readonly at: number;
  /** Undefined once settled. */
  reject: (() => void) | undefined;
  next: Due | undefined;
  obstacle: Error | undefined;
  readonly #time: WakingTime;

  constructor(time: WakingTime, milliseconds: number, reject: () => void) {
    this.#time = time;
    this.at = time.now + milliseconds;
    this.reject = reject;
  }

  get left(): number {
    return this.reject === undefined ? 0 : Math.max(0, this.at - this.#time.now);
  }
}

/**
 * Milliseconds as far as this process could use them. While its event loop stands still (a long computation, a stopped
 * process) nothing can be sent and nothing that has arrived be read, so that such time says nothing of Redis: from one
 * beat to the next it counts for two at most. It never goes back, and goes on with each beat.
 */
class WakingTime {
  readonly #most: number;
  readonly #elapsed: () => number;
  #counted = 0;
  #lastBeat: number;

  /**
   * @param beatMs How often {@link beat} is called by a process that is not stuck, about.
   * @param elapsed A monotonic clock, in milliseconds.
   */
  constructor(beatMs: number, elapsed: () => number = () => performance.now()) {
    this.#most = 2 * beatMs;
    this.#elapsed = elapsed;
    this.#lastBeat = elapsed();
  }

  get now(): number {
    return this.#counted + Math.min(this.#elapsed() - this.#lastBeat, this.#most);
  }

  /** To be called again and again while the event loop turns. */
  beat(): void {
    this.#counted = this.now;
    this.#lastBeat = this.#elapsed();
  }

  /** To be called after a time in which the clock was not needed, and {@link beat} not called. */
  resume(): void {
    this.#lastBeat = this.#elapsed();
  }
}
