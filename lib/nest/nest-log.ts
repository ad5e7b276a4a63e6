import { Logger, type LogLevel } from '@nestjs/common';
import type { SessionLog } from '../core/environment.js';

/** Nest's logger before an application has chosen one: this file is imported before that can happen. */
const UNCHOSEN: unknown = Reflect.get(Logger, 'staticInstanceRef');

/** Nest's Logger under a context of its own, as the port that core writes to. */
export function nestLog(context: string): SessionLog {
  const logger = new Logger(context);
  return {
    verbose: (message) => {
      if (isAskedFor('verbose')) logger.verbose(message);
    },
    debug: (message) => {
      if (isAskedFor('debug')) logger.debug(message);
    },
    warn: (message) => logger.warn(message),
  };
}

/**
 * Whether the application has asked for a level. Nest prints every level where nothing was chosen; a line or two
 * for each request are for those who chose levels (the `logger` option, NEST_LOG_LEVEL) or a logger of their own.
 */
function isAskedFor(level: LogLevel): boolean {
  if (!Logger.isLevelEnabled(level)) return false;
  return (
    Reflect.get(Logger, 'staticInstanceRef') !== UNCHOSEN ||
    Reflect.get(Logger, 'logLevels') !== undefined ||
    process.env['NEST_LOG_LEVEL'] !== undefined
  );
}
