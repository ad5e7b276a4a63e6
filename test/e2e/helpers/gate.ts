/** Where several requests wait until the test lets all of them go on. */
export class Gate {
  #arrived = 0;
  #open = false;
  readonly #waiting = new Set<() => void>();
  readonly #watchers = new Set<() => void>();

  get isOpen(): boolean {
    return this.#open;
  }

  /** Called by a handler: resolves when the gate is open. */
  pass(): Promise<void> {
    this.#arrived += 1;
    for (const watcher of this.#watchers) watcher();
    if (this.#open) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.add(resolve));
  }

  /** Called by the test: resolves once so many have come to the gate. */
  arrivals(count: number): Promise<void> {
    return new Promise((resolve) => {
      const look = (): void => {
        if (this.#arrived < count) return;
        this.#watchers.delete(look);
        resolve();
      };
      this.#watchers.add(look);
      look();
    });
  }

  open(): void {
    this.#open = true;
    for (const resolve of this.#waiting) resolve();
    this.#waiting.clear();
  }
}
