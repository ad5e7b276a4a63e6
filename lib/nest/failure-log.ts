import { SessionFormatError, SessionStoreUnavailableError } from '../core/errors.js';
import { failureKind, isOutage, NO_ANSWER } from '../stores/redis-failure.js';

/** How often one kind of failure is told, and how long it must not occur to count as over. */
const INTERVAL_MS = 60_000;
/** Kinds that are kept apart at a time: more would be no kinds. */
const MOST_KINDS = 50;

/** Where failures are told. */
export interface OperatorLog {
  log(message: string): void;
  warn(message: string): void;
}

/** Time, as a parameter. */
export interface FailureClock {
  readonly after: (milliseconds: number, call: () => void) => void;
}

/** A kind of failure that occurred within the last minute. */
interface Current {
  /** What to call it, and what to do. */
  message: string;
  /** Since the last line. */
  untold: number;
  total: number;
}

/**
 * Tells the operator why sessions are answered with 503, and what to do: each kind of failure at once, again each minute
 * with how often it occurred meanwhile, and once more when a minute passed without it. That Redis is not there at all is told by
 * its connection, and not repeated here.
 */
export class FailureLog {
  readonly #log: OperatorLog;
  readonly #clock: FailureClock;
  readonly #current = new Map<string, Current>();

  constructor(log: OperatorLog, clock: FailureClock) {
    this.#log = log;
    this.#clock = clock;
  }

  /** Throws the error again, so that it can stand at the end of a chain of promises. */
  readonly note = (error: unknown): never => {
    if (isFailure(error) && !(isOutage(error) && failureKind(error) !== NO_ANSWER)) this.#count(error);
    throw error;
  };

  #count({ name, message }: Error): void {
    const kind = kindOf(name, message);
    const current = this.#current.get(kind);
    if (current !== undefined) {
      current.message = message;
      current.untold += 1;
      current.total += 1;
      return;
    }
    if (this.#current.size >= MOST_KINDS) return;
    this.#current.set(kind, { message, untold: 0, total: 1 });
    this.#log.warn(`Requests that use a session get 503: ${message}`);
    this.#clock.after(INTERVAL_MS, () => this.#look(kind));
  }

  #look(kind: string): void {
    const current = this.#current.get(kind);
    if (current === undefined) return;
    if (current.untold === 0) {
      this.#current.delete(kind);
      this.#log.log(`Over for a minute, after ${current.total} failures: ${current.message}`);
      return;
    }
    this.#log.warn(`${current.untold} failures more within a minute: ${current.message}`);
    current.untold = 0;
    this.#clock.after(INTERVAL_MS, () => this.#look(kind));
  }
}

function isFailure(error: unknown): error is Error {
  return error instanceof SessionStoreUnavailableError || error instanceof SessionFormatError;
}

/** Of two messages the same where they differ in numbers, in what they quote or in a public id. */
function kindOf(name: string, message: string): string {
  return `${name}: ${message.replace(/[\w-]{40,}|'[^']*'|\d+/g, '#')}`;
}
