import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { ConsoleLogger, Logger, type LogLevel } from '@nestjs/common';
import { createRequire } from 'node:module';
import { nestLog } from '../../../lib/nest/nest-log.js';

const { version } = createRequire(import.meta.url)('@nestjs/common/package.json') as { version: string };
const NEST_MAJOR = Number(version.split('.')[0]);

describe('what is told of each request', () => {
  let printed: string[];

  beforeEach(() => {
    printed = [];
    jest.spyOn(process.stdout, 'write').mockImplementation((text) => {
      printed.push(String(text));
      return true;
    });
  });

  afterEach(() => {
    jest.restoreAllMocks();
    Reflect.set(Logger, 'staticInstanceRef', new ConsoleLogger());
    Reflect.set(Logger, 'logLevels', undefined);
    delete process.env['NEST_LOG_LEVEL'];
  });

  function tellAll(): string {
    const log = nestLog('SessionManager');
    log.verbose('one of many');
    log.debug('one of some');
    log.warn('one of few');
    return printed.join('');
  }

  it('is warnings alone where the application has chosen nothing', () => {
    const text = tellAll();
    expect(text).toContain('one of few');
    expect(text).not.toContain('one of some');
    expect(text).not.toContain('one of many');
  });

  it.each<[LogLevel[], string[], string[]]>([
    [['warn', 'debug'], ['one of few', 'one of some'], ['one of many']],
    [['warn', 'debug', 'verbose'], ['one of few', 'one of some', 'one of many'], []],
    [['error'], [], ['one of few', 'one of some', 'one of many']],
  ])('is what it asked for with the levels %j', (levels, there, absent) => {
    Logger.overrideLogger(levels);
    const text = tellAll();
    for (const message of there) expect(text).toContain(message);
    for (const message of absent) expect(text).not.toContain(message);
  });

  it('is warnings alone with a console logger that was given no levels', () => {
    Logger.overrideLogger(new ConsoleLogger({ colors: false }));
    const text = tellAll();
    expect(text).toContain('one of few');
    expect(text).not.toContain('one of some');
  });

  it('is left to a logger of its own', () => {
    Logger.overrideLogger(new ConsoleLogger({ logLevels: ['debug'] }));
    expect(tellAll()).toContain('one of some');
  });

  it('follows NEST_LOG_LEVEL where Nest does, which is since Nest 12', () => {
    process.env['NEST_LOG_LEVEL'] = 'debug,warn';
    expect(tellAll().includes('one of some')).toBe(NEST_MAJOR >= 12);
  });
});
