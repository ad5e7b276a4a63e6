import { describe, expect, it } from '@jest/globals';
import { SessionFormatError, SessionStoreUnavailableError } from '../../../lib/core/errors.js';
import { FailureLog } from '../../../lib/stores/layers/failure-log.js';
import { noAnswer, storeUnavailable } from '../../../lib/redis/failure.js';

const R = { address: 'r:1', via: 'host' } as const;
const FULL = 'Redis at r:1 cannot serve sessions: OOM. The server is full: raise maxmemory or free some.';

function start(): {
  lines: string[];
  note: (error: unknown) => void;
  /** A minute passes. */
  minute: () => void;
} {
  const lines: string[] = [];
  let due: (() => void)[] = [];
  const log = new FailureLog(
    { log: (line) => lines.push(`log ${line}`), warn: (line) => lines.push(`warn ${line}`) },
    (_milliseconds, call) => {
      due.push(call);
      return () => undefined;
    },
  );
  return {
    lines,
    note: log.note,
    minute: () => {
      const calls = due;
      due = [];
      for (const call of calls) call();
    },
  };
}

const reply = (message: string): Error =>
  storeUnavailable(Object.assign(new Error(message), { name: 'ReplyError' }), R);
const oom = (): Error => reply("OOM command not allowed when used memory > 'maxmemory'");

describe('the log of failures', () => {
  it('tells a kind at once, each minute it goes on, and when it is over', () => {
    const { lines, note, minute } = start();
    for (let n = 0; n < 3; n++) note(oom());
    expect(lines.splice(0)).toEqual([`warn Requests that use a session get 503: ${FULL}`]);
    minute();
    expect(lines.splice(0)).toEqual([`warn 2 failures more within a minute: ${FULL}`]);
    minute();
    expect(lines.splice(0)).toEqual([`log Over for a minute, after 3 failures: ${FULL}`]);
    minute();
    expect(lines).toEqual([]);
    note(oom());
    expect(lines).toEqual([`warn Requests that use a session get 503: ${FULL}`]);
  });

  it('keeps reasons apart, whatever numbers, names and ids their messages hold', () => {
    const { lines, note } = start();
    const id = 'aB3_'.repeat(12);
    note(oom());
    note(reply('NOPERM this user has no permissions'));
    note(new SessionFormatError(`Session ${id} was written with the codec 'a'.`));
    note(new SessionFormatError(`Session ${id.replace('B', 'C')} was written with the codec 'b'.`));
    note(new SessionStoreUnavailableError('7 commands are waiting.', { reason: 'TOO_MANY_COMMANDS' }));
    note(new SessionStoreUnavailableError('8 commands are waiting.', { reason: 'TOO_MANY_COMMANDS' }));
    expect(lines.map((line) => /503: (.{20})/.exec(line)?.[1])).toEqual([
      FULL.slice(0, 20),
      FULL.slice(0, 20),
      `Session ${id.slice(0, 12)}`,
      '7 commands are waiti',
    ]);
  });

  it('tells of answers that come too late, and not of a Redis that is not there, which its connection tells', () => {
    const { lines, note } = start();
    note(new SessionStoreUnavailableError('Redis at r:1 is down.', { reason: 'WRONGPASS' }));
    note(storeUnavailable(Object.assign(new Error('connect'), { code: 'ECONNREFUSED' }), R));
    note(new TypeError('not ours'));
    expect(lines).toEqual([]);
    note(noAnswer(R, 500));
    expect(lines).toHaveLength(1);
  });
});
