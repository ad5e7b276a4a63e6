import { describe, expect, it } from '@jest/globals';
import { RecentSet } from '../../../lib/stores/redis/recent-set.js';

/** Which of the numbers up to `most` are there. Takes them out. */
function taken(set: RecentSet<number>, most: number): number[] {
  return Array.from({ length: most }, (_, at) => at + 1).filter((number) => set.delete(number));
}

function filled(least: number, most: number): RecentSet<number> {
  const set = new RecentSet<number>(least);
  for (let number = 1; number <= most; number += 1) set.add(number);
  return set;
}

describe('RecentSet', () => {
  it.each(Array.from({ length: 15 }, (_, at) => at))('knows the latest, and not too many of %d', (most) => {
    const known = taken(filled(4, most), most);
    expect(known.length).toBeGreaterThanOrEqual(Math.min(4, most));
    expect(known.length).toBeLessThanOrEqual(8);
    expect(known).toEqual(Array.from({ length: known.length }, (_, at) => most - known.length + 1 + at));
  });

  it('says once that something was there, however often it was added', () => {
    const set = filled(2, 2);
    set.add(3);
    set.add(1);
    expect(set.delete(1)).toBe(true);
    expect(set.delete(1)).toBe(false);
    expect(set.delete(9)).toBe(false);
  });

  it('does not count what was taken out', () => {
    const set = filled(4, 0);
    for (let number = 1; number <= 100; number += 1) {
      set.add(number);
      if (number > 3) set.delete(number);
    }
    expect(taken(set, 100)).toEqual([1, 2, 3]);
  });

  it('forgets all of it when it is cleared', () => {
    const set = filled(2, 3);
    set.clear();
    expect(taken(set, 3)).toEqual([]);
  });
});
