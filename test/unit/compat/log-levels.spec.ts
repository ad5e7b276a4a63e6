import { afterEach, describe, expect, it } from '@jest/globals';
import { ConsoleLogger, Logger } from '@nestjs/common';
import { isAskedFor } from '../../../lib/compat/log-levels.js';

/** A canary for each Nest: what breaks here would print a line or two for each request, or hide what was asked for. */
describe("the private parts of Nest's loggers", () => {
  afterEach(() => {
    Reflect.set(Logger, 'staticInstanceRef', new ConsoleLogger());
    Reflect.set(Logger, 'logLevels', undefined);
  });

  it('the logger that is in use is staticInstanceRef', () => {
    const logger = new ConsoleLogger({ logLevels: ['debug'] });
    Logger.overrideLogger(logger);
    expect(Reflect.get(Logger, 'staticInstanceRef')).toBe(logger);
  });

  it('its levels are options.logLevels: one list for all where none was chosen, and another where some were', () => {
    const levels = (logger: ConsoleLogger): unknown => {
      logger.isLevelEnabled('log');
      return (Reflect.get(logger, 'options') as { logLevels: unknown }).logLevels;
    };
    expect(levels(new ConsoleLogger())).toContain('verbose');
    expect(levels(new ConsoleLogger())).toBe(levels(new ConsoleLogger({ colors: false })));
    expect(levels(new ConsoleLogger({ logLevels: ['debug'] }))).toEqual(['debug']);
  });

  it('a logger of the application’s own is asked for every level, until levels are set', () => {
    Logger.overrideLogger({ log: () => 1, error: () => 1, warn: () => 1 });
    expect(isAskedFor('verbose')).toBe(true);
    Logger.overrideLogger(['log']);
    expect([isAskedFor('verbose'), isAskedFor('log')]).toEqual([false, true]);
    Logger.overrideLogger(false);
    expect(isAskedFor('log')).toBe(false);
  });

  it('a logger answers for itself, whatever was said of the default one before', () => {
    Logger.overrideLogger(['error']);
    expect(isAskedFor('debug')).toBe(false);
    Logger.overrideLogger(new ConsoleLogger({ logLevels: ['debug'] }));
    expect(isAskedFor('debug')).toBe(true);
    expect(isAskedFor('verbose')).toBe(false);
  });
});
