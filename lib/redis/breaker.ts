import { circuitBreaker, CircuitState, ConsecutiveBreaker, handleWhen } from 'cockatiel';
import type { Availability } from './availability.js';
import { breakerChannel, type BreakerMessage } from '../core/diagnostics.js';
import { SessionStoreUnavailableError } from '../core/errors.js';
import { cause, causeOf, isOutage, type Cause } from './failure.js';

/** Timeouts and connection failures in a row after which a server counts as down. */
const FAILURES_TO_OPEN = 5;
/** How often a server that is down is asked whether it is back. No request waits for that. */
const PROBE_INTERVAL_MS = 250;

/** The server that a breaker protects. */
interface Watched {
  /** For messages. */
  readonly address: string;
  readonly availability: Availability;
  /** Asks whether it is back; keeps its own time. */
  readonly probe: () => Promise<unknown>;
  /** Called when a command has settled, with an answer or a failure. */
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
  /** Whether the policy has counted a failure since the last success. Without one it need not hear of a success. */
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

  /** Counts the outcome of a command, and adds no promise to those that its caller waits for. */
  watch<T>(command: Promise<T>): Promise<T> {
    command.then(this.#succeeded, this.#failed);
    return command;
  }

  /** The same for a command that a request waits for: its failure is reported to the operator. */
  serve<T>(command: Promise<T>): Promise<T> {
    command.then(this.#succeeded, this.#failedRequest);
    return command;
  }

  /** Where the server counts as down, asks at once whether it is back. The policy acts on the outcome. */
  ask(): void {
    if (this.#policy.state !== CircuitState.Open) return;
    clearTimeout(this.#probe);
    this.#policy.execute(this.#server.probe).catch(noop);
  }

  /** Ends the probes. */
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
    // A server that is only slow is reported by the store.
    if (isOutage(error) && error.reason !== 'TIMEOUT') this.#server.availability.failed(causeOf(error));
    this.#failed(error);
  };

  readonly #failed = (error: unknown): void => {
    this.#server.settled();
    if (isOutage(error)) this.#last = error;
    if (this.#policy.state !== CircuitState.Closed) return;
    this.#failing = true;
    // Thrown synchronously, so that it is counted before the caller can send another command.
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

  /** The breaker has opened, for the first time or again after a probe that failed. */
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
