import { within } from './deadline.js';
import type { RedisClient } from './client.js';
import { RedisCommands } from './commands.js';
import { isOutage } from './failure.js';
import { connectAndPing, type ClientFactory } from './connection.js';

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
  #lastError: unknown;
  #spoilt = false;

  private constructor(make: ClientFactory, address: string, timeoutMs: number) {
    this.#client = make({ reconnect: false, onReadOnly: () => this.spoil() });
    // What went wrong last before the connection closed says more than that it closed.
    this.#client.on('error', (error: unknown) => (this.#lastError = error));
    this.commands = new RedisCommands(this.#client, address, timeoutMs);
  }

  static async open(
    make: ClientFactory,
    address: string,
    timeoutMs: number,
    ping: boolean,
  ): Promise<PooledConnection> {
    const connection = new PooledConnection(make, address, timeoutMs);
    const client = connection.#client;
    const opened = ping ? connectAndPing(client) : client.connect();
    try {
      await within<unknown>(opened, timeoutMs, () => new Error('timeout'));
    } catch (error) {
      client.disconnect();
      connection.#failed = { reason: connection.#lastError ?? error, at: performance.now() };
    }
    return connection;
  }

  /** Why it could not be opened; undefined: it was. */
  get failure(): unknown {
    return this.#failed?.reason;
  }

  /** Whether it is open and nothing is owed on it. */
  get isOpen(): boolean {
    return !this.#spoilt && this.#client.status === 'ready';
  }

  /** With `ping`, also whether the server answers. A fresh failure counts as usable: somebody has to be told it. */
  async isUsable(ping: boolean): Promise<boolean> {
    if (this.#failed !== undefined) return performance.now() - this.#failed.at < FAILURE_FRESH_MS;
    if (!this.isOpen) return false;
    if (!ping) return true;
    return this.commands.call('PING').then(
      () => true,
      // A server that cannot save to its disk refuses even PING, and serves reads.
      (error: unknown) => error instanceof Error && !isOutage(error),
    );
  }

  /** It is not lent again. */
  spoil(): void {
    this.#spoilt = true;
  }

  /** Ends it once what was sent has been answered; never rejects. */
  async close(): Promise<void> {
    const { timeoutMs } = this.commands;
    if (this.isOpen) await within(this.#client.quit(), timeoutMs, () => new Error('timeout')).catch(noop);
    this.abandon();
  }

  /** Ends it at once. */
  abandon(): void {
    // Also where it has ended: with Sentinel, connections to the sentinels are left, which only this closes.
    this.#client.disconnect();
  }
}

function noop(): void {
  // Whether the farewell succeeded does not matter.
}
