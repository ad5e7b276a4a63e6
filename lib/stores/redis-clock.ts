/**
 * What time it is for Redis, without asking: its last answer and what this process's monotonic clock has counted
 * since. The wall clock of the node is never used, so that it may be wrong.
 */
export class RedisClock {
  #offset: number | undefined;

  observe(now: number): void {
    this.#offset = now - performance.now();
  }

  /** Epoch milliseconds; undefined before the first answer. */
  now(): number | undefined {
    return this.#offset === undefined ? undefined : Math.round(this.#offset + performance.now());
  }
}
