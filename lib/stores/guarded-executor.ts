import { circuitBreaker, CircuitState, ConsecutiveBreaker, handleWhen } from 'cockatiel';
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
  readonly #breaker = circuitBreaker(handleWhen(isOutage), {
    // Only the probe is ever let through while the breaker is open, and it keeps its own time.
    halfOpenAfter: 0,
    breaker: new ConsecutiveBreaker(FAILURES_TO_OPEN),
  });
  #inFlight = 0;
  /** Whether the breaker has been told of a failure since the last success: of other successes it need not know. */
  #failing = false;
  #probe: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(inner: RedisExecutor, maxInFlight: number, availability: Availability) {
    this.#inner = inner;
    this.#maxInFlight = maxInFlight;
    this.#availability = availability;
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
    return this.#refusal() ?? this.#watched(this.#inner.loadAndTouch(key, touch, argument));
  }

  run(script: Script, keys: readonly string[], args: readonly Argument[]): Promise<unknown> {
    return this.#refusal() ?? this.#watched(this.#inner.run(script, keys, args));
  }

  call(name: string, ...args: string[]): Promise<unknown> {
    return this.#refusal() ?? this.#watched(this.#inner.call(name, ...args));
  }

  /** Nothing is sent any more. */
  close(): void {
    this.#closed = true;
    clearTimeout(this.#probe);
  }

  /** Why nothing may be sent now, if so. */
  #refusal(): Promise<never> | undefined {
    if (this.#closed) {
      return Promise.reject(
        new SessionStoreUnavailableError(
          'The session store was closed because the application stops. Use sessions before its onApplicationShutdown hooks.',
        ),
      );
    }
    if (this.#breaker.state !== CircuitState.Closed) {
      return Promise.reject(
        outage(
          `Redis at ${this.address} is down: its last answers did not come. Nothing was sent; it is asked every ` +
            `${PROBE_INTERVAL_MS} ms whether it is back. Check that the server is up and reachable.`,
        ),
      );
    }
    if (this.#inFlight < this.#maxInFlight) return undefined;
    return Promise.reject(
      new SessionStoreUnavailableError(
        `${this.#maxInFlight} commands are waiting for Redis at ${this.address} already, so another one was not sent. ` +
          'Check its load, or raise REDIS_SESSION_MAX_COMMANDS_IN_FLIGHT.',
      ),
    );
  }

  #watched<T>(command: Promise<T>): Promise<T> {
    this.#inFlight += 1;
    return command.then(this.#succeeded, this.#failed);
  }

  readonly #succeeded = <T>(reply: T): T | Promise<T> => {
    this.#inFlight -= 1;
    if (!this.#failing || this.#breaker.state !== CircuitState.Closed) return reply;
    this.#failing = false;
    return this.#breaker.execute(() => reply);
  };

  /** Told only once the breaker has counted it. */
  readonly #failed = (error: unknown): Promise<never> => {
    this.#inFlight -= 1;
    const failure = Promise.reject(error instanceof Error ? error : new Error('unknown failure'));
    if (this.#breaker.state !== CircuitState.Closed) return failure;
    this.#failing = true;
    return this.#breaker.execute(() => failure);
  };

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
