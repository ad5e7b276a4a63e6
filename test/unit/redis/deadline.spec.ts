import { describe, expect, it } from '@jest/globals';
import { Deadlines, within, type Turn } from '../../../lib/redis/deadline.js';

const never = new Promise<string>(() => undefined);
const deadlines = (milliseconds: number): Deadlines =>
  new Deadlines(
    milliseconds,
    () => new Error('late'),
    () => new Error('failed'),
  );

/** The event loop stands still. */
function stall(milliseconds: number): void {
  const end = performance.now() + milliseconds;
  while (performance.now() < end);
}

/** Settles after so many turns of the event loop, whatever a clock says. */
async function turns(count: number): Promise<string> {
  for (let n = 0; n < count; n += 1) await new Promise((resolve) => setImmediate(resolve));
  return 'done';
}

describe('deadlines', () => {
  it('reject what takes too long, each of several', async () => {
    const due = deadlines(1);
    for (const work of [due.limit(() => never), due.limit(() => never)]) {
      await expect(work).rejects.toThrow('late');
    }
    const own = due.limit(
      () => never,
      () => new Error('own'),
    );
    await expect(own).rejects.toThrow('own');
  });

  it('leave alone what settles in time, behind something that does not', async () => {
    const due = deadlines(50);
    const late = due.limit(() => never);
    await expect(due.limit(() => Promise.resolve('in time'))).resolves.toBe('in time');
    await expect(due.limit(() => Promise.reject(new Error('x')))).rejects.toThrow('failed');
    await expect(late).rejects.toThrow('late');
  });

  it('reject late work with what it has met, where it says so', async () => {
    const due = new Deadlines(
      1,
      () => new Error('late'),
      (error) => new Error(`failed: ${String(error)}`),
    );
    const work = due.limit((turn) => {
      turn.obstacle = new Error('a slot is moved');
      return never;
    });
    await expect(work).rejects.toThrow('failed: Error: a slot is moved');
  });

  it('tell the work how long somebody waits for it, and that nobody does any more', async () => {
    const due = deadlines(40);
    let given: Turn | undefined;
    const work = due.limit((turn) => {
      given = turn;
      return never;
    });
    expect(given?.left).toBeGreaterThan(0);
    expect(given?.left).toBeLessThanOrEqual(40);
    await expect(work).rejects.toThrow('late');
    expect(given?.left).toBe(0);
  });

  it.each([
    ['of several', (work: () => Promise<string>) => deadlines(200).limit(work)],
    ['of one', (work: () => Promise<string>) => within(work(), 200, () => new Error('late'))],
  ])('%s do not count what the process itself was stuck, however long', async (_what, limit) => {
    // Begun in the turn that gets stuck: what is to be sent has not even left.
    const work = limit(() => turns(5));
    stall(900);
    await expect(work).resolves.toBe('done');
  });

  it('are kept by a process that is stuck again and again', async () => {
    const work = deadlines(40).limit(() => never);
    let isOver = false;
    const over = expect(work)
      .rejects.toThrow('late')
      .finally(() => (isOver = true));
    let stalls = 0;
    while (!isOver) {
      stall(30);
      stalls += 1;
      await new Promise((resolve) => setTimeout(resolve));
    }
    await over;
    expect(stalls).toBeLessThan(30);
  });
});
