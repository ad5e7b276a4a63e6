import { beforeAll, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import type { IndexAddition, IndexName, SessionIndex } from '../../lib/core/session-index.js';
import type { SessionId } from '../../lib/core/token.js';
import { freshId } from './builders.js';

/** An index as the contract needs it. */
export interface IndexUnderTest {
  readonly index: SessionIndex;
  /** The same as another node sees it; the same object for one of a single process. */
  readonly peer: SessionIndex;
  /** Time passes. */
  readonly pass: (milliseconds: number) => Promise<void>;
}

const LIFE: IndexAddition = { lifeMs: 60_000 };

/** Every promise of SessionIndex, for any of them. */
export function describeSessionIndex(name: string, start: () => Promise<IndexUnderTest>): void {
  describe(name, () => {
    let index: SessionIndex;
    let peer: SessionIndex;
    let pass: IndexUnderTest['pass'];
    beforeAll(async () => void ({ index, peer, pass } = await start()));

    const someone = (): string => `user ${randomUUID()}`;
    const listOf = (who: string, from = peer): IndexName => from.namesOf(who)[0] as IndexName;
    const idsOf = async (who: string): Promise<SessionId[]> =>
      (await peer.read(listOf(who))).entries.map(({ id }) => id);
    const added = async (who: string, more: Partial<IndexAddition> = {}): Promise<SessionId> => {
      const id = freshId();
      expect(await index.add(who, id, { ...LIFE, ...more })).toEqual({ status: 'added', beyond: [] });
      return id;
    };

    it('knows what was added, on every node, and of nobody else', async () => {
      const [anna, bert] = [someone(), someone()];
      const device = { address: '192.0.2.1', userAgent: 'Nice/1.0 (ключ; 🔑) "x"' };
      const id = await added(anna, { device });
      const other = await added(bert);
      const { now, entries } = await peer.read(listOf(anna));
      expect(entries).toEqual([
        expect.objectContaining({ id, addedAt: expect.any(Number), loginAt: expect.any(Number), device }),
      ]);
      expect(now - (entries[0]?.addedAt ?? 0)).toBeLessThan(30_000);
      expect(await idsOf(bert)).toEqual([other]);
      expect(await idsOf(someone())).toEqual([]);
    });

    it('calls users by names that two do not share', () => {
      const names = ['', 'a', 'b', 'a b', 'ä', '{a}', 'a'.repeat(10_000)].map((who) => listOf(who));
      expect(new Set(names).size).toBe(names.length);
      expect(listOf('a', index)).toBe(listOf('a', peer));
    });

    it('keeps the login and the device of the entry that an id change replaces', async () => {
      const who = someone();
      const device = { address: '192.0.2.1', userAgent: 'x' };
      const first = await added(who, { device });
      await pass(5);
      const second = freshId();
      await index.add(who, second, { ...LIFE, replaces: first, keepsLogin: true });
      const { entries } = await peer.read(listOf(who));
      const [before, after] = [first, second].map((id) => entries.find((entry) => entry.id === id));
      expect(after).toMatchObject({ loginAt: before?.loginAt, device, replaces: first });
      await pass(5);
      const third = freshId();
      await index.add(who, third, { ...LIFE, replaces: second });
      const login = (await peer.read(listOf(who))).entries.find(({ id }) => id === third);
      expect(login?.loginAt).toBeGreaterThan(after?.loginAt ?? Infinity);
      expect(login?.device).toBeUndefined();
    });

    it('removes what it is told, but nothing that is too young', async () => {
      const who = someone();
      const [a, b] = [await added(who), await added(who)];
      await peer.remove(listOf(who), [a, freshId()], 3_600_000);
      expect(new Set(await idsOf(who))).toEqual(new Set([a, b]));
      await peer.remove(listOf(who), [a, freshId()]);
      expect(await idsOf(who)).toEqual([b]);
    });

    it('forgets an entry whose life is over, one by one', async () => {
      const who = someone();
      const gone = await added(who, { lifeMs: 20 });
      const stays = await added(who);
      const kept = await added(who, { lifeMs: 20 });
      expect(await index.enter(who, kept, { lifeMs: 60_000, loginAt: 1 })).toBe('entered');
      await pass(60);
      expect(await idsOf(who)).not.toContain(gone);
      expect(new Set(await idsOf(who))).toEqual(new Set([stays, kept]));
    });

    it('enters a session that exists, with its login', async () => {
      const who = someone();
      const id = freshId();
      expect(await index.enter(who, id, { lifeMs: 60_000, loginAt: 12_345 })).toBe('entered');
      expect((await peer.read(listOf(who))).entries).toEqual([
        expect.objectContaining({ id, loginAt: 12_345 }),
      ]);
    });

    it('at an end reads all, and keeps them until they are removed', async () => {
      const who = someone();
      const ids = [await added(who), await added(who)];
      const { entries } = await peer.end(listOf(who));
      expect(new Set(entries.map(({ id }) => id))).toEqual(new Set(ids));
      expect(new Set(await idsOf(who))).toEqual(new Set(ids));
    });

    it('after an end enters nobody who logged in before it and was not named, and whoever did after it', async () => {
      const who = someone();
      const named = await added(who);
      const { now } = await index.end(listOf(who, index));
      const enter = (id: SessionId, loginAt: number): Promise<string> =>
        peer.enter(who, id, { lifeMs: 60_000, loginAt });
      expect(await enter(freshId(), now - 1)).toBe('ended');
      expect(await enter(freshId(), now)).toBe('ended');
      expect(await enter(freshId(), now + 1)).toBe('entered');
      expect(await enter(named, now - 1)).toBe('entered');
      // And whoever logs in after it is added as ever.
      await added(who);
    });

    it('knows which sessions stand: those that are named, and were added after the last end', async () => {
      const who = someone();
      const [name, first] = [listOf(who), await added(who)];
      expect(await peer.stands(name, first)).toBe(true);
      expect(await peer.stands(name, freshId())).toBe(false);
      const brief = await added(who, { lifeMs: 20 });
      await index.end(name);
      expect(await peer.stands(name, first)).toBe(false);
      await pass(30);
      expect(await peer.stands(name, brief)).toBe(false);
      const second = await added(who);
      expect(await peer.stands(name, second)).toBe(true);
      await peer.remove(name, [second]);
      expect(await peer.stands(name, second)).toBe(false);
    });

    it('reads some entries only', async () => {
      const who = someone();
      const device = { address: '192.0.2.1', userAgent: 'x' };
      const [a, b, gone] = [await added(who, { device }), await added(who), await added(who, { lifeMs: 20 })];
      await pass(30);
      const { entries } = await peer.read(listOf(who), [a, freshId(), gone]);
      expect(entries).toEqual([expect.objectContaining({ id: a, device })]);
      expect((await peer.read(listOf(who), [b, a])).entries.map(({ id }) => id)).toEqual([b, a]);
      expect((await peer.read(listOf(someone()), [a])).entries).toEqual([]);
    });

    it.each([[1], [3]])('of %i sessions lets nobody in beyond, and tells who is there', async (limit) => {
      const who = someone();
      const ids: SessionId[] = [];
      for (let n = 0; n < limit; n += 1) ids.push(await added(who, { limit }));
      const late = freshId();
      const full = await peer.add(who, late, { ...LIFE, limit });
      expect(full.status).toBe('full');
      const { entries } = full.status === 'full' ? full.reading : { entries: [] };
      expect(new Set(entries.map(({ id }) => id))).toEqual(new Set(ids));
      expect(await idsOf(who)).not.toContain(late);
    });

    it('of a limit names the oldest logins that are beyond it, however many', async () => {
      const who = someone();
      const ids: SessionId[] = [];
      for (let n = 0; n < 4; n += 1) {
        ids.push(await added(who));
        await pass(3);
      }
      // An id change keeps the place of its login.
      const renewed = freshId();
      await index.add(who, renewed, { ...LIFE, replaces: ids[1], keepsLogin: true });
      await pass(3);
      const outcome = await peer.add(who, freshId(), { ...LIFE, limit: 3, evict: true });
      expect(outcome).toEqual({ status: 'added', beyond: [ids[0], renewed, ids[1]] });
    });

    it('counts an entry and the one that it replaces as one, and a login over an own session not twice', async () => {
      const who = someone();
      const first = await added(who, { limit: 2 });
      const second = await added(who, { limit: 2, replaces: first });
      await added(who, { limit: 2 });
      expect((await peer.add(who, freshId(), { ...LIFE, limit: 2 })).status).toBe('full');
      await added(who, { limit: 2, replaces: second });
    });

    it('of 50 that come at once lets in as many as may', async () => {
      const who = someone();
      const nodes = [index, peer];
      const outcomes = await Promise.all(
        Array.from({ length: 50 }, (_, n) =>
          (nodes[n % 2] as SessionIndex).add(who, freshId(), { ...LIFE, limit: 3 }),
        ),
      );
      expect(outcomes.filter(({ status }) => status === 'added')).toHaveLength(3);
    });

    it('keeps its size where sessions come and go', async () => {
      const who = someone();
      for (let n = 0; n < 200; n += 1) {
        await index.add(who, freshId(), { lifeMs: 1 });
        if (n % 20 === 0) await pass(2);
      }
      await pass(2);
      await added(who);
      expect(await idsOf(who)).toHaveLength(1);
    });

    it('holds thousands of one user', async () => {
      const who = someone();
      const ids = Array.from({ length: 3000 }, () => freshId());
      // Not all at once: how many it holds is not how much a busy cluster takes at a time.
      for (let at = 0; at < ids.length; at += 250)
        await Promise.all(ids.slice(at, at + 250).map((id) => index.add(who, id, LIFE)));
      expect(new Set(await idsOf(who))).toEqual(new Set(ids));
      await peer.remove(listOf(who), ids);
      expect(await idsOf(who)).toEqual([]);
    });

    it('names every list', async () => {
      const people = [someone(), someone(), someone()];
      for (const who of people) await added(who);
      const names = new Set<string>();
      for await (const each of peer.names()) names.add(each);
      expect(people.filter((who) => !names.has(listOf(who)))).toEqual([]);
    });
  });
}
