import { beforeAll, describe, expect, it } from '@jest/globals';
import { SessionStoreUnavailableError } from '../../lib/core/errors.js';
import type { SessionId } from '../../lib/core/token.js';
import { change, freshId, newSession, renewal } from './builders.js';
import { describeEnds } from './contract-ends.js';
import { describeKept } from './contract-kept.js';
import { describeLimits } from './contract-limits.js';
import { describeReservations } from './contract-reservations.js';
import { ContractFixture, type ContractOptions, type StoreUnderTest } from './contract-fixture.js';
import { describeWrites } from './contract-writes.js';

export type { StoreUnderTest } from './contract-fixture.js';

/** How much of a life may pass between a write and the look at it. */
const TOLERANCE_MS = 2_000;
const TEN_YEARS = 10 * 365 * 24 * 3600;

/** Every promise of SessionStore, for any store. */
export function describeSessionStore(
  name: string,
  options: ContractOptions,
  start: () => Promise<StoreUnderTest>,
): void {
  const fixture = new ContractFixture(options, start);
  const { longestLifeMs = Infinity } = options;

  describe(name, () => {
    beforeAll(() => fixture.start());

    describeWrites(fixture);
    describeEnds(fixture);
    describeKept(fixture);
    describeLimits(fixture);
    describeReservations(fixture);

    describe('expiry', () => {
      const expectLife = async (id: SessionId, seconds: number): Promise<void> => {
        const life = await fixture.lifeMs(id);
        const expected = Math.min(seconds * 1000, longestLifeMs);
        expect(life).toBeGreaterThan(expected - TOLERANCE_MS);
        expect(life).toBeLessThanOrEqual(expected);
      };

      it.each<[string, number, number, number]>([
        ['is the idle timeout', 1800, 0, 1800],
        ['is the idle timeout where that comes first', 1800, 3600, 1800],
        ['is the absolute timeout where that comes first', 1800, 600, 600],
        ['is the absolute timeout where 0 switches the idle one off', 0, 600, 600],
        ['is ten years where 0 switches the idle one off and there is no other', 0, 0, TEN_YEARS],
        ['is ten years where -1 does', -1, 0, TEN_YEARS],
        ['is ten years at most', Number.MAX_SAFE_INTEGER, 0, TEN_YEARS],
      ])('%s', async (_what, maxInactiveInterval, absoluteTimeout, seconds) => {
        await expectLife(await fixture.created({}, { maxInactiveInterval, absoluteTimeout }), seconds);
      });

      it('follows a changed interval, which lasts', async () => {
        const id = await fixture.created();
        await fixture.store.save(id, change({}, { ...fixture.rest, maxInactiveInterval: 300 }));
        await expectLife(id, 300);
        await fixture.store.save(id, change({ a: '1' }, fixture.rest));
        await expectLife(id, 300);
        expect((await fixture.recordOf(id)).maxInactiveInterval).toBe(300);
        await fixture.store.save(id, change({}, { ...fixture.rest, maxInactiveInterval: -1 }));
        await expectLife(id, TEN_YEARS);
      });

      it('is kept through an id change, and what an id change may itself set', async () => {
        const id = await fixture.created({}, { maxInactiveInterval: 300 });
        const second = freshId(id);
        await fixture.store.renew(id, renewal(second, {}, fixture.rest));
        await expectLife(second, 300);
        const third = freshId(id);
        await fixture.store.renew(second, renewal(third, {}, { ...fixture.rest, maxInactiveInterval: 120 }));
        await expectLife(third, 120);
      });
    });

    it('says how it is', async () => {
      const health = await fixture.store.health();
      expect(health.latencyMs).toBeGreaterThanOrEqual(0);
      expect(['memory', 'redis']).toContain(health.kind);
    });

    describe('closed', () => {
      it('rejects whatever it is asked, and may be closed again', async () => {
        const { store: closing } = await fixture.another();
        const id = freshId();
        await closing.create(id, newSession({}, fixture.rest));
        await closing.close();
        await closing.close();
        const calls = [
          () => closing.load(id),
          () => closing.touch(id),
          () => closing.create(freshId(), newSession({}, fixture.rest)),
          () => closing.save(id, change({}, fixture.rest)),
          () => closing.renew(id, renewal(freshId(id), {}, fixture.rest)),
          () => closing.compareAndSet(id, 'a', undefined, undefined, fixture.rest.authenticated),
          () => closing.destroy(id),
          () => closing.health(),
        ];
        for (const call of calls) await expect(call()).rejects.toThrow(SessionStoreUnavailableError);
      });
    });
  });
}
