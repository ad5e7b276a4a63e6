import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { resolveSettings } from '../../../lib/config/resolve.js';
import { steadyClock } from '../../../lib/core/clock.js';
import { MemoryStore } from '../../../lib/stores/memory-store.js';
import { freshId, newSession } from '../../contract/builders.js';

const HOUR_MS = 3_600_000;
const EPOCH = 1_700_000_000_000;
afterEach(() => void jest.restoreAllMocks());

/** A session in memory, used a moment ago by a node whose wall clock is then set. */
async function afterSetting(by: number, seconds: number, absoluteTimeout = 0): Promise<string> {
  let [wall, elapsed] = [EPOCH, 5_000];
  const now = steadyClock(
    () => wall,
    () => elapsed,
  );
  const store = new MemoryStore({ maxSessions: 10, maxBytes: 1e6, tombstoneMs: 60_000, now });
  const id = freshId();
  await store.create(id, newSession({}, { maxInactiveInterval: 1800, absoluteTimeout }));
  wall += by;
  for (let passed = 0; passed < seconds; passed += seconds / 2) {
    elapsed += (seconds / 2) * 1000;
    // The first of them is a use.
    if (passed === 0 && absoluteTimeout > 0) await store.load(id);
  }
  return (await store.load(id)).status;
}

describe('a session in memory', () => {
  it.each([-HOUR_MS, 0, HOUR_MS])(
    'ends when it was idle for long enough, though the wall clock was set by %i ms',
    async (by) => {
      expect(await afterSetting(by, 1_798)).toBe('found');
      expect(await afterSetting(by, 1_802)).toBe('absent');
    },
  );

  it.each([-HOUR_MS, 0, HOUR_MS])(
    'ends with its absolute timeout, though the wall clock was set by %i ms',
    async (by) => {
      expect(await afterSetting(by, 2_398, 2_400)).toBe('found');
      expect(await afterSetting(by, 2_402, 2_400)).toBe('absent');
    },
  );
});

it("the module's own clock does not follow the wall clock", () => {
  const { now } = resolveSettings({}, undefined);
  const before = now();
  const wall = Date.now();
  jest.spyOn(Date, 'now').mockReturnValue(wall - HOUR_MS);
  expect(now()).toBeGreaterThanOrEqual(before);
});
