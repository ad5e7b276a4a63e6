/**
 * What time it is for one Redis server, without asking: its answers, and what this process's monotonic clock has counted
 * since. The wall clock of the node is never used, so that it may be wrong.
 *
 * A reply that says "it was `now`" was made some time between the question and the moment it is read, so it bounds the
 * difference between the two clocks from both sides. What is known moves only as far as such a bound demands: a reply that
 * is read late, because the network or this process stood still, has a low lower bound, which demands nothing. What is kept
 * is the newest time that a reply has proven, never one ahead of the server's; and where the server's clock is set back,
 * or runs slower than ours, the upper bound brings it back with the next reply.
 */
export class ServerClock {
  readonly #elapsed: () => number;
  #offset: number | undefined;

  /** @param elapsed A monotonic clock, in milliseconds. */
  constructor(elapsed: () => number = () => performance.now()) {
    this.#elapsed = elapsed;
  }

  /**
   * Takes in a reply that was just read.
   * @param now What it says, epoch milliseconds.
   * @param askedAt When it was asked for, by the monotonic clock.
   */
  observe(now: number, askedAt: number): void {
    const least = now - this.#elapsed();
    // A time in whole milliseconds may be one behind.
    const most = now + 1 - askedAt;
    if (this.#offset === undefined || this.#offset < least || this.#offset > most) this.#offset = least;
  }

  /** Epoch milliseconds; undefined before the first answer. */
  get now(): number | undefined {
    return this.#offset === undefined ? undefined : Math.floor(this.#offset + this.#elapsed());
  }
}
