import { ConsoleLogger, Logger, type LogLevel } from '@nestjs/common';

/**
 * The list of levels that Nest's console logger takes where nobody chose any: the very list, not one like it. Where
 * the environment chooses (NEST_LOG_LEVEL, since Nest 12), each logger has a list of its own, and none is this one.
 */
const UNCHOSEN: unknown = ((one, other) => (one === other ? one : 'none'))(newLevels(), newLevels());

/**
 * Whether the application has asked for a level. Nest's console logger prints every level where none was chosen; a line
 * or two for each request are for those who chose levels (the `logger` option, NEST_LOG_LEVEL) or another logger.
 */
export function isAskedFor(level: LogLevel): boolean {
  const logger: unknown = Reflect.get(Logger, 'staticInstanceRef');
  if (!(logger instanceof ConsoleLogger)) return logger !== undefined && isAllowed(level);
  // First, because it is asked at each request.
  if (levelsOf(logger) === UNCHOSEN) return false;
  // A logger settles its levels when it is first asked about one. It is asked itself: what Nest 11 tells of all loggers
  // is what the application once said of the default one.
  return logger.isLevelEnabled(level) && levelsOf(logger) !== UNCHOSEN;
}

/** For a logger of the application's own: every level, where none were set, for which Nest 11 says none. */
function isAllowed(level: LogLevel): boolean {
  return Reflect.get(Logger, 'logLevels') === undefined || Logger.isLevelEnabled(level);
}

function newLevels(): unknown {
  const logger = new ConsoleLogger();
  logger.isLevelEnabled('log');
  return levelsOf(logger);
}

/** Where Nest keeps them. Undefined: it has not settled them yet, or keeps them elsewhere now. */
function levelsOf(logger: ConsoleLogger): unknown {
  return (Reflect.get(logger, 'options') as { logLevels?: unknown } | undefined)?.logLevels;
}
