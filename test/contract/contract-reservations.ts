import { describe, expect, it } from '@jest/globals';
import { change, freshId, newSession, renewal } from './builders.js';
import type { ContractRig } from './contract-rig.js';

const LOGIN = { principal: 'bert', absoluteTimeout: 0 };

/** What a store promises of ids that are ended before they are written, of lists of ids, and of looks at sessions. */
export function describeReservations(rig: ContractRig): void {
  describe('an id that is ended before it is written', () => {
    it('is never created, whoever tries', async () => {
      const id = freshId();
      await rig.store.destroy(id, { reserved: true });
      for (const node of [rig.store, rig.peer]) {
        const session = newSession({}, { ...rig.rest, principal: 'anna' });
        expect(await node.create(id, session)).toMatchObject({ status: 'ended', newIdEnded: true });
      }
      expect(await rig.statusesOf(id)).toEqual(['ended', 'ended']);
    });

    it.each([
      ['an id change', {}],
      ['a login', { login: LOGIN, authenticated: true }],
    ])('is never renewed to by %s, and the session stays as it is', async (_what, how) => {
      const id = await rig.created({ a: '1' });
      const next = freshId(id);
      await rig.peer.destroy(next, { reserved: true });
      const outcome = await rig.store.renew(id, renewal(next, { b: '2' }, { ...rig.rest, ...how }));
      expect(outcome).toMatchObject({ status: 'ended', newIdEnded: true });
      expect(await rig.attributesOf(id, rig.peer)).toEqual({ a: '1' });
    });
  });

  describe('an end that follows no logins', () => {
    it('leaves the session of a login alone, and goes after an id change', async () => {
      const id = await rig.created();
      const [moved, loggedIn] = [freshId(id), freshId(id)];
      await rig.store.renew(id, renewal(moved, {}, rig.rest));
      await rig.store.renew(moved, renewal(loggedIn, {}, { authenticated: true, login: LOGIN }));
      expect(await rig.store.destroy(id, { followLogins: false })).toMatchObject({ status: 'ended' });
      expect((await rig.peer.load(loggedIn)).status).toBe('found');

      const [other, renewed] = [await rig.created(), freshId()];
      const next = freshId(other);
      await rig.peer.renew(other, renewal(next, {}, rig.rest));
      expect(renewed).not.toBe(next);
      expect(await rig.store.destroy(other, { followLogins: false })).toMatchObject({ status: 'removed' });
      expect(await rig.statusesOf(next)).toEqual(['ended', 'ended']);
    });
  });

  it('an end goes through a chain of id changes and logins, however long', async () => {
    const id = await rig.created();
    let last = id;
    for (let n = 0; n < 5; n += 1) {
      const next = freshId(id);
      const how = n === 2 ? { authenticated: true, login: LOGIN } : rig.rest;
      await rig.peer.renew(last, renewal(next, {}, how));
      last = next;
    }
    expect(await rig.store.destroy(id)).toEqual({ status: 'removed', renewed: true });
    expect(await rig.statusesOf(last)).toEqual(['ended', 'ended']);
    // And leads nowhere any more.
    expect(await rig.store.load(id)).not.toHaveProperty('movedTo');
  });

  it('notes that the index was told of a session, and keeps that', async () => {
    const id = freshId();
    await rig.store.create(id, newSession({}, { ...rig.rest, indexed: true }));
    const { indexedAt, createdAt } = await rig.recordOf(id);
    // By what is known of the server's clock.
    expect(Math.abs((indexedAt ?? 0) - createdAt)).toBeLessThan(10_000);
    const next = freshId(id);
    await rig.store.renew(id, renewal(next, {}, rig.rest));
    await rig.store.save(next, change({ a: '1' }, rig.rest));
    expect((await rig.recordOf(next, rig.peer)).indexedAt).toBe(indexedAt);
    const plain = await rig.created();
    expect((await rig.recordOf(plain)).indexedAt).toBeUndefined();
    await rig.store.save(plain, change({}, { ...rig.rest, indexed: true }));
    expect((await rig.recordOf(plain)).indexedAt).toEqual(expect.any(Number));
  });

  it('can be looked at without its attributes, which is no use of it', async () => {
    const id = await rig.created({ a: '1' }, { principal: 'anna' });
    const before = await rig.recordOf(id);
    const seen = await rig.peer.load(id, { touch: false, only: [] });
    if (seen.status !== 'found') throw new Error(`Expected a session, the store says ${seen.status}.`);
    expect(seen.record).toMatchObject({ principal: 'anna', createdAt: before.createdAt });
    const ended = freshId();
    await rig.store.destroy(ended, { reserved: true });
    expect((await rig.peer.load(ended, { touch: false, only: [] })).status).toBe('ended');
    expect((await rig.peer.load(freshId(), { touch: false, only: [] })).status).toBe('absent');
  });

  it('lists the ids of what is stored', async () => {
    const ids = [await rig.created(), await rig.created(), await rig.created()];
    const listed = new Set<string>();
    for await (const id of rig.peer.ids()) listed.add(id);
    expect(ids.filter((id) => !listed.has(id))).toEqual([]);
  });
}
