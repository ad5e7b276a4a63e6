import { SessionFormatError, SessionStoreUnavailableError } from '../../core/errors.js';
import { ThrottledLines } from '../../core/throttled-lines.js';
import type { Timer } from '../../core/clock.js';
import { isOutage } from '../../redis/failure.js';

/** Where failures are told. */
interface OperatorLog {
  log(message: string): void;
  warn(message: string): void;
}

/**
 * Tells the operator why sessions are answered with 503, and what to do: each reason at once, again each minute
 * with how often it occurred meanwhile, and once more when a minute passed without it. That Redis is not there at all is told by
 * its connection, and not repeated here.
 */
export class FailureLog {
  readonly #lines: ThrottledLines;

  constructor(log: OperatorLog, timer: Timer) {
    this.#lines = new ThrottledLines(
      {
        first: (message) => log.warn(`Requests that use a session get 503: ${message}`),
        again: (message, count) => log.warn(`${count} failures more within a minute: ${message}`),
        over: (message, total) => log.log(`Over for a minute, after ${total} failures: ${message}`),
      },
      timer,
    );
  }

  /** Never throws. */
  readonly note = (error: unknown): void => {
    const kind = kindOf(error);
    if (kind !== undefined) this.#lines.note(kind, (error as Error).message);
  };
}

/** What is told apart; undefined: told elsewhere. */
function kindOf(error: unknown): string | undefined {
  if (error instanceof SessionFormatError) return error.code;
  if (!(error instanceof SessionStoreUnavailableError)) return undefined;
  const { reason } = error;
  return isOutage(error) && reason !== 'TIMEOUT' ? undefined : reason;
}
