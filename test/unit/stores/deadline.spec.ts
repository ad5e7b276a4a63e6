import { describe, expect, it } from '@jest/globals';
import { Deadlines } from '../../../lib/stores/deadline.js';

const never = new Promise<string>(() => undefined);
const deadlines = (milliseconds: number): Deadlines =>
  new Deadlines(
    milliseconds,
    () => new Error('late'),
    () => new Error('failed'),
  );
const nothing = (): undefined => undefined;

describe('deadlines', () => {
  it('reject what takes too long, each of several, also what takes the place of work that failed', async () => {
    const due = deadlines(1);
    const instead = due.limit(Promise.reject(new Error('once')), () => never);
    for (const work of [due.limit(never, nothing), due.limit(never, nothing), instead]) {
      await expect(work).rejects.toThrow('late');
    }
    await expect(due.limit(never, nothing)).rejects.toThrow('late');
  });

  it('leave alone what settles in time, behind something that does not', async () => {
    const due = deadlines(50);
    const late = due.limit(never, nothing);
    await expect(due.limit(Promise.resolve('in time'), nothing)).resolves.toBe('in time');
    await expect(due.limit(Promise.reject(new Error('x')), nothing)).rejects.toThrow('failed');
    await expect(late).rejects.toThrow('late');
  });
});
