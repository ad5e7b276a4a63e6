/**
 * Remembers what was added last: at least so many, and at most twice as many. It has two generations, of which the older one is
 * dropped as a whole when the younger one is full. An LRU list would take several microseconds for each addition.
 */
export class RecentSet<T> {
  readonly #least: number;
  #younger = new Set<T>();
  #older = new Set<T>();

  constructor(least: number) {
    this.#least = least;
  }

  add(value: T): void {
    if (this.#younger.size >= this.#least) {
      this.#older = this.#younger;
      this.#younger = new Set();
    }
    this.#younger.add(value);
  }

  /** Returns whether it was there. What was added twice may be in both generations. */
  delete(value: T): boolean {
    const wasYounger = this.#younger.delete(value);
    return this.#older.delete(value) || wasYounger;
  }

  clear(): void {
    this.#younger.clear();
    this.#older.clear();
  }
}
