import { SessionStoreUnavailableError } from '../core/errors.js';
import type { RedisClient } from './redis-client.js';
import { storeUnavailable } from './redis-failure.js';
import type { Script } from './scripts.js';

/** An argument of a command. */
export type Argument = string | number | Buffer;

/**
 * The few commands the store uses, on any client: bounded in time, scripts by their SHA-1, failures as the
 * package's own error.
 */
export class RedisCommands {
  readonly client: RedisClient;
  readonly address: string;
  readonly timeoutMs: number;

  constructor(client: RedisClient, address: string, timeoutMs: number) {
    this.client = client;
    this.address = address;
    this.timeoutMs = timeoutMs;
  }

  /**
   * HGETALL and a touch in one round trip. The touch is best effort: where writes fail, reads must go on;
   * its reply is undefined then.
   */
  async loadAndTouch(key: string, touch: Script, argument: number): Promise<[Buffer[], number | undefined]> {
    // Upper case, so that ioredis hands out the flat reply: as an object, names would be mangled to strings.
    const load = this.client.callBuffer('HGETALL', key);
    const touched = this.#evalsha(touch, [key], [argument]).then(Number, () => undefined);
    return this.#bounded(Promise.all([load as Promise<Buffer[]>, touched]));
  }

  /** Runs a script; bytes in the reply are Buffers. */
  async run(script: Script, keys: readonly string[], args: readonly Argument[]): Promise<unknown> {
    return this.#bounded(this.#evalsha(script, keys, args));
  }

  async call(name: string, ...args: string[]): Promise<unknown> {
    return this.#bounded(this.client.call(name, ...args));
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
    let timer: NodeJS.Timeout | undefined;
    const timeout = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => {
        reject(
          new SessionStoreUnavailableError(
            `Redis at ${this.address} did not answer in ${this.timeoutMs} ms. ` +
              'Check REDIS_SESSION_HOST and that the server is up, or raise REDIS_SESSION_TIMEOUT.',
          ),
        );
      }, this.timeoutMs);
    });
    try {
      return await Promise.race([work, timeout]);
    } catch (error) {
      throw error instanceof SessionStoreUnavailableError ? error : storeUnavailable(error, this.address);
    } finally {
      clearTimeout(timer);
    }
  }
}
