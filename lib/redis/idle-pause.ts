import { setImmediate as nextTurn } from 'node:timers/promises';

/** Since the last command, after which connections may have been closed without our noticing. */
const IDLE_MS = 1000;

/**
 * The pause before the first command in a while. A process that was frozen, or whose clients were cut off while it had
 * nothing to do, finds its connections closed, but only once it has read what lies in the sockets: until then they look
 * open, and what is sent on them is lost.
 */
export class IdlePause {
  #usedAt = performance.now();
  #reading: Promise<void> | undefined;

  /** Undefined: there was a command a moment ago. Else it resolves once what lay in the sockets has been read. */
  take(): Promise<void> | undefined {
    if (this.#reading !== undefined) return this.#reading;
    const now = performance.now();
    const idleMs = now - this.#usedAt;
    this.#usedAt = now;
    if (idleMs < IDLE_MS) return undefined;
    this.#reading = this.#read();
    return this.#reading;
  }

  /**
   * Two turns: what is read in this one may have been fetched before the process was frozen, and then does not tell what has
   * come since. Between the two lies a whole look at all sockets.
   */
  async #read(): Promise<void> {
    await nextTurn();
    await nextTurn();
    this.#reading = undefined;
    this.#usedAt = performance.now();
  }
}
