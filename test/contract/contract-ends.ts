import { describe, expect, it } from '@jest/globals';
import type { SessionId } from '../../lib/core/token.js';
import { change, freshId, renewal } from './builders.js';
import type { ContractFixture } from './contract-fixture.js';

/** What a store promises of the ends of sessions, and of those that go on under another id. */
export function describeEnds(fixture: ContractFixture): void {
  describe('an id change', () => {
    it('takes everything that was acknowledged before, and its own change, to the new id', async () => {
      const id = await fixture.created({ a: '1', b: '2' });
      await fixture.peer.save(id, change({ c: '3' }, fixture.rest));
      const next = freshId(id);
      await fixture.store.renew(id, renewal(next, { d: '4' }, { ...fixture.rest, remove: ['b'] }));
      expect(await fixture.attributesOf(next)).toEqual({ a: '1', c: '3', d: '4' });
    });

    it('leaves the old id dead, and known as ended, on every node', async () => {
      const id = await fixture.created();
      await fixture.peer.load(id);
      await fixture.store.renew(id, renewal(freshId(id), {}, fixture.rest));
      expect(await fixture.statusesOf(id)).toEqual(['ended', 'ended']);
      await expectRefused(fixture, id);
    });

    it.each([
      ['nothing of the old id', {}, false],
      ['the old id for its grace', { graceSeconds: 30 }, true],
    ])('without a login serves %s, and tells each write where it goes on', async (_what, grace, inGrace) => {
      const id = await fixture.created({ a: '1' });
      const movedTo = freshId(id);
      await fixture.store.renew(id, renewal(movedTo, {}, { ...fixture.rest, ...grace }));
      for (const node of [fixture.store, fixture.peer]) {
        const outcomes = [
          await node.load(id),
          await node.save(id, change({ late: '1' }, fixture.rest)),
          await node.compareAndSet(id, 'late', undefined, Buffer.from('1'), fixture.rest.authenticated),
          await node.renew(id, renewal(freshId(id), {}, fixture.rest)),
        ];
        for (const outcome of outcomes) expect(outcome).toMatchObject({ status: 'ended', movedTo, inGrace });
      }
      expect(await fixture.attributesOf(movedTo)).toEqual({ a: '1' });
    });

    it('with a login tells nobody where it goes on, grace or not', async () => {
      const id = await fixture.created();
      const login = { principal: 'bert', absoluteTimeout: 0 };
      const rest = { authenticated: true, login, graceSeconds: 30 };
      await fixture.store.renew(id, renewal(freshId(id), {}, rest));
      const outcomes = [await fixture.peer.load(id), await fixture.store.save(id, change({}, fixture.rest))];
      for (const outcome of outcomes) {
        expect(outcome).toMatchObject({ status: 'ended', byLogin: true });
        expect('movedTo' in outcome && outcome.movedTo).toBe(false);
      }
    });

    it('without a login keeps who it was, since when, and until when', async () => {
      const id = await fixture.created({}, { principal: 'anna', absoluteTimeout: 3600 });
      const before = await fixture.recordOf(id);
      const next = freshId(id);
      await fixture.store.renew(id, renewal(next, {}, fixture.rest));
      const after = await fixture.recordOf(next);
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
      const id = await fixture.created({ a: '1' }, { absoluteTimeout: 60, authenticated: false });
      const next = freshId(id);
      const login = { principal: 'bert', absoluteTimeout };
      const written = await fixture.store.renew(id, renewal(next, {}, { authenticated: true, login }));
      if (written.status !== 'written') throw new Error(written.status);
      const deadline = ms === undefined ? undefined : written.now + ms;
      expect(written.absoluteDeadline).toBe(deadline);
      expect(await fixture.recordOf(next, fixture.peer)).toMatchObject({
        principal: 'bert',
        authenticatedAt: written.now,
        absoluteDeadline: deadline,
        authenticated: true,
      });
    });

    it('raced by a second one happens once', async () => {
      const id = await fixture.created();
      const ids = Array.from({ length: 10 }, () => freshId(id));
      const outcomes = await Promise.all(
        ids.map((next, i) =>
          (i % 2 ? fixture.store : fixture.peer).renew(id, renewal(next, {}, fixture.rest)),
        ),
      );
      const winners = ids.filter((_, i) => outcomes[i]?.status === 'written');
      expect(winners).toHaveLength(1);
      for (const next of ids) {
        if (!winners.includes(next)) expect(await fixture.lifeMs(next)).toBe(0);
      }
    });
  });

  describe('the end of a session', () => {
    it('is not an error where there is none', async () => {
      expect(await fixture.store.destroy(freshId())).toEqual({ status: 'absent' });
    });

    it('holds on every node, whoever has loaded it before', async () => {
      const id = await fixture.created();
      await Promise.all([fixture.store.load(id), fixture.peer.load(id)]);
      await fixture.peer.destroy(id);
      await expectDead(fixture, id);
      await expectRefused(fixture, id);
      await expectDead(fixture, id);
    });

    it('tells what it has found: a session, an end before it, nothing', async () => {
      const id = await fixture.created();
      const next = freshId(id);
      await fixture.store.renew(id, renewal(next, {}, fixture.rest));
      const other = await fixture.created();
      expect(await fixture.peer.destroy(other)).toEqual({ status: 'removed', renewed: false });
      expect(await fixture.peer.destroy(id)).toEqual({ status: 'removed', renewed: true });
      for (const dead of [id, next, other]) {
        expect(await fixture.store.destroy(dead)).toEqual({ status: 'ended' });
        expect(await fixture.peer.destroy(dead)).toEqual({ status: 'ended' });
      }
    });

    it('stays known, whatever was tried on it', async () => {
      const id = await fixture.created();
      await fixture.peer.destroy(id);
      await expectRefused(fixture, id);
      await fixture.peer.destroy(id);
      expect(await fixture.statusesOf(id)).toEqual(['ended', 'ended']);
    });

    it('leaves no way to what it became, nor from there', async () => {
      const id = await fixture.created();
      const next = freshId(id);
      await fixture.store.renew(id, renewal(next, {}, { ...fixture.rest, graceSeconds: 30 }));
      await fixture.store.destroy(id);
      for (const dead of [id, next]) {
        const outcome = await fixture.store.load(dead);
        expect(outcome.status).toBe('ended');
        expect(outcome).not.toHaveProperty('movedTo');
        expect(outcome).not.toHaveProperty('byLogin');
      }
    });

    it.each([1, 5])('follows %i id changes', async (changes) => {
      const ids = [await fixture.created()];
      for (let i = 0; i < changes; i += 1) {
        const last = ids.at(-1) as SessionId;
        const next = freshId(last);
        await (i % 2 ? fixture.store : fixture.peer).renew(last, renewal(next, {}, fixture.rest));
        ids.push(next);
      }
      await fixture.store.destroy(ids[0] as SessionId);
      for (const id of ids) {
        await expectDead(fixture, id);
        await expectRefused(fixture, id);
      }
    });

    it('asked for under an id in the middle of several follows from there', async () => {
      const first = await fixture.created();
      const second = freshId(first);
      const third = freshId(first);
      await fixture.store.renew(first, renewal(second, {}, fixture.rest));
      await fixture.store.renew(second, renewal(third, {}, fixture.rest));
      await fixture.store.destroy(second);
      await expectDead(fixture, third);
    });

    it('is final against whatever is in flight', async () => {
      for (let round = 0; round < 30; round += 1) {
        const id = await fixture.created({ n: '0' });
        const next = freshId(id);
        await Promise.all([
          fixture.peer.load(id),
          fixture.peer.save(id, change({ a: '1' }, fixture.rest)),
          fixture.store.renew(id, renewal(next, {}, fixture.rest)),
          round % 2 ? fixture.store.destroy(id) : fixture.peer.destroy(id),
          fixture.peer.compareAndSet(id, 'n', Buffer.from('0'), Buffer.from('1'), fixture.rest.authenticated),
          fixture.store.load(id),
          fixture.store.save(next, change({ a: '1' }, fixture.rest)),
        ]);
        await expectDead(fixture, id);
        await expectDead(fixture, next);
      }
    });

    it('cannot be told from a session that never was: nothing is written to one', async () => {
      const id = freshId();
      await expectRefused(fixture, id);
      await expectDead(fixture, id);
    });
  });
}

/** Says that a session is on no node, and its life is over. */
async function expectDead(fixture: ContractFixture, id: SessionId): Promise<void> {
  for (const status of await fixture.statusesOf(id)) expect(['absent', 'ended']).toContain(status);
  expect(await fixture.lifeMs(id)).toBe(0);
}

/** Says that nothing can be written to it. */
async function expectRefused(fixture: ContractFixture, id: SessionId): Promise<void> {
  const outcomes = [
    await fixture.store.save(id, change({ late: '1' }, fixture.rest)),
    await fixture.store.compareAndSet(id, 'late', undefined, Buffer.from('1'), fixture.rest.authenticated),
    await fixture.store.renew(id, renewal(freshId(id), { late: '1' }, fixture.rest)),
  ];
  for (const { status } of outcomes) expect(['absent', 'ended']).toContain(status);
}
