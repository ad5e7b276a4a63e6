import { ConsoleLogger, Logger, type LogLevel } from '@nestjs/common';
import type { SessionLog } from '../core/environment.js';
import { realTimer, type Timer } from '../core/clock.js';
import { RepeatedLines } from './repeated-lines.js';

/**
 * The list of levels that Nest's console logger takes where none was given: the very list, not one like it. None is
 * unchosen where NEST_LOG_LEVEL chooses.
 */
const UNCHOSEN: unknown =
  process.env['NEST_LOG_LEVEL'] === undefined ? settledLevelsOf(new ConsoleLogger()) : 'none';

/** Nest's Logger under a context of its own, as the port that core writes to. */
export function nestLog(context: string, timer: Timer = realTimer): SessionLog {
  const logger = new Logger(context);
  const repeated = new RepeatedLines(
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

/**
 * Whether the application has asked for a level. Nest's console logger prints every level where none was chosen; a line
 * or two for each request are for those who chose levels (the `logger` option, NEST_LOG_LEVEL) or another logger.
 */
function isAskedFor(level: LogLevel): boolean {
  const logger: unknown = Reflect.get(Logger, 'staticInstanceRef');
  if (!(logger instanceof ConsoleLogger)) return Logger.isLevelEnabled(level);
  // First, because it is asked at each request.
  if (levelsOf(logger) === UNCHOSEN) return false;
  // A logger settles its levels when it is first asked about one.
  return Logger.isLevelEnabled(level) && levelsOf(logger) !== UNCHOSEN;
}

function levelsOf(logger: ConsoleLogger): unknown {
  return (Reflect.get(logger, 'options') as { logLevels?: unknown } | undefined)?.logLevels;
}

function settledLevelsOf(logger: ConsoleLogger): unknown {
  logger.isLevelEnabled('log');
  return levelsOf(logger);
}
