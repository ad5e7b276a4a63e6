import { AsyncLocalStorage } from 'node:async_hooks';
import { realTimer, type Timer } from './clock.js';

/** Milliseconds that a task may keep the others of its key waiting. */
export const MAX_TURN_MS = 5_000;

/** The tasks that wait for one key, in the order in which they came. */
class Line {
  stopWatch: (() => void) | undefined;
  readonly #waiting: (() => void)[] = [];
  #served = 0;

  get isEmpty(): boolean {
    return this.#served === this.#waiting.length;
  }

  wait(): Promise<void> {
    return new Promise((resolve) => void this.#waiting.push(resolve));
  }

  callNext(): void {
    this.#waiting[this.#served++]?.();
  }

  callAll(): void {
    while (!this.isEmpty) this.callNext();
  }
}

/** A task that is under way, and the one that it was begun inside of. */
interface Held {
  readonly key: string;
  readonly outer: Held | undefined;
  over: boolean;
}

/**
 * Runs tasks of one key one after the other, tasks of different keys side by side. Holds nothing for idle keys.
 *
 * It spares tasks lost races and is no guarantee that one runs alone: where one takes longer than {@link MAX_TURN_MS},
 * all that wait for it go ahead at once, and a task that is begun inside another waits for nobody, so that no two can
 * wait for each other.
 */
export class KeyedLock {
  readonly #lines = new Map<string, Line>();
  readonly #timer: Timer;
  readonly #held = new AsyncLocalStorage<Held>();
  #running = 0;

  constructor(timer: Timer = realTimer) {
    this.#timer = timer;
  }

  /** Whether the caller is part of a task of this key that is still under way. */
  holds(key: string): boolean {
    return this.#isInside((held) => held.key === key);
  }

  async run<T>(key: string, task: () => Promise<T>): Promise<T> {
    if (this.#isInside(() => true)) return this.#runAs(key, task);
    const line = await this.#turn(key);
    try {
      return await this.#runAs(key, task);
    } finally {
      this.#leave(key, line);
    }
  }

  #turn(key: string): Line | Promise<Line> {
    const line = this.#lines.get(key);
    if (line === undefined) {
      const opened = new Line();
      this.#lines.set(key, opened);
      return opened;
    }
    const turn = line.wait().then(() => line);
    if (line.stopWatch === undefined) this.#watch(key, line);
    return turn;
  }

  /** Bounds the turn that is on. Only where somebody waits for its end. */
  #watch(key: string, line: Line): void {
    line.stopWatch = this.#timer(MAX_TURN_MS, () => {
      this.#lines.delete(key);
      line.callAll();
    });
  }

  #leave(key: string, line: Line): void {
    line.stopWatch?.();
    line.stopWatch = undefined;
    // Not where it was given up on: whoever waited has gone ahead.
    if (this.#lines.get(key) !== line) return;
    if (line.isEmpty) {
      this.#lines.delete(key);
      return;
    }
    line.callNext();
    if (!line.isEmpty) this.#watch(key, line);
  }

  #isInside(matches: (held: Held) => boolean): boolean {
    for (let held = this.#held.getStore(); held !== undefined; held = held.outer) {
      if (!held.over && matches(held)) return true;
    }
    return false;
  }

  async #runAs<T>(key: string, task: () => Promise<T>): Promise<T> {
    const held: Held = { key, outer: this.#held.getStore(), over: false };
    this.#running += 1;
    try {
      return await this.#held.run(held, task);
    } finally {
      held.over = true;
      this.#running -= 1;
      // While it is in use, Node 20 and 22 take two to three times as long for every await of the process.
      if (this.#running === 0) this.#held.disable();
    }
  }
}
