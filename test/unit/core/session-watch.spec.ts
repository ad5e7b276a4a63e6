import { describe, expect, it } from '@jest/globals';
import { SessionWatch } from '../../../lib/core/session-watch.js';
import type { SessionEvent } from '../../../lib/core/events.js';
import type { LoadOutcome } from '../../../lib/core/store.js';
import { freshId } from '../../contract/builders.js';
import { ManualTimer } from './manual-timer.js';

const events = (...all: SessionEvent[]): SessionEvent[] => all;

describe('who watches a session', () => {
  it.each(['destroyed', 'evicted', 'expired'] as const)('hears once that it was %s', (type) => {
    const [id, other] = [freshId(), freshId()];
    const watch = new SessionWatch({ load: () => Promise.reject(new Error('not asked')) });
    const ended: string[] = [];
    watch.during(id, () => ended.push('first'));
    watch.during(id, () => ended.push('second'));
    const stop = watch.during(id, () => ended.push('stopped'));
    watch.during(other, () => ended.push('other'));
    stop();
    for (const event of events({ type, id }, { type, id, origin: 'elsewhere' })) watch.note(event);
    expect(ended).toEqual(['first', 'second']);
  });

  it('follows id changes, and is at the end with a login', () => {
    const [id, renewed] = [freshId(), freshId()];
    const watch = new SessionWatch({ load: () => Promise.reject(new Error('not asked')) });
    const ended: string[] = [];
    watch.during(id, () => ended.push('over'));
    watch.note({ type: 'regenerated', id: renewed, previousId: id });
    watch.note({ type: 'destroyed', id });
    expect(ended).toEqual([]);
    watch.note({ type: 'authenticated', id: freshId(), previousId: renewed, principal: 'anna' });
    expect(ended).toEqual(['over']);
  });

  it('after a gap is told what was missed', async () => {
    const [gone, lives, moved, to] = [freshId(), freshId(), freshId(), freshId()];
    const outcomes = new Map<string, LoadOutcome>([
      [gone, { status: 'absent' }],
      [lives, { status: 'found', record: {} as never, now: 1 }],
      [moved, { status: 'ended', movedTo: to }],
      [to, { status: 'ended' }],
    ]);
    const watch = new SessionWatch({ load: async (id) => outcomes.get(id) as LoadOutcome });
    const ended: string[] = [];
    for (const [name, id] of Object.entries({ gone, lives, moved })) watch.during(id, () => ended.push(name));
    watch.note({ type: 'gap' });
    await new Promise((resolve) => setImmediate(resolve));
    expect(ended).toEqual(['gone', 'moved']);
  });

  it('after a gap asks until the store answers, and of a store that does not, not about everybody', async () => {
    const ids = Array.from({ length: 500 }, freshId);
    const manual = new ManualTimer();
    let isThere = false;
    let asked = 0;
    const load = async (): Promise<LoadOutcome> => {
      asked += 1;
      if (!isThere) throw new Error('not there');
      return { status: 'absent' };
    };
    const watch = new SessionWatch({ load }, manual.timer);
    const ended: string[] = [];
    for (const id of ids) watch.during(id, () => ended.push(id));
    watch.note({ type: 'gap' });
    await settled();
    expect(asked).toBeLessThanOrEqual(64);
    // A second gap meanwhile is no second round of looks.
    watch.note({ type: 'gap' });
    await settled();
    expect(manual.pending).toBe(1);
    isThere = true;
    while (manual.pending > 0) {
      manual.advance(1000);
      await settled();
    }
    expect([...ended].sort()).toEqual([...ids].sort());
  });
});

const settled = async (): Promise<void> => {
  for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
};
