import { describe, expect, it } from '@jest/globals';
import { tracingChannel } from 'node:diagnostics_channel';
import type { ResponseWaitMessage } from '../../../lib/core/diagnostics.js';
import { SessionUsageError } from '../../../lib/core/errors.js';
import { Deferral, type DeferralHooks, type ErrorAnswer } from '../../../lib/http/deferral.js';

const ANSWER: ErrorAnswer = { statusCode: 503, headers: [], body: 'sorry' };

/** A deferral whose session owes what the test says, over an outlet that notes what it is told. */
function fixture(
  owed: DeferralHooks['owed'],
  options: { begun?: boolean; owedLate?: DeferralHooks['owedLate'] } = {},
) {
  const told: string[] = [];
  const outlet = {
    begun: options.begun ?? false,
    ended: false,
    statusCode: 200,
    release: () => void told.push('release'),
    replace: ({ statusCode }: ErrorAnswer) => void told.push(`replace ${statusCode}`),
    breakOff: () => void told.push('break off'),
  };
  const hooks: DeferralHooks = {
    owed: () => (told.push('owed?'), owed()),
    owedLate: () => (told.push('owed late?'), options.owedLate?.()),
    headers: () => [],
    answerTo: () => ANSWER,
    brokeOff: (error) => void told.push(`broke off: ${String(error)}`),
  };
  return { told, outlet, hooks, deferral: new Deferral(hooks, () => outlet) };
}

/** What is told of waits while something is done: each when it is over. */
async function waitsOf(act: () => Promise<void>): Promise<ResponseWaitMessage[]> {
  const waits: ResponseWaitMessage[] = [];
  const { asyncEnd } = tracingChannel('nestjs-redis-session:wait');
  const note = (message: unknown): void => void waits.push({ ...(message as ResponseWaitMessage) });
  asyncEnd.subscribe(note);
  await act();
  asyncEnd.unsubscribe(note);
  return waits;
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('a deferral', () => {
  it('nothing owed: nothing waits', () => {
    const { told, deferral } = fixture(() => undefined);
    expect(deferral.begin(true)).toBe(false);
    expect(deferral.released).toBe(true);
    expect(deferral.end()).toBe(false);
    expect(told).toEqual(['owed?']);
  });

  it('a whole response asks once', async () => {
    const { told, deferral } = fixture(() => Promise.resolve());
    expect(deferral.begin(true)).toBe(true);
    expect([deferral.begun, deferral.released]).toEqual([true, false]);
    await turn();
    expect(told).toEqual(['owed?', 'release']);
    expect(deferral.released).toBe(true);
  });

  it('one that goes on asks once more before its headers leave, and again at its end', async () => {
    const { told, deferral } = fixture(() => Promise.resolve(), { owedLate: () => Promise.resolve() });
    deferral.begin(false);
    await turn();
    expect(told).toEqual(['owed?', 'owed?', 'release']);
    expect(deferral.end()).toBe(true);
    await turn();
    expect(told.slice(3)).toEqual(['owed late?', 'release']);
    expect(deferral.end()).toBe(false);
  });

  it('is closing while it waits and is not going to ask again', async () => {
    const whole = fixture(() => Promise.resolve()).deferral;
    whole.begin(true);
    expect(whole.isClosing).toBe(true);
    await turn();
    expect(whole.isClosing).toBe(false);

    const asked: boolean[] = [];
    const { deferral } = fixture(async () => {
      await turn();
      asked.push(deferral.isClosing);
    });
    expect(deferral.isClosing).toBe(false);
    deferral.begin(false);
    for (let n = 0; n < 4; n += 1) await turn();
    expect(asked).toEqual([false, true]);
    expect(deferral.isClosing).toBe(false);
  });

  it('one that has ended while it waited is not asked at its end', async () => {
    const { told, deferral, outlet } = fixture(() => Promise.resolve());
    deferral.begin(false);
    expect(deferral.end()).toBe(false);
    outlet.ended = true;
    await turn();
    deferral.left(false);
    expect(told).toEqual(['owed?', 'owed?', 'release']);
  });

  it('one that ends while it waits for the second time is asked for once more, and never again', async () => {
    const { told, deferral, outlet } = fixture(async () => {
      if (told.length === 2) setImmediate(() => (outlet.ended = true));
      await turn();
      await turn();
    });
    deferral.begin(false);
    for (let n = 0; n < 12; n += 1) await turn();
    expect(told).toEqual(['owed?', 'owed?', 'owed?', 'release']);
    expect([deferral.released, deferral.isFinal]).toEqual([true, true]);
  });

  it('a session that is first asked for in the middle of a stream is asked at its end', () => {
    const { told, deferral } = fixture(() => undefined, { begun: true });
    expect(deferral.released).toBe(true);
    expect(deferral.end()).toBe(false);
    expect(told).toEqual(['owed late?']);
  });

  it('a client that leaves in the middle is asked for at once, in the turn after the close, and never again', async () => {
    const { told, deferral } = fixture(() => undefined);
    deferral.begin(false);
    deferral.left(false);
    deferral.left(false);
    expect(told).toEqual(['owed?', 'owed late?']);
    for (let n = 0; n < 3; n += 1) await turn();
    expect(told).toEqual(['owed?', 'owed late?', 'owed late?']);
  });

  it.each(['at once', 'a turn later'])(
    'after its client has left an end that comes %s is asked for once more, and nothing waits',
    async (when) => {
      const { told, deferral } = fixture(() => undefined, { owedLate: () => Promise.resolve() });
      deferral.begin(false);
      deferral.left(false);
      if (when !== 'at once') await turn();
      const before = told.length;
      expect(deferral.end()).toBe(false);
      expect(deferral.end()).toBe(false);
      deferral.left(false);
      await turn();
      expect(told.slice(before)).toEqual(['owed late?']);
      expect(deferral.released).toBe(true);
    },
  );

  it('one that still waits when its client leaves is asked for at its end as well', async () => {
    const { told, deferral } = fixture(() => Promise.resolve());
    deferral.begin(false);
    deferral.left(false);
    expect(deferral.end()).toBe(false);
    await turn();
    expect(told).toEqual(['owed?', 'owed late?', 'owed late?', 'release']);
  });

  it('one that never began and whose client has left is asked for at its end, once', async () => {
    const { told, deferral } = fixture(() => undefined);
    deferral.left(true);
    deferral.left(true);
    expect(deferral.end()).toBe(false);
    await turn();
    expect(told).toEqual(['owed late?']);
  });

  it.each([
    ['rejects', () => Promise.reject(new Error('down'))],
    [
      'throws',
      () => {
        throw new Error('down');
      },
    ],
  ])('what %s replaces the response, and nothing is asked for any more', async (_name, owed) => {
    const { told, deferral } = fixture(owed);
    expect(deferral.begin(false)).toBe(true);
    await turn();
    expect(deferral.end()).toBe(false);
    deferral.left(false);
    expect(told).toEqual(['owed?', 'replace 503']);
  });

  it('an outlet that fails costs its response, and not the process', async () => {
    const { told, deferral, outlet } = fixture(() => Promise.resolve());
    outlet.release = () => {
      throw new Error('no socket');
    };
    deferral.begin(true);
    await turn();
    expect(told).toEqual(['owed?', 'broke off: Error: no socket', 'break off']);
  });

  it('tells of each wait for what it was, and of none where nothing waits', async () => {
    const waits = await waitsOf(async () => {
      const { deferral } = fixture(() => Promise.resolve(), { owedLate: () => Promise.resolve() });
      deferral.begin(true);
      await turn();
      const streamed = fixture(() => undefined, { owedLate: () => Promise.resolve() });
      streamed.deferral.begin(false);
      streamed.deferral.end();
      await turn();
      const failing = fixture(() => Promise.reject(new SessionUsageError('no')));
      failing.deferral.begin(true);
      await turn();
      fixture(() => undefined).deferral.begin(true);
    });
    expect(waits).toMatchObject([
      { phase: 'headers', error: undefined },
      { phase: 'end', error: undefined },
      { phase: 'headers', error: { message: 'no' } },
    ]);
  });
});
