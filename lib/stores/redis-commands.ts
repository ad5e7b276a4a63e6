import type { Redis } from 'ioredis';
import { within } from './deadline.js';
import type { RedisClient } from './redis-client.js';
import type { Argument, RedisExecutor } from './redis-executor.js';
import { noAnswer, storeUnavailable } from './redis-failure.js';
import type { Script } from './scripts.js';

export type { Argument } from './redis-executor.js';

/**
 * The store's commands on one client, whichever it is: bounded in time, scripts by their SHA-1, failures as the
 * package's own error.
 */
export class RedisCommands implements RedisExecutor {
  readonly client: RedisClient;
  readonly address: string;
  readonly timeoutMs: number;
  #batching = false;

  constructor(client: RedisClient, address: string, timeoutMs: number) {
    this.client = client;
    this.address = address;
    this.timeoutMs = timeoutMs;
  }

  async loadAndTouch(key: string, touch: Script, argument: number): Promise<[Buffer[], number | undefined]> {
    this.#batch();
    // Upper case, so that ioredis hands out the flat reply: as an object, names would be mangled to strings.
    const load = this.client.callBuffer('HGETALL', key).then(flatReply);
    const touched = this.#evalsha(touch, [key], [argument]).then(Number, () => undefined);
    return this.#bounded(Promise.all([load, touched]));
  }

  async run(script: Script, keys: readonly string[], args: readonly Argument[]): Promise<unknown> {
    this.#batch();
    return this.#bounded(this.#evalsha(script, keys, args));
  }

  async call(name: string, ...args: string[]): Promise<unknown> {
    return this.#bounded(this.client.call(name, ...args));
  }

  /**
   * Sends what this turn of the event loop asks for, whichever requests it is for, with one write to the socket: under load
   * the system call costs more than the command. A cluster has several sockets, and which of them is ioredis's secret.
   */
  #batch(): void {
    if (this.#batching || this.client.isCluster) return;
    // None before the first connection, whatever the type says.
    const stream = (this.client as Redis).stream as Redis['stream'] | undefined;
    if (stream === undefined) return;
    this.#batching = true;
    stream.cork();
    setImmediate(() => {
      this.#batching = false;
      stream.uncork();
    });
  }

  async #evalsha(script: Script, keys: readonly string[], args: readonly Argument[]): Promise<unknown> {
    const rest = [keys.length, ...keys, ...args] as (string | number | Buffer)[];
    try {
      return await this.client.callBuffer('EVALSHA', script.sha1, ...rest);
    } catch (error) {
      // A server that does not know the script yet (new, restarted, failed over) learns it by running it.
      if (!(error instanceof Error) || !error.message.startsWith('NOSCRIPT')) throw error;
      return this.client.callBuffer('EVAL', script.lua, ...rest);
    }
  }

  /** Own deadline: ioredis's commandTimeout does not count while a command waits for a connection. */
  async #bounded<T>(work: Promise<T>): Promise<T> {
    try {
      return await within(work, this.timeoutMs, () => noAnswer(this.address, this.timeoutMs));
    } catch (error) {
      throw storeUnavailable(error, this.address);
    }
  }
}

/** A client that was given to us may hand out RESP3's map: in ioredis an object without a prototype. */
function flatReply(reply: unknown): Buffer[] {
  if (Array.isArray(reply)) return reply as Buffer[];
  return Object.entries(reply as Record<string, Buffer>).flatMap(([name, value]) => [
    Buffer.from(name),
    value,
  ]);
}
