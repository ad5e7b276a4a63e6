import { describe, expect, it } from '@jest/globals';
import { ServerClock } from '../../../lib/redis/server-clock.js';

const EPOCH = 1_700_000_000_000;

/** A server and this process, each with a clock of its own. */
function pair() {
  let here = 5_000;
  let ahead = EPOCH;
  const clock = new ServerClock(() => here);
  return {
    clock,
    pass: (milliseconds: number): void => void (here += milliseconds),
    setServer: (by: number): void => void (ahead += by),
    get truth(): number {
      return Math.floor(here + ahead);
    },
    /** A question that takes so long to get there, and its answer to be read. */
    ask: (there: number, back: number): void => {
      const askedAt = here;
      here += there;
      const reply = Math.floor(here + ahead);
      here += back;
      clock.observe(reply, askedAt);
    },
  };
}

describe('the clock of a server', () => {
  it('is not known before the first answer, and goes on after it', () => {
    const { clock, ask, pass } = pair();
    expect(clock.now).toBeUndefined();
    ask(0, 0);
    pass(1234.5);
    expect(clock.now).toBe(EPOCH + 5_000 + 1234);
  });

  it('is not set back by a reply that is read late', () => {
    const server = pair();
    server.ask(1, 1);
    const before = server.truth - (server.clock.now ?? 0);
    server.ask(1, 3_000);
    expect(server.truth - (server.clock.now ?? 0)).toBe(before);
  });

  it('is never ahead of the server, whatever the way there and back takes', () => {
    const server = pair();
    for (const [there, back] of [
      [0, 700],
      [900, 0],
      [5, 5],
      [3_000, 1],
      [0, 0],
      [40, 2_000],
    ] as const) {
      server.ask(there, back);
      expect(server.clock.now).toBeLessThanOrEqual(server.truth);
    }
    expect(server.truth - (server.clock.now ?? 0)).toBe(0);
  });

  it.each([3_600_000, 20, -20, -3_600_000])('follows the server where its clock is set by %i ms', (by) => {
    const server = pair();
    server.ask(1, 1);
    server.setServer(by);
    server.ask(1, 1);
    expect(server.truth - (server.clock.now ?? 0)).toBeGreaterThanOrEqual(0);
    expect(server.truth - (server.clock.now ?? 0)).toBeLessThanOrEqual(3);
  });
});
