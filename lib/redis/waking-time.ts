/**
 * Milliseconds as far as this process could use them. While its event loop stands still (a long computation, a stopped
 * process) nothing can be sent and nothing that has arrived be read, so that such time says nothing of Redis: from one
 * beat to the next it counts for two at most. It never goes back, and goes on with each beat.
 */
export class WakingTime {
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

  /** The event loop turns. */
  beat(): void {
    this.#counted = this.now;
    this.#lastBeat = this.#elapsed();
  }

  /** Nobody has called {@link beat} for a while because nobody needed the time. */
  resume(): void {
    this.#lastBeat = this.#elapsed();
  }
}
