import type { Bag, Placed } from './bag.js';

/** Operations of one session, one after the other, and a way to wait until none is left. */
export class OperationQueue implements Placed {
  place = -1;
  readonly #busy: Bag<OperationQueue> | undefined;
  /** Made when first needed: most sessions are only read. */
  #running: Set<Promise<unknown>> | undefined;
  #tail: Promise<unknown> | undefined;

  /** @param busy Holds this queue for as long as something is running: see {@link allIdle}. */
  constructor(busy?: Bag<OperationQueue>) {
    this.#busy = busy;
  }

  get busy(): boolean {
    return this.#running !== undefined && this.#running.size > 0;
  }

  /** Runs a task after all that were queued before it, whether those succeeded or not. */
  run<T>(task: () => Promise<T>): Promise<T> {
    const before = this.#tail;
    const result = before === undefined ? task() : before.then(task, task);
    this.#tail = result;
    return this.beside(result);
  }

  /** Counts a task that runs outside the order. */
  beside<T>(result: Promise<T>): Promise<T> {
    const running = (this.#running ??= new Set<Promise<unknown>>());
    running.add(result);
    this.#busy?.add(this);
    const done = (): void => {
      running.delete(result);
      if (running.size === 0) this.#busy?.delete(this);
      if (this.#tail === result) this.#tail = undefined;
    };
    // Also marks a rejection as seen. What applications get of it is a promise of its own: see WatchedPromise.
    result.then(done, done);
    return result;
  }

  /** Resolves when what is running at this moment has ended, not what begins meanwhile. Never rejects. */
  async settled(): Promise<void> {
    if (this.#running !== undefined) await Promise.allSettled(this.#running);
  }

  /** Resolves when nothing is running. Never rejects: each failure goes to whoever asked for the operation. */
  async idle(): Promise<void> {
    while (this.#running !== undefined && this.#running.size > 0) await Promise.allSettled(this.#running);
  }
}

/** Resolves when none of the queues that report to it is busy any more. Never rejects. */
export async function allIdle(busy: Bag<OperationQueue>): Promise<void> {
  while (busy.size > 0) await Promise.all(busy.list().map((queue) => queue.idle()));
}
