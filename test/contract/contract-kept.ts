import { describe, expect, it } from '@jest/globals';
import type { SessionId } from '../../lib/core/token.js';
import { change, decoded, freshId, renewal } from './builders.js';
import type { ContractRig } from './contract-rig.js';

const GUEST = { authenticated: false } as const;
const LIFE_MS = 1_800_000;
/** How much of a life may pass between a write and the look at it. */
const TOLERANCE_MS = 2_000;

/** What a store promises of a guest's session that is kept: that of a login, and that it is told from one. */
export function describeKept(rig: ContractRig): void {
  describe('a session that is kept', () => {
    const expectKept = async (id: SessionId, attributes: Record<string, string>): Promise<void> => {
      const life = await rig.lifeMs(id);
      expect(life).toBeGreaterThan(LIFE_MS - TOLERANCE_MS);
      expect(life).toBeLessThanOrEqual(LIFE_MS);
      for (const node of [rig.store, rig.peer]) {
        const record = await rig.recordOf(id, node);
        expect([record.kept, record.authenticated, record.principal]).toEqual([true, false, undefined]);
        expect(decoded(record.attributes)).toEqual(attributes);
      }
    };

    it('lives as long as a login from its beginning, also if it is empty', async () => {
      await expectKept(await rig.created({}, { ...GUEST, kept: true }), {});
      await expectKept(await rig.created({ a: '1' }, { ...GUEST, kept: true }), { a: '1' });
    });

    it('lives so from a save on, and through every kind of write that says nothing of it', async () => {
      const id = await rig.created({ a: '1' }, GUEST);
      expect((await rig.recordOf(id)).kept).not.toBe(true);
      await rig.store.save(id, change({}, { ...GUEST, kept: true }));
      await expectKept(id, { a: '1' });
      await rig.peer.save(id, change({ b: '2' }, GUEST));
      await expectKept(id, { a: '1', b: '2' });
      await rig.store.compareAndSet(id, 'a', Buffer.from('1'), Buffer.from('3'), false);
      await expectKept(id, { a: '3', b: '2' });
      await rig.store.touch(id);
      await expectKept(id, { a: '3', b: '2' });
    });

    it('goes on under another id, and may be kept together with that', async () => {
      const id = await rig.created({ a: '1' }, { ...GUEST, kept: true });
      const second = freshId(id);
      await rig.peer.renew(id, renewal(second, {}, GUEST));
      await expectKept(second, { a: '1' });
      const guest = await rig.created({ a: '1' }, GUEST);
      const renewed = freshId(guest);
      await rig.store.renew(guest, { ...renewal(renewed, {}, GUEST), kept: true });
      await expectKept(renewed, { a: '1' });
    });

    it("is a user's once somebody logs in, by a login or by what the application counts as one", async () => {
      const id = await rig.created({ a: '1' }, { ...GUEST, kept: true });
      const login = { principal: 'anna', absoluteTimeout: 0 };
      const renewed = freshId(id);
      await rig.store.renew(id, renewal(renewed, {}, { authenticated: true, login }));
      expect(await rig.recordOf(renewed, rig.peer)).toMatchObject({ authenticated: true, principal: 'anna' });
      const other = await rig.created({}, { ...GUEST, kept: true });
      await rig.store.save(other, change({}, { authenticated: true, kept: false }));
      const record = await rig.recordOf(other, rig.peer);
      expect([record.authenticated, record.kept === true]).toEqual([true, false]);
      await rig.store.save(other, change({ a: '1' }, GUEST));
      expect((await rig.recordOf(other)).authenticated).toBe(true);
    });

    it('ends as any other, on every node', async () => {
      const id = await rig.created({}, { ...GUEST, kept: true });
      expect((await rig.peer.destroy(id)).status).toBe('removed');
      expect(await rig.statusesOf(id)).toEqual(['ended', 'ended']);
    });
  });
}
