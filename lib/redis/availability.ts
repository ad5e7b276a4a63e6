/** Where changes of state are told. */
export interface AvailabilityLog {
  log(message: string): void;
  warn(message: string): void;
}

/**
 * Whether Redis is there, as far as this process knows. Several watch it (the connection, the breaker); the operator
 * is told once when it goes and once when it comes.
 */
export class Availability {
  readonly #address: string;
  readonly #log: AvailabilityLog;
  readonly #whose: string;
  /** Called when it comes. */
  onBack: (() => void) | undefined;
  #there = true;

  /** @param whose Which requests its absence concerns, for messages. */
  constructor(address: string, log: AvailabilityLog, whose = 'Requests with a session') {
    this.#address = address;
    this.#log = log;
    this.#whose = whose;
  }

  /** The same for one node of it, where it is a cluster. */
  ofNode(address: string): Availability {
    return new Availability(address, this.#log, 'Requests whose session is on this node of the cluster');
  }

  gone(why: string): void {
    if (!this.#there) return;
    this.#there = false;
    this.#log.warn(
      `Redis at ${this.#address}: ${why}. ${this.#whose} get 503 until it is back; others do not notice.`,
    );
  }

  back(): void {
    if (this.#there) return;
    this.#there = true;
    this.#log.log(`Redis at ${this.#address} is back.`);
    this.onBack?.();
  }

  /** Something an operator should know that is no change of this state. */
  note(what: string): void {
    this.#log.warn(`Redis at ${this.#address}: ${what}`);
  }
}
