import type { Availability } from './availability.js';
import { Breaker } from './breaker.js';
import { ForwardingExecutor, type Argument, type RedisExecutor } from './executor.js';
import type { ScanPage, ScanPlace } from './scan.js';
import { cause, unavailable } from './failure.js';
import type { Script } from './script.js';

/**
 * Stands between the store and Redis. A server that is down costs nothing while it is: see {@link Breaker}; on a cluster
 * each node has a breaker of its own, so that one that is down takes nothing from sessions on the others. And more
 * commands than `maxInFlight` at a time are refused, so that a Redis that is slow does not fill this process's memory.
 */
export class ResilientExecutor extends ForwardingExecutor {
  protected readonly inner: RedisExecutor;
  readonly #maxInFlight: number;
  readonly #availability: Availability;
  /** Of the only server; on a cluster of what may be sent to any node. */
  readonly #whole: Breaker;
  readonly #nodes = new Map<string, Breaker>();
  readonly #settled = (): void => void (this.#inFlight -= 1);
  #inFlight = 0;
  #closed = false;

  constructor(inner: RedisExecutor, maxInFlight: number, availability: Availability) {
    super();
    this.inner = inner;
    this.#maxInFlight = maxInFlight;
    this.#availability = availability;
    this.#whole = this.#breaker(inner.endpoint.address, availability, () => inner.call('PING'));
    // A new connection: no need to wait for the next turn.
    availability.onBack = () => this.#breakers().forEach((breaker) => breaker.ask());
  }

  override load(key: string, only?: readonly string[]): Promise<[Buffer[], number | undefined]> {
    const breaker = this.#breakerOf(key);
    return this.#refused(breaker) ?? breaker.serve(this.inner.load(key, only));
  }

  override run(script: Script, keys: readonly string[], args: readonly Argument[]): Promise<unknown> {
    const breaker = this.#breakerOf(keys[0]);
    return this.#refused(breaker) ?? breaker.serve(this.inner.run(script, keys, args));
  }

  override call(name: string, ...args: string[]): Promise<unknown> {
    return this.#refused(this.#whole) ?? this.#whole.watch(this.inner.call(name, ...args));
  }

  override callEach(name: string, ...args: string[]): Promise<unknown[]> {
    return this.#refused(this.#whole) ?? this.#whole.watch(this.inner.callEach(name, ...args));
  }

  override scan(pattern: string, place?: ScanPlace): Promise<ScanPage> {
    return this.#refused(this.#whole) ?? this.#whole.watch(this.inner.scan(pattern, place));
  }

  override timeAt(key: string): Promise<number> {
    const breaker = this.#breakerOf(key);
    return this.#refused(breaker) ?? breaker.serve(this.inner.timeAt(key));
  }

  /** Nothing is sent any more. */
  close(): void {
    this.#closed = true;
    this.#breakers().forEach((breaker) => breaker.close());
  }

  #breakers(): Breaker[] {
    return [this.#whole, ...this.#nodes.values()];
  }

  #breakerOf(key: string | undefined): Breaker {
    const node = key === undefined ? undefined : this.inner.nodeOf?.(key);
    if (key === undefined || node === undefined) return this.#whole;
    return this.#nodes.get(node) ?? this.#nodeBreaker(node, key);
  }

  #nodeBreaker(node: string, key: string): Breaker {
    // By a key, which is what leads to a node.
    const ask = (): Promise<unknown> => this.inner.call('EXISTS', key);
    const breaker = this.#breaker(node, this.#availability.ofNode(node), ask);
    this.#nodes.set(node, breaker);
    return breaker;
  }

  #breaker(address: string, availability: Availability, probe: () => Promise<unknown>): Breaker {
    return new Breaker({ address, availability, probe, settled: this.#settled });
  }

  /** Lets a command in, which is then to be watched; or refuses it. */
  #refused(breaker: Breaker): Promise<never> | undefined {
    const refusal = this.#refusal(breaker);
    if (refusal !== undefined) return Promise.reject(refusal);
    this.#inFlight += 1;
    return undefined;
  }

  /** Why nothing may be sent now, if so. */
  #refusal(breaker: Breaker): Error | undefined {
    if (this.#closed) {
      return unavailable(
        this.endpoint,
        cause('CLOSED'),
        'The session store was closed because the application stops',
      );
    }
    const down = breaker.refusal();
    if (down !== undefined) return down;
    if (this.#inFlight < this.#maxInFlight) return undefined;
    return unavailable(
      this.endpoint,
      cause('TOO_MANY_COMMANDS'),
      `${this.#maxInFlight} commands are waiting for Redis at ${this.endpoint.address} already, so another one was not sent`,
    );
  }
}
