import { within } from './deadline.js';
import type { RedisClient } from './client.js';
import { RedisCommands } from './commands.js';
import type { ClientFactory } from './connection.js';
import { isOutage, type Endpoint } from './failure.js';
import { graceMs } from './stall-detector.js';

/** How long the reason why a connection could not be opened stays true. */
const FAILURE_FRESH_MS = 100;

/**
 * A connection of a pool. Opening never rejects: a pool would try again at once, and again. Who borrows a connection
 * that could not be opened gets the reason.
 */
export class PooledConnection {
  readonly commands: RedisCommands;
  readonly #client: RedisClient;
  #failed: { readonly reason: unknown; readonly at: number } | undefined;
  #spoilt = false;
  /** Another connection to the server got no answer, so this one is tested with a PING before it is lent. */
  #isSuspect = false;

  constructor(make: ClientFactory, endpoint: Endpoint, timeoutMs: number) {
    this.#client = make({ reconnect: false, onReadOnly: () => this.spoil() });
    this.commands = new RedisCommands(this.#client, endpoint, timeoutMs);
  }

  async open(ping: boolean): Promise<void> {
    try {
      await this.commands.open({ ping });
    } catch (reason) {
      this.#client.disconnect();
      this.#failed = { reason, at: performance.now() };
    }
  }

  /** Why it could not be opened; undefined: it was. */
  get failure(): unknown {
    return this.#failed?.reason;
  }

  /** Whether it is open, and no command on it was left without an answer. */
  get isOpen(): boolean {
    return !this.#spoilt && this.commands.state.isReady;
  }

  /** With `ping`, also whether the server answers. One that could not be opened just now counts as usable: its borrower is told why. */
  async isUsable(ping: boolean): Promise<boolean> {
    if (this.#failed !== undefined) return performance.now() - this.#failed.at < FAILURE_FRESH_MS;
    await this.commands.awake();
    if (!this.isOpen) return false;
    if (!ping && !this.#isSuspect) return true;
    const { timeoutMs } = this.commands;
    const answer = this.commands.call('PING').then(
      () => true,
      // A refusal is an answer.
      (error: unknown) => !isOutage(error),
    );
    const patienceMs = this.#isSuspect ? graceMs(timeoutMs) : timeoutMs;
    const answers = await within(answer, patienceMs).catch(() => false);
    if (answers) this.#isSuspect = false;
    return answers;
  }

  /** The server did not answer on another connection. */
  suspect(): void {
    this.#isSuspect = true;
  }

  /** It is not lent again. */
  spoil(): void {
    this.#spoilt = true;
  }

  /** Ends it once what was sent has been answered; never rejects. */
  async close(): Promise<void> {
    const { timeoutMs } = this.commands;
    if (this.isOpen) await within(this.#client.quit(), timeoutMs).catch(noop);
    this.abandon();
  }

  /** Ends it at once. */
  abandon(): void {
    // Also if it has ended: with Sentinel, only this closes its connections to the sentinels.
    this.#client.disconnect();
  }
}

function noop(): void {
  // Whether the farewell succeeded does not matter.
}
