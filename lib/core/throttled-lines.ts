import type { Timer } from './clock.js';

/** Kinds that are kept apart at a time. Where a client makes up more, by names of attributes, all others are one. */
const MOST_KINDS = 50;
const OTHERS = Symbol('others');

/** How lines are written. Each is given the latest of its kind. */
interface ThrottledOutput {
  /** The first in an interval or more. */
  first(line: string): void;
  /** How many there were since the line before. */
  again(line: string, count: number): void;
  /** An interval has passed without one; how many there had been in all. */
  over?(line: string, total: number): void;
}

interface Current {
  line: string;
  untold: number;
  total: number;
}

/**
 * Writes what may come with every request: each kind of line at once, and then at most once an interval, with how many
 * were left out meanwhile.
 */
export class ThrottledLines {
  readonly #output: ThrottledOutput;
  readonly #timer: Timer;
  readonly #intervalMs: number;
  readonly #current = new Map<string | typeof OTHERS, Current>();

  constructor(output: ThrottledOutput, timer: Timer, intervalMs = 60_000) {
    this.#output = output;
    this.#timer = timer;
    this.#intervalMs = intervalMs;
  }

  note(kind: string, line: string): void {
    const key = this.#current.has(kind) || this.#current.size < MOST_KINDS ? kind : OTHERS;
    const current = this.#current.get(key);
    if (current === undefined) {
      this.#current.set(key, { line, untold: 0, total: 1 });
      this.#output.first(line);
      this.#lookLater(key);
    } else {
      current.line = line;
      current.untold += 1;
      current.total += 1;
    }
  }

  #lookLater(key: string | typeof OTHERS): void {
    this.#timer(this.#intervalMs, () => this.#look(key));
  }

  #look(key: string | typeof OTHERS): void {
    const current = this.#current.get(key);
    if (current === undefined) return;
    const { line, untold, total } = current;
    if (untold === 0) {
      this.#current.delete(key);
      this.#output.over?.(line, total);
      return;
    }
    current.untold = 0;
    this.#output.again(line, untold);
    this.#lookLater(key);
  }
}
