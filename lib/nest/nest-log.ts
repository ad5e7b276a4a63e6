import { Logger } from '@nestjs/common';
import { isAskedFor } from '../compat/log-levels.js';
import type { SessionLog } from '../core/environment.js';
import { realTimer, type Timer } from '../core/clock.js';
import { ThrottledLines } from '../core/throttled-lines.js';

/** Nest's Logger under a context of its own, as the port that core writes to. */
export function nestLog(context: string, timer: Timer = realTimer): SessionLog {
  const logger = new Logger(context);
  const repeated = new ThrottledLines(
    {
      first: (line) => logger.warn(line),
      again: (line, count) => logger.warn(`${count} more within a minute, the latest: ${line}`),
    },
    timer,
  );
  return {
    verbose: (message) => {
      if (isAskedFor('verbose')) logger.verbose(message);
    },
    debug: (message) => {
      if (isAskedFor('debug')) logger.debug(message);
    },
    warn: (message, kind) => {
      if (kind === undefined) logger.warn(message);
      else repeated.note(kind, message);
    },
  };
}
