import { describe, expect, it } from '@jest/globals';
import type { SessionId } from '../../lib/core/token.js';
import { change, decoded, freshId, renewal } from './builders.js';
import type { ContractFixture } from './contract-fixture.js';

const GUEST = { authenticated: false } as const;
const LIFE_MS = 1_800_000;
/** How much of a life may pass between a write and the look at it. */
const TOLERANCE_MS = 2_000;

/** What a store promises of a guest's session that is kept: that of a login, and that it is told from one. */
export function describeKept(fixture: ContractFixture): void {
  describe('a session that is kept', () => {
    const expectKept = async (id: SessionId, attributes: Record<string, string>): Promise<void> => {
      const life = await fixture.lifeMs(id);
      expect(life).toBeGreaterThan(LIFE_MS - TOLERANCE_MS);
      expect(life).toBeLessThanOrEqual(LIFE_MS);
      for (const node of [fixture.store, fixture.peer]) {
        const record = await fixture.recordOf(id, node);
        expect([record.kept, record.authenticated, record.principal]).toEqual([true, false, undefined]);
        expect(decoded(record.attributes)).toEqual(attributes);
      }
    };

    it('lives as long as a login from its beginning, also if it is empty', async () => {
      await expectKept(await fixture.created({}, { ...GUEST, kept: true }), {});
      await expectKept(await fixture.created({ a: '1' }, { ...GUEST, kept: true }), { a: '1' });
    });

    it('lives so from a save on, and through every kind of write that says nothing of it', async () => {
      const id = await fixture.created({ a: '1' }, GUEST);
      expect((await fixture.recordOf(id)).kept).not.toBe(true);
      await fixture.store.save(id, change({}, { ...GUEST, kept: true }));
      await expectKept(id, { a: '1' });
      await fixture.peer.save(id, change({ b: '2' }, GUEST));
      await expectKept(id, { a: '1', b: '2' });
      await fixture.store.compareAndSet(id, 'a', Buffer.from('1'), Buffer.from('3'), false);
      await expectKept(id, { a: '3', b: '2' });
      await fixture.store.touch(id);
      await expectKept(id, { a: '3', b: '2' });
    });

    it('goes on under another id, and may be kept together with that', async () => {
      const id = await fixture.created({ a: '1' }, { ...GUEST, kept: true });
      const second = freshId(id);
      await fixture.peer.renew(id, renewal(second, {}, GUEST));
      await expectKept(second, { a: '1' });
      const guest = await fixture.created({ a: '1' }, GUEST);
      const renewed = freshId(guest);
      await fixture.store.renew(guest, { ...renewal(renewed, {}, GUEST), kept: true });
      await expectKept(renewed, { a: '1' });
    });

    it("is a user's once somebody logs in, by a login or by what the application counts as one", async () => {
      const id = await fixture.created({ a: '1' }, { ...GUEST, kept: true });
      const login = { principal: 'anna', absoluteTimeout: 0 };
      const renewed = freshId(id);
      await fixture.store.renew(id, renewal(renewed, {}, { authenticated: true, login }));
      expect(await fixture.recordOf(renewed, fixture.peer)).toMatchObject({
        authenticated: true,
        principal: 'anna',
      });
      const other = await fixture.created({}, { ...GUEST, kept: true });
      await fixture.store.save(other, change({}, { authenticated: true, kept: false }));
      const record = await fixture.recordOf(other, fixture.peer);
      expect([record.authenticated, record.kept === true]).toEqual([true, false]);
      await fixture.store.save(other, change({ a: '1' }, GUEST));
      expect((await fixture.recordOf(other)).authenticated).toBe(true);
    });

    it('ends as any other, on every node', async () => {
      const id = await fixture.created({}, { ...GUEST, kept: true });
      expect((await fixture.peer.destroy(id)).status).toBe('removed');
      expect(await fixture.statusesOf(id)).toEqual(['ended', 'ended']);
    });
  });
}
