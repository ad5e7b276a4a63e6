import { describe, expect, it } from '@jest/globals';
import { change, freshId, newSession, renewal } from './builders.js';
import type { ContractFixture } from './contract-fixture.js';

const LOGIN = { principal: 'bert', absoluteTimeout: 0 };

/** What a store promises of ids that are ended before they are written, of lists of ids, and of looks at sessions. */
export function describeReservations(fixture: ContractFixture): void {
  describe('an id that is ended before it is written', () => {
    it('is never created, whoever tries', async () => {
      const id = freshId();
      await fixture.store.destroy(id, { reserved: true });
      for (const node of [fixture.store, fixture.peer]) {
        const session = newSession({}, { ...fixture.rest, principal: 'anna' });
        expect(await node.create(id, session)).toMatchObject({ status: 'ended', newIdEnded: true });
      }
      expect(await fixture.statusesOf(id)).toEqual(['ended', 'ended']);
    });

    it.each([
      ['an id change', {}],
      ['a login', { login: LOGIN, authenticated: true }],
    ])('is never renewed to by %s, and the session stays as it is', async (_what, how) => {
      const id = await fixture.created({ a: '1' });
      const next = freshId(id);
      await fixture.peer.destroy(next, { reserved: true });
      const outcome = await fixture.store.renew(id, renewal(next, { b: '2' }, { ...fixture.rest, ...how }));
      expect(outcome).toMatchObject({ status: 'ended', newIdEnded: true });
      expect(await fixture.attributesOf(id, fixture.peer)).toEqual({ a: '1' });
    });
  });

  describe('an end that follows no logins', () => {
    it('leaves the session of a login alone, and goes after an id change', async () => {
      const id = await fixture.created();
      const [moved, loggedIn] = [freshId(id), freshId(id)];
      await fixture.store.renew(id, renewal(moved, {}, fixture.rest));
      await fixture.store.renew(moved, renewal(loggedIn, {}, { authenticated: true, login: LOGIN }));
      expect(await fixture.store.destroy(id, { followLogins: false })).toMatchObject({ status: 'ended' });
      expect((await fixture.peer.load(loggedIn)).status).toBe('found');

      const [other, renewed] = [await fixture.created(), freshId()];
      const next = freshId(other);
      await fixture.peer.renew(other, renewal(next, {}, fixture.rest));
      expect(renewed).not.toBe(next);
      expect(await fixture.store.destroy(other, { followLogins: false })).toMatchObject({
        status: 'removed',
      });
      expect(await fixture.statusesOf(next)).toEqual(['ended', 'ended']);
    });
  });

  it('an end goes through a chain of id changes and logins, however long', async () => {
    const id = await fixture.created();
    let last = id;
    for (let n = 0; n < 5; n += 1) {
      const next = freshId(id);
      const how = n === 2 ? { authenticated: true, login: LOGIN } : fixture.rest;
      await fixture.peer.renew(last, renewal(next, {}, how));
      last = next;
    }
    expect(await fixture.store.destroy(id)).toEqual({ status: 'removed', renewed: true });
    expect(await fixture.statusesOf(last)).toEqual(['ended', 'ended']);
    // And leads nowhere any more.
    expect(await fixture.store.load(id)).not.toHaveProperty('movedTo');
  });

  it('notes that the index was told of a session, and keeps that', async () => {
    const id = freshId();
    await fixture.store.create(id, newSession({}, { ...fixture.rest, indexed: true }));
    const { indexedAt, createdAt } = await fixture.recordOf(id);
    // By what is known of the server's clock.
    expect(Math.abs((indexedAt ?? 0) - createdAt)).toBeLessThan(10_000);
    const next = freshId(id);
    await fixture.store.renew(id, renewal(next, {}, fixture.rest));
    await fixture.store.save(next, change({ a: '1' }, fixture.rest));
    expect((await fixture.recordOf(next, fixture.peer)).indexedAt).toBe(indexedAt);
    const plain = await fixture.created();
    expect((await fixture.recordOf(plain)).indexedAt).toBeUndefined();
    await fixture.store.save(plain, change({}, { ...fixture.rest, indexed: true }));
    expect((await fixture.recordOf(plain)).indexedAt).toEqual(expect.any(Number));
  });

  it('can be looked at without its attributes, which is no use of it', async () => {
    const id = await fixture.created({ a: '1' }, { principal: 'anna' });
    const before = await fixture.recordOf(id);
    const seen = await fixture.peer.load(id, { touch: false, only: [] });
    if (seen.status !== 'found') throw new Error(`Expected a session, the store says ${seen.status}.`);
    expect(seen.record).toMatchObject({ principal: 'anna', createdAt: before.createdAt });
    const ended = freshId();
    await fixture.store.destroy(ended, { reserved: true });
    expect((await fixture.peer.load(ended, { touch: false, only: [] })).status).toBe('ended');
    expect((await fixture.peer.load(freshId(), { touch: false, only: [] })).status).toBe('absent');
  });

  it('lists the ids of what is stored', async () => {
    const ids = [await fixture.created(), await fixture.created(), await fixture.created()];
    const listed = new Set<string>();
    for await (const id of fixture.peer.ids()) listed.add(id);
    expect(ids.filter((id) => !listed.has(id))).toEqual([]);
  });
}
