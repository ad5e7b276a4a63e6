import { MemoryStore } from '../../lib/stores/memory-store.js';
import type { SessionId } from '../../lib/core/token.js';
import { LIMITS } from './contract-fixture.js';
import { describeSessionStore, type StoreUnderTest } from './session-store.contract.js';

async function start(): Promise<StoreUnderTest> {
  let now = 1_700_000_000_000;
  const store = new MemoryStore({
    maxSessions: 10_000,
    maxBytes: 100_000_000,
    tombstoneMs: 60_000,
    limits: LIMITS,
    now: () => now,
  });
  /** By trying: the last millisecond of the clock at which the session is still there. */
  const lifeMs = async (id: SessionId): Promise<number> => {
    const start = now;
    let [there, gone] = [-1, 400 * 365 * 24 * 3_600_000];
    while (gone - there > 1) {
      const middle = Math.floor((there + gone) / 2);
      now = start + middle;
      if (store.peek(id) === undefined) gone = middle;
      else there = middle;
    }
    now = start;
    return Math.max(there, 0);
  };
  return { store, peer: store, lifeMs };
}

describeSessionStore('MemoryStore', { authenticated: true }, start);
describeSessionStore('MemoryStore, anonymous sessions', { authenticated: false }, start);
