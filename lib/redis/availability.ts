import { SessionStoreUnavailableError } from '../core/errors.js';
import { isVague, remedyOf, type Cause, type Endpoint } from './failure.js';

/** Where changes of state are told. */
export interface AvailabilityLog {
  log(message: string): void;
  warn(message: string): void;
  debug(message: string): void;
}

/**
 * Whether Redis is there, as far as this process knows. Several watch it (the connection, the breaker); the operator
 * is told once when it goes and once when it comes, and why: again where a better reason turns up.
 */
export class Availability {
  readonly #endpoint: Endpoint;
  readonly #log: AvailabilityLog;
  readonly #whose: string;
  readonly #told = new Set<string>();
  /** Called when it comes. */
  onBack: (() => void) | undefined;
  #there = true;

  /** @param whose Which requests its absence concerns, for messages. */
  constructor(endpoint: Endpoint, log: AvailabilityLog, whose = 'Requests with a session') {
    this.#endpoint = endpoint;
    this.#log = log;
    this.#whose = whose;
  }

  /** The same for one node of it, where it is a cluster. */
  ofNode(address: string): Availability {
    const endpoint = { ...this.#endpoint, address };
    return new Availability(endpoint, this.#log, 'Requests whose session is on this node of the cluster');
  }

  gone(why: Cause): void {
    const { address } = this.#endpoint;
    const { reason, words } = why;
    const remedy = remedyOf(reason, this.#endpoint);
    if (this.#there) {
      this.#log.warn(
        `Redis at ${address}: ${words}. ${this.#whose} get 503 until it is back; others do not notice. ${remedy}`,
      );
    } else if (!this.#told.has(reason) && !isVague(why)) {
      this.#log.warn(`Redis at ${address} is still away, now because: ${words}. ${remedy}`);
    }
    this.#there = false;
    this.#told.add(reason);
  }

  /** Not there at the start. Told once for each reason. */
  absent(error: unknown): void {
    const { reason, message } =
      error instanceof SessionStoreUnavailableError
        ? error
        : { reason: 'UNKNOWN', message: 'unknown failure' };
    this.#there = false;
    if (this.#told.has(reason)) return;
    this.#told.add(reason);
    this.#log.warn(
      `Not there at the start: ${message} ${this.#whose} get 503 until it is; others do not notice.`,
    );
  }

  back(): void {
    if (this.#there) return;
    this.#there = true;
    this.#told.clear();
    this.#log.log(`Redis at ${this.#endpoint.address} is back.`);
    this.onBack?.();
  }

  /** The connection was closed and is open again, and nothing failed: idle clients are cut off like that. */
  reopened(): void {
    if (this.#there)
      this.#log.debug(`Redis at ${this.#endpoint.address}: the connection was closed and is open again.`);
  }

  /** Something an operator should know that is no change of this state. */
  note(what: string): void {
    this.#log.warn(`Redis at ${this.#endpoint.address}: ${what}`);
  }
}
