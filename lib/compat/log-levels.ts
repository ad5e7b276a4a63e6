import { ConsoleLogger, Logger, type LogLevel } from '@nestjs/common';

/**
 * The array of levels that Nest's console loggers share where no levels were chosen; compared by identity. Where the
 * environment chooses (NEST_LOG_LEVEL, since Nest 12), each logger has an array of its own.
 */
const UNCHOSEN: unknown = ((one, other) => (one === other ? one : 'none'))(newLevels(), newLevels());

/**
 * Whether the application has asked for a level. Nest's console logger prints every level where none was chosen; a line
 * or two for each request are for those who chose levels (the `logger` option, NEST_LOG_LEVEL) or another logger.
 */
export function isAskedFor(level: LogLevel): boolean {
  const logger: unknown = Reflect.get(Logger, 'staticInstanceRef');
  if (!(logger instanceof ConsoleLogger)) return logger !== undefined && isAllowed(level);
  // Checked first, because this runs for each request.
  if (levelsOf(logger) === UNCHOSEN) return false;
  // A logger fixes its levels when it is first asked about one, so it is asked itself. Nest 11's static method tells what
  // the application has set for the default logger.
  return logger.isLevelEnabled(level) && levelsOf(logger) !== UNCHOSEN;
}

/** For the application's own logger: every level, where none were set. Nest 11 would say none. */
function isAllowed(level: LogLevel): boolean {
  return Reflect.get(Logger, 'logLevels') === undefined || Logger.isLevelEnabled(level);
}

function newLevels(): unknown {
  const logger = new ConsoleLogger();
  logger.isLevelEnabled('log');
  return levelsOf(logger);
}

/** The levels where Nest keeps them. Undefined: they are not fixed yet, or kept elsewhere in this version. */
function levelsOf(logger: ConsoleLogger): unknown {
  return (Reflect.get(logger, 'options') as { logLevels?: unknown } | undefined)?.logLevels;
}
