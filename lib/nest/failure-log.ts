import { SessionFormatError, SessionStoreUnavailableError } from '../core/errors.js';
import { failureKind, isOutage, NO_ANSWER } from '../redis/failure.js';
import { RepeatedLines } from './repeated-lines.js';

/** Where failures are told. */
export interface OperatorLog {
  log(message: string): void;
  warn(message: string): void;
}

/** Time, as a parameter. */
export interface FailureClock {
  readonly after: (milliseconds: number, call: () => void) => void;
}

/**
 * Tells the operator why sessions are answered with 503, and what to do: each kind of failure at once, again each minute
 * with how often it occurred meanwhile, and once more when a minute passed without it. That Redis is not there at all is told by
 * its connection, and not repeated here.
 */
export class FailureLog {
  readonly #lines: RepeatedLines;

  constructor(log: OperatorLog, clock: FailureClock) {
    this.#lines = new RepeatedLines(
      {
        first: (message) => log.warn(`Requests that use a session get 503: ${message}`),
        again: (message, count) => log.warn(`${count} failures more within a minute: ${message}`),
        over: (message, total) => log.log(`Over for a minute, after ${total} failures: ${message}`),
      },
      clock.after,
    );
  }

  /** Never throws. */
  readonly note = (error: unknown): void => {
    if (isFailure(error) && !(isOutage(error) && failureKind(error) !== NO_ANSWER))
      this.#lines.note(kindOf(error.name, error.message), error.message);
  };
}

function isFailure(error: unknown): error is Error {
  return error instanceof SessionStoreUnavailableError || error instanceof SessionFormatError;
}

/** Of two messages the same where they differ in numbers, in what they quote or in a public id. */
function kindOf(name: string, message: string): string {
  return `${name}: ${message.replace(/[\w-]{40,}|'[^']*'|\d+/g, '#')}`;
}
