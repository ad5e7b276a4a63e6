import { beforeEach, describe, expect, it } from '@jest/globals';
import { Logger, type LoggerService } from '@nestjs/common';
import { nestLog } from '../../../lib/nest/nest-log.js';
import { CoreFixture } from '../core/helpers.js';
import { ManualTimer } from '../core/manual-timer.js';

const MINUTE = 60_000;

describe('lines that a client can provoke', () => {
  let lines: string[];
  let time: ManualTimer;
  let fixture: CoreFixture;
  const quiet = (): void => undefined;

  beforeEach(() => {
    lines = [];
    time = new ManualTimer();
    const logger: LoggerService = {
      ...{ log: quiet, error: quiet, debug: quiet, verbose: quiet },
      warn: (line: string) => void lines.push(line),
    };
    Logger.overrideLogger(logger);
    fixture = new CoreFixture({ environment: { log: nestLog('test', time.timer) } });
  });

  /** Requests of as many visitors, each with a new session. */
  const requests = async (
    count: number,
    use: (session: Record<string, unknown>, n: number) => void,
  ): Promise<void> => {
    for (let n = 0; n < count; n += 1) await fixture.browser().visit((session) => use(session, n));
  };

  it('are one a minute for each attribute, with how many were left out', async () => {
    await requests(500, (session) => (session['user'] = null));
    expect(lines).toEqual([expect.stringMatching(/attribute "user" is left out: it is null/)]);
    time.advance(MINUTE - 1);
    expect(lines).toHaveLength(1);
    time.advance(1);
    expect(lines.slice(1)).toEqual([
      expect.stringMatching(/^499 more within a minute, the latest: Session .*"user"/),
    ]);
    time.advance(MINUTE);
    expect(lines).toHaveLength(2);
    await requests(1, (session) => (session['user'] = null));
    expect(lines).toHaveLength(3);
    time.advance(MINUTE);
    expect([lines.length, time.pending]).toEqual([3, 0]);
  });

  it('are kept apart by attribute and by kind, not by where in a value something was', async () => {
    await requests(5, (session, n) => {
      session['user'] = null;
      session['cart'] = null;
      const items: unknown[] = Array.from({ length: n });
      session['cart'] = [...items, () => n];
    });
    expect(lines).toEqual([
      expect.stringContaining('"user" is left out: it is null'),
      expect.stringContaining('"cart" is left out: it is null'),
      expect.stringContaining('"cart" is left out: a function at cart[0]'),
    ]);
  });

  it('are bounded where a client makes up the names, and short', async () => {
    await requests(1000, (session, n) => (session[`${n}`.padEnd(10_000, 'x')] = null));
    expect(lines.length).toBeLessThanOrEqual(51);
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThan(400);
    time.advance(MINUTE);
    expect(lines.at(-1)).toMatch(/^949 more within a minute/);
  });

  it('are those of saves in the background too', async () => {
    fixture = new CoreFixture({
      rules: { saveOnChange: true, maxSessionBytes: 10 },
      environment: { log: nestLog('test', time.timer) },
    });
    for (let n = 0; n < 20; n += 1) {
      const request = await fixture.browser().request();
      request.session['big'] = 'x'.repeat(100);
      await expect(request.answer()).rejects.toThrow('10 are allowed');
    }
    expect(lines).toEqual([expect.stringContaining('a save in the background failed')]);
  });
});
