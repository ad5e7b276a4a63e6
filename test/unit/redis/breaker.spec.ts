import { afterEach, describe, expect, it } from '@jest/globals';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { SessionStoreUnavailableError } from '../../../lib/core/errors.js';
import { Availability } from '../../../lib/redis/availability.js';
import { Breaker } from '../../../lib/redis/breaker.js';

const ADDRESS = '127.0.0.1:6379';
const silent = { log: () => undefined, warn: () => undefined, debug: () => undefined };
const outage = (): Promise<never> =>
  Promise.reject(new SessionStoreUnavailableError('away', { reason: 'CONNECTION_LOST' }));

const told: unknown[] = [];
const note = (message: unknown): void => void told.push(message);

/** A breaker that has opened. */
async function opened(probe: () => Promise<unknown>): Promise<Breaker> {
  const availability = new Availability({ address: ADDRESS, via: 'host', tls: false }, silent);
  const breaker = new Breaker({ address: ADDRESS, availability, probe, settled: () => undefined });
  told.length = 0;
  subscribe('nestjs-redis-session:breaker', note);
  for (let i = 0; i < 5; i++) await breaker.watch(outage()).catch(() => undefined);
  return breaker;
}

afterEach(() => void unsubscribe('nestjs-redis-session:breaker', note));

describe('a breaker', () => {
  it('tells when it opens, at each probe that fails and when it closes', async () => {
    let back = false;
    const breaker = await opened(() => (back ? Promise.resolve() : outage()));
    expect(told).toEqual([{ address: ADDRESS, open: true }]);
    breaker.ask();
    await new Promise(setImmediate);
    expect(told).toHaveLength(2);
    expect(told[1]).toEqual({ address: ADDRESS, open: true });
    back = true;
    breaker.ask();
    await new Promise(setImmediate);
    expect(told.slice(2)).toEqual([{ address: ADDRESS, open: false }]);
    breaker.close();
    expect(told).toHaveLength(3);
  });

  it('that is open and is asked no more leaves no alarm behind', async () => {
    const breaker = await opened(outage);
    breaker.close();
    expect(told.at(-1)).toEqual({ address: ADDRESS, open: false });
  });
});
