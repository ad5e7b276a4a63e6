import slotOf from 'cluster-key-slot';
import type { Redis } from 'ioredis';
import { Deadlines } from './deadline.js';
import { isCluster, type RedisClient } from './redis-client.js';
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
  /** Own: ioredis's commandTimeout does not count while a command waits for a connection, and takes a timer for each. */
  readonly #deadlines: Deadlines;
  #batching = false;

  /** @param onLate Called when a command takes longer than it may. */
  constructor(client: RedisClient, address: string, timeoutMs: number, onLate: () => void = nothing) {
    this.client = client;
    this.address = address;
    this.timeoutMs = timeoutMs;
    const late = (): Error => {
      onLate();
      return noAnswer(address, timeoutMs);
    };
    this.#deadlines = new Deadlines(timeoutMs, late, (error) => storeUnavailable(error, address));
  }

  loadAndTouch(key: string, touch: Script, argument: number): Promise<[Buffer[], number | undefined]> {
    if (this.#isAdrift()) return Promise.reject(this.#adrift());
    this.#batch();
    // Upper case, so that ioredis hands out the flat reply: as an object, names would be mangled to strings.
    const load = this.client.callBuffer('HGETALL', key);
    const rest = [1, key, argument];
    const touched = this.client
      .callBuffer('evalsha', touch.sha1, ...rest)
      .then(Number, (error: unknown) => this.#taught(error, touch, rest)?.then(Number, nothing));
    return this.#deadlines.limit(both(load, touched), nothing);
  }

  run(script: Script, keys: readonly string[], args: readonly Argument[]): Promise<unknown> {
    if (this.#isAdrift()) return Promise.reject(this.#adrift());
    this.#batch();
    const rest = [keys.length, ...keys, ...args];
    const work = this.client.callBuffer('evalsha', script.sha1, ...rest);
    return this.#deadlines.limit(work, (error) => this.#taught(error, script, rest));
  }

  nodeOf(key: string): string | undefined {
    return isCluster(this.client) ? this.client.slots[slotOf(key)]?.[0] : undefined;
  }

  /** Whether a cluster is out of reach: ioredis would keep the command until it is not, see createRedisClient. */
  #isAdrift(): boolean {
    return this.client.isCluster && this.client.status !== 'ready';
  }

  #adrift(): Error {
    return storeUnavailable(new Error('no node of the cluster is connected'), this.address);
  }

  /** A server that does not know a script yet (new, restarted, failed over) learns it by running it. */
  #taught(error: unknown, script: Script, rest: readonly Argument[]): Promise<unknown> | undefined {
    const unknown = error instanceof Error && error.message.startsWith('NOSCRIPT');
    return unknown ? this.client.callBuffer('eval', script.lua, ...rest) : undefined;
  }

  call(name: string, ...args: string[]): Promise<unknown> {
    if (this.#isAdrift()) return Promise.reject(this.#adrift());
    return this.#deadlines.limit(this.client.call(name, ...args), nothing);
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
}

/** Each read pays for it: one promise, where a chain or `Promise.all` makes several. */
async function both(
  load: Promise<unknown>,
  touched: Promise<number | undefined>,
): Promise<[Buffer[], number | undefined]> {
  return [flatReply(await load), await touched];
}

function nothing(): undefined {
  return undefined;
}

/** A client that was given to us may hand out RESP3's map: in ioredis an object without a prototype. */
function flatReply(reply: unknown): Buffer[] {
  if (Array.isArray(reply)) return reply as Buffer[];
  return Object.entries(reply as Record<string, Buffer>).flatMap(([name, value]) => [
    Buffer.from(name),
    value,
  ]);
}
