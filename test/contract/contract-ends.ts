import { describe, expect, it } from '@jest/globals';
import type { SessionId } from '../../lib/core/token.js';
import { change, freshId, renewal } from './builders.js';
import type { ContractRig } from './contract-rig.js';

/** What a store promises of the ends of sessions, and of those that go on under another id. */
export function describeEnds(rig: ContractRig): void {
  describe('an id change', () => {
    it('takes everything that was acknowledged before, and its own change, to the new id', async () => {
      const id = await rig.created({ a: '1', b: '2' });
      await rig.peer.save(id, change({ c: '3' }, rig.rest));
      const next = freshId(id);
      await rig.store.renew(id, renewal(next, { d: '4' }, { ...rig.rest, remove: ['b'] }));
      expect(await rig.attributesOf(next)).toEqual({ a: '1', c: '3', d: '4' });
    });

    it('leaves the old id dead, and known as ended, on every node', async () => {
      const id = await rig.created();
      await rig.peer.load(id);
      await rig.store.renew(id, renewal(freshId(id), {}, rig.rest));
      expect(await rig.statusesOf(id)).toEqual(['ended', 'ended']);
      await expectRefused(rig, id);
    });

    it.each([
      ['nothing of the old id', {}, false],
      ['the old id for its grace', { graceSeconds: 30 }, true],
    ])('without a login serves %s, and tells each write where it goes on', async (_what, grace, inGrace) => {
      const id = await rig.created({ a: '1' });
      const movedTo = freshId(id);
      await rig.store.renew(id, renewal(movedTo, {}, { ...rig.rest, ...grace }));
      for (const node of [rig.store, rig.peer]) {
        const outcomes = [
          await node.load(id),
          await node.save(id, change({ late: '1' }, rig.rest)),
          await node.compareAndSet(id, 'late', undefined, Buffer.from('1'), rig.rest.authenticated),
          await node.renew(id, renewal(freshId(id), {}, rig.rest)),
        ];
        for (const outcome of outcomes) expect(outcome).toMatchObject({ status: 'ended', movedTo, inGrace });
      }
      expect(await rig.attributesOf(movedTo)).toEqual({ a: '1' });
    });

    it('with a login tells nobody where it goes on, grace or not', async () => {
      const id = await rig.created();
      const login = { principal: 'bert', absoluteTimeout: 0 };
      const rest = { authenticated: true, login, graceSeconds: 30 };
      await rig.store.renew(id, renewal(freshId(id), {}, rest));
      const outcomes = [await rig.peer.load(id), await rig.store.save(id, change({}, rig.rest))];
      for (const outcome of outcomes) {
        expect(outcome).toMatchObject({ status: 'ended', byLogin: true });
        expect('movedTo' in outcome && outcome.movedTo).toBe(false);
      }
    });

    it('without a login keeps who it was, since when, and until when', async () => {
      const id = await rig.created({}, { principal: 'anna', absoluteTimeout: 3600 });
      const before = await rig.recordOf(id);
      const next = freshId(id);
      await rig.store.renew(id, renewal(next, {}, rig.rest));
      const after = await rig.recordOf(next);
      const lasting = [
        'createdAt',
        'principal',
        'authenticatedAt',
        'absoluteDeadline',
        'authenticated',
        'codec',
      ] as const;
      for (const key of lasting) expect([key, after[key]]).toEqual([key, before[key]]);
    });

    it.each([
      ['starts the absolute timeout anew', 7200, 7_200_000],
      ['ends an absolute timeout where none is asked for', 0, undefined],
    ])('with a login sets the principal and %s', async (_what, absoluteTimeout, ms) => {
      const id = await rig.created({ a: '1' }, { absoluteTimeout: 60, authenticated: false });
      const next = freshId(id);
      const login = { principal: 'bert', absoluteTimeout };
      const written = await rig.store.renew(id, renewal(next, {}, { authenticated: true, login }));
      if (written.status !== 'written') throw new Error(written.status);
      const deadline = ms === undefined ? undefined : written.now + ms;
      expect(written.absoluteDeadline).toBe(deadline);
      expect(await rig.recordOf(next, rig.peer)).toMatchObject({
        principal: 'bert',
        authenticatedAt: written.now,
        absoluteDeadline: deadline,
        authenticated: true,
      });
    });

    it('raced by a second one happens once', async () => {
      const id = await rig.created();
      const ids = Array.from({ length: 10 }, () => freshId(id));
      const outcomes = await Promise.all(
        ids.map((next, i) => (i % 2 ? rig.store : rig.peer).renew(id, renewal(next, {}, rig.rest))),
      );
      const winners = ids.filter((_, i) => outcomes[i]?.status === 'written');
      expect(winners).toHaveLength(1);
      for (const next of ids) {
        if (!winners.includes(next)) expect(await rig.lifeMs(next)).toBe(0);
      }
    });
  });

  describe('the end of a session', () => {
    it('is not an error where there is none', async () => {
      expect(await rig.store.destroy(freshId())).toEqual({ status: 'absent' });
    });

    it('holds on every node, whoever has loaded it before', async () => {
      const id = await rig.created();
      await Promise.all([rig.store.load(id), rig.peer.load(id)]);
      await rig.peer.destroy(id);
      await expectDead(rig, id);
      await expectRefused(rig, id);
      await expectDead(rig, id);
    });

    it('tells what it has found: a session, an end before it, nothing', async () => {
      const id = await rig.created();
      const next = freshId(id);
      await rig.store.renew(id, renewal(next, {}, rig.rest));
      const other = await rig.created();
      expect(await rig.peer.destroy(other)).toEqual({ status: 'removed', renewed: false });
      expect(await rig.peer.destroy(id)).toEqual({ status: 'removed', renewed: true });
      for (const dead of [id, next, other]) {
        expect(await rig.store.destroy(dead)).toEqual({ status: 'ended' });
        expect(await rig.peer.destroy(dead)).toEqual({ status: 'ended' });
      }
    });

    it('stays known, whatever was tried on it', async () => {
      const id = await rig.created();
      await rig.peer.destroy(id);
      await expectRefused(rig, id);
      await rig.peer.destroy(id);
      expect(await rig.statusesOf(id)).toEqual(['ended', 'ended']);
    });

    it('leaves no way to what it became, nor from there', async () => {
      const id = await rig.created();
      const next = freshId(id);
      await rig.store.renew(id, renewal(next, {}, { ...rig.rest, graceSeconds: 30 }));
      await rig.store.destroy(id);
      for (const dead of [id, next]) {
        const outcome = await rig.store.load(dead);
        expect(outcome.status).toBe('ended');
        expect(outcome).not.toHaveProperty('movedTo');
        expect(outcome).not.toHaveProperty('byLogin');
      }
    });

    it.each([1, 5])('follows %i id changes', async (changes) => {
      const ids = [await rig.created()];
      for (let i = 0; i < changes; i += 1) {
        const last = ids.at(-1) as SessionId;
        const next = freshId(last);
        await (i % 2 ? rig.store : rig.peer).renew(last, renewal(next, {}, rig.rest));
        ids.push(next);
      }
      await rig.store.destroy(ids[0] as SessionId);
      for (const id of ids) {
        await expectDead(rig, id);
        await expectRefused(rig, id);
      }
    });

    it('asked for under an id in the middle of several follows from there', async () => {
      const first = await rig.created();
      const second = freshId(first);
      const third = freshId(first);
      await rig.store.renew(first, renewal(second, {}, rig.rest));
      await rig.store.renew(second, renewal(third, {}, rig.rest));
      await rig.store.destroy(second);
      await expectDead(rig, third);
    });

    it('is final against whatever is in flight', async () => {
      for (let round = 0; round < 30; round += 1) {
        const id = await rig.created({ n: '0' });
        const next = freshId(id);
        await Promise.all([
          rig.peer.load(id),
          rig.peer.save(id, change({ a: '1' }, rig.rest)),
          rig.store.renew(id, renewal(next, {}, rig.rest)),
          round % 2 ? rig.store.destroy(id) : rig.peer.destroy(id),
          rig.peer.compareAndSet(id, 'n', Buffer.from('0'), Buffer.from('1'), rig.rest.authenticated),
          rig.store.load(id),
          rig.store.save(next, change({ a: '1' }, rig.rest)),
        ]);
        await expectDead(rig, id);
        await expectDead(rig, next);
      }
    });

    it('cannot be told from a session that never was: nothing is written to one', async () => {
      const id = freshId();
      await expectRefused(rig, id);
      await expectDead(rig, id);
    });
  });
}

/** Says that a session is on no node, and its life is over. */
async function expectDead(rig: ContractRig, id: SessionId): Promise<void> {
  for (const status of await rig.statusesOf(id)) expect(['absent', 'ended']).toContain(status);
  expect(await rig.lifeMs(id)).toBe(0);
}

/** Says that nothing can be written to it. */
async function expectRefused(rig: ContractRig, id: SessionId): Promise<void> {
  const outcomes = [
    await rig.store.save(id, change({ late: '1' }, rig.rest)),
    await rig.store.compareAndSet(id, 'late', undefined, Buffer.from('1'), rig.rest.authenticated),
    await rig.store.renew(id, renewal(freshId(id), { late: '1' }, rig.rest)),
  ];
  for (const { status } of outcomes) expect(['absent', 'ended']).toContain(status);
}
