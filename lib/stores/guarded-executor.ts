import {
  bulkhead,
  circuitBreaker,
  CircuitState,
  ConsecutiveBreaker,
  handleWhen,
  BulkheadRejectedError,
} from 'cockatiel';
import { SessionStoreUnavailableError } from '../core/errors.js';
import type { Availability } from './availability.js';
import type { Argument, RedisExecutor } from './redis-executor.js';
import { isOutage, outage } from './redis-failure.js';
import type { Script } from './scripts.js';

/** Timeouts and connection failures in a row after which Redis counts as down. */
const FAILURES_TO_OPEN = 5;
/** How often a Redis that is down is asked whether it is back. No request waits for that. */
const PROBE_INTERVAL_MS = 250;

/**
 * Keeps an outage cheap. Once Redis counts as down, commands fail at once instead of each waiting for its deadline,
 * while a PING in the background finds out when it is back; and more commands than `maxInFlight` at a time are
 * refused, so that a Redis that is slow does not fill this process's memory.
 */
export class GuardedExecutor implements RedisExecutor {
  readonly #inner: RedisExecutor;
  readonly #maxInFlight: number;
  readonly #availability: Availability;
  readonly #bulkhead;
  readonly #breaker = circuitBreaker(handleWhen(isOutage), {
    // Only the probe is ever let through while the breaker is open, and it keeps its own time.
    halfOpenAfter: 0,
    breaker: new ConsecutiveBreaker(FAILURES_TO_OPEN),
  });
  #probe: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(inner: RedisExecutor, maxInFlight: number, availability: Availability) {
    this.#inner = inner;
    this.#maxInFlight = maxInFlight;
    this.#availability = availability;
    this.#bulkhead = bulkhead(maxInFlight);
    this.#breaker.onBreak(() => this.#opened());
    this.#breaker.onReset(() => this.#availability.back());
    // A new connection: no need to wait for the next turn.
    availability.onBack = () => this.#ask();
  }

  get address(): string {
    return this.#inner.address;
  }

  get timeoutMs(): number {
    return this.#inner.timeoutMs;
  }

  loadAndTouch(key: string, touch: Script, argument: number): Promise<[Buffer[], number | undefined]> {
    return this.#guarded(() => this.#inner.loadAndTouch(key, touch, argument));
  }

  run(script: Script, keys: readonly string[], args: readonly Argument[]): Promise<unknown> {
    return this.#guarded(() => this.#inner.run(script, keys, args));
  }

  call(name: string, ...args: string[]): Promise<unknown> {
    return this.#guarded(() => this.#inner.call(name, ...args));
  }

  /** Nothing is sent any more. */
  close(): void {
    this.#closed = true;
    clearTimeout(this.#probe);
  }

  async #guarded<T>(command: () => Promise<T>): Promise<T> {
    if (this.#closed) {
      throw new SessionStoreUnavailableError(
        'The session store was closed because the application stops. Use sessions before its onApplicationShutdown hooks.',
      );
    }
    if (this.#breaker.state !== CircuitState.Closed) {
      throw outage(
        `Redis at ${this.address} is down: its last answers did not come. Nothing was sent; it is asked every ` +
          `${PROBE_INTERVAL_MS} ms whether it is back. Check that the server is up and reachable.`,
      );
    }
    try {
      return await this.#bulkhead.execute(() => this.#breaker.execute(command));
    } catch (error) {
      if (!(error instanceof BulkheadRejectedError)) throw error;
      throw new SessionStoreUnavailableError(
        `${this.#maxInFlight} commands are waiting for Redis at ${this.address} already, so another one was not sent. ` +
          'Check its load, or raise REDIS_SESSION_MAX_COMMANDS_IN_FLIGHT.',
      );
    }
  }

  #opened(): void {
    this.#availability.gone('it does not answer');
    if (this.#closed) return;
    this.#probe = setTimeout(() => this.#ask(), PROBE_INTERVAL_MS);
    this.#probe.unref();
  }

  /** Its outcome is what the breaker makes of it. */
  #ask(): void {
    if (this.#breaker.state !== CircuitState.Open) return;
    clearTimeout(this.#probe);
    this.#breaker.execute(() => this.#inner.call('PING')).catch(() => undefined);
  }
}
