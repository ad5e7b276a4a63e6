import type { Timer } from '../../../lib/core/clock.js';

/** Timers that go off only when a test says how much time has passed. */
export class ManualTimer {
  readonly #due = new Set<{ readonly at: number; readonly call: () => void }>();
  #now = 0;

  readonly timer: Timer = (milliseconds, call) => {
    const entry = { at: this.#now + milliseconds, call };
    this.#due.add(entry);
    return () => void this.#due.delete(entry);
  };

  /** Timers that are set and have neither gone off nor been stopped. */
  get pending(): number {
    return this.#due.size;
  }

  advance(milliseconds: number): void {
    this.#now += milliseconds;
    for (const entry of [...this.#due].sort((a, b) => a.at - b.at)) {
      if (entry.at > this.#now || !this.#due.delete(entry)) continue;
      entry.call();
    }
  }
}
