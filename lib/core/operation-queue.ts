/** Operations of one session, one after the other, and a way to wait until none is left. */
export class OperationQueue {
  readonly #running = new Set<Promise<unknown>>();
  #tail: Promise<unknown> | undefined;

  get busy(): boolean {
    return this.#running.size > 0;
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
    this.#running.add(result);
    const done = (): void => {
      this.#running.delete(result);
      if (this.#tail === result) this.#tail = undefined;
    };
    // Also marks a rejection as seen: an operation nobody awaits must not end the process.
    result.then(done, done);
    return result;
  }

  /** Resolves when nothing is running. Never rejects: each failure goes to whoever asked for the operation. */
  async idle(): Promise<void> {
    while (this.#running.size > 0) await Promise.allSettled(this.#running);
  }
}
