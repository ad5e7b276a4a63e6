import { SessionStoreUnavailableError } from '../core/errors.js';
import { realTimer, type Timer } from '../core/clock.js';
import { ThrottledLines } from '../core/throttled-lines.js';
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
  readonly #timer: Timer;
  readonly #failures: ThrottledLines;
  /** Where this is one node of a cluster, the availability of the whole cluster. */
  #whole: Availability | undefined;

  /** @param whose Which requests its absence concerns, for messages. */
  constructor(
    endpoint: Endpoint,
    log: AvailabilityLog,
    timer: Timer = realTimer,
    whose = 'Requests with a session',
  ) {
    this.#endpoint = endpoint;
    this.#log = log;
    this.#timer = timer;
    this.#whose = whose;
    this.#failures = new ThrottledLines(
      {
        first: (line) => log.warn(`A request with a session got 503: ${line}`),
        again: (line, count) => {
          // Otherwise the operator was told meanwhile that all requests get 503.
          if (!this.isAway) log.warn(`${count} requests with a session more got 503: ${line}`);
        },
      },
      timer,
    );
  }

  /** The same for one node of it, where it is a cluster. */
  ofNode(address: string): Availability {
    const whose = 'Requests whose session is on this node of the cluster';
    const node = new Availability({ ...this.#endpoint, address }, this.#log, this.#timer, whose);
    node.#whole = this;
    return node;
  }

  /** Whether the operator knows already that it is not there. */
  get isAway(): boolean {
    return !this.#there || this.#whole?.isAway === true;
  }

  /**
   * A command failed, and the operator was not told that Redis is away: a pool's connections are not opened again, and a node of a
   * cluster is away only after several failures. Each reason is logged at once, and then once a minute.
   */
  failed(why: Cause): void {
    if (this.isAway) return;
    const { reason, words } = why;
    this.#failures.note(
      reason,
      `Redis at ${this.#endpoint.address}: ${words}. ${remedyOf(reason, this.#endpoint)}`,
    );
  }

  gone(why: Cause): void {
    // That the whole cluster is away says more. This node is reported if it is still away when the others are back.
    if (this.#whole?.isAway === true) return;
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

  /** Redis is not there when the application starts. Logged once for each reason. */
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

  /** Logs what an operator should know and what is no change of this state. */
  note(what: string): void {
    this.#log.warn(`Redis at ${this.#endpoint.address}: ${what}`);
  }
}
