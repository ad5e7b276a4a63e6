/**
 * Remembers what was added last: at least so many, and at most twice as many. Of two generations the older one is forgotten as a
 * whole when the younger one is full, since to keep a list of who came when takes several microseconds for each.
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

  /** Returns whether it was there. It may be in both, as what was added again. */
  delete(value: T): boolean {
    const wasYounger = this.#younger.delete(value);
    return this.#older.delete(value) || wasYounger;
  }

  clear(): void {
    this.#younger.clear();
    this.#older.clear();
  }
}
