import { circuitBreaker, CircuitState, ConsecutiveBreaker, handleWhen } from 'cockatiel';
import type { Availability } from './availability.js';
import { breakerChannel, type BreakerMessage } from '../core/diagnostics.js';
import { SessionStoreUnavailableError } from '../core/errors.js';
import { cause, causeOf, isOutage, type Cause } from './failure.js';

/** Timeouts and connection failures in a row after which a server counts as down. */
const FAILURES_TO_OPEN = 5;
/** How often a server that is down is asked whether it is back. No request waits for that. */
const PROBE_INTERVAL_MS = 250;

/** A server whose answers a breaker counts. */
interface Watched {
  /** For messages. */
  readonly address: string;
  readonly availability: Availability;
  /** Asks whether it is back; keeps its own time. */
  readonly probe: () => Promise<unknown>;
  /** Told of each command that is settled, whichever way. */
  readonly settled: () => void;
}

/**
 * Keeps an outage of one server cheap: once it counts as down, commands are to fail at once instead of each waiting for
 * its deadline, while a probe in the background finds out when it is back.
 */
export class Breaker {
  readonly #server: Watched;
  readonly #policy = circuitBreaker(
    handleWhen((error) => isOutage(error)),
    {
      // Only the probe is ever let through while the breaker is open, and it keeps its own time.
      halfOpenAfter: 0,
      breaker: new ConsecutiveBreaker(FAILURES_TO_OPEN),
    },
  );
  /** Whether the policy has been told of a failure since the last success: of other successes it need not know. */
  #failing = false;
  /** The latest of the failures that opened it. */
  #last: SessionStoreUnavailableError | undefined;
  #probe: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(server: Watched) {
    this.#server = server;
    this.#policy.onBreak(() => this.#opened());
    this.#policy.onReset(() => {
      this.#tell(false);
      server.availability.back();
    });
  }

  /** Why nothing may be sent to the server now, if so. */
  refusal(): Error | undefined {
    if (this.#policy.state === CircuitState.Closed) return undefined;
    const last = this.#last;
    return new SessionStoreUnavailableError(
      `Redis at ${this.#server.address} is down, so nothing was sent; it is asked every ${PROBE_INTERVAL_MS} ms whether ` +
        `it is back. ${last?.message ?? ''}`,
      { reason: last?.reason ?? 'TIMEOUT' },
    );
  }

  /** Counts what becomes of a command: beside it, so that nobody waits for one promise more. */
  watch<T>(command: Promise<T>): Promise<T> {
    command.then(this.#succeeded, this.#failed);
    return command;
  }

  /** The same of a command that a request waits for: where it fails, the operator is told. */
  serve<T>(command: Promise<T>): Promise<T> {
    command.then(this.#succeeded, this.#failedRequest);
    return command;
  }

  /** Asks at once, where the server counts as down. Its outcome is what the policy makes of it. */
  ask(): void {
    if (this.#policy.state !== CircuitState.Open) return;
    clearTimeout(this.#probe);
    this.#policy.execute(this.#server.probe).catch(noop);
  }

  /** Asks no more. */
  close(): void {
    this.#closed = true;
    clearTimeout(this.#probe);
    if (this.#policy.state !== CircuitState.Closed) this.#tell(false);
  }

  readonly #succeeded = (): void => {
    this.#server.settled();
    if (!this.#failing || this.#policy.state !== CircuitState.Closed) return;
    this.#failing = false;
    void this.#policy.execute(noop);
  };

  readonly #failedRequest = (error: unknown): void => {
    // What is only slow is told by the store.
    if (isOutage(error) && error.reason !== 'TIMEOUT') this.#server.availability.failed(causeOf(error));
    this.#failed(error);
  };

  readonly #failed = (error: unknown): void => {
    this.#server.settled();
    if (isOutage(error)) this.#last = error;
    if (this.#policy.state !== CircuitState.Closed) return;
    this.#failing = true;
    // Thrown at once, so that it is counted before whoever asks can ask again.
    const again = (): never => {
      throw error;
    };
    this.#policy.execute(again).catch(noop);
  };

  #why(): Cause {
    const last = this.#last === undefined ? cause('TIMEOUT') : causeOf(this.#last);
    return last.reason === 'TIMEOUT' ? cause('TIMEOUT', 'it does not answer') : last;
  }

  #tell(open: boolean): void {
    if (breakerChannel.hasSubscribers)
      breakerChannel.publish({ address: this.#server.address, open } satisfies BreakerMessage);
  }

  /** Again at each probe that fails. */
  #opened(): void {
    this.#server.availability.gone(this.#why());
    if (this.#closed) return;
    this.#tell(true);
    this.#probe = setTimeout(() => this.ask(), PROBE_INTERVAL_MS);
    this.#probe.unref();
  }
}

function noop(): void {
  // The policy has counted it.
}
