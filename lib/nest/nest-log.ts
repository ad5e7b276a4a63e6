import { ConsoleLogger, Logger, type LogLevel } from '@nestjs/common';
import type { SessionLog } from '../core/environment.js';

/** The list of levels that Nest's console logger takes where none was given: the very list, not one like it. */
const UNCHOSEN = levelsOf(new ConsoleLogger());

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
 * Whether the application has asked for a level. Nest's console logger prints every level where none was chosen; a line
 * or two for each request are for those who chose levels (the `logger` option, NEST_LOG_LEVEL) or another logger.
 */
function isAskedFor(level: LogLevel): boolean {
  if (!Logger.isLevelEnabled(level)) return false;
  const logger: unknown = Reflect.get(Logger, 'staticInstanceRef');
  if (!(logger instanceof ConsoleLogger)) return true;
  return process.env['NEST_LOG_LEVEL'] !== undefined || levelsOf(logger) !== UNCHOSEN;
}

/** The levels in force, which a logger settles when it is first asked about one. */
function levelsOf(logger: ConsoleLogger): unknown {
  logger.isLevelEnabled('log');
  return (Reflect.get(logger, 'options') as { logLevels?: unknown } | undefined)?.logLevels;
}
