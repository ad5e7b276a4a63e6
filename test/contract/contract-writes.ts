import { describe, expect, it } from '@jest/globals';
import type { SessionStore } from '../../lib/core/store.js';
import type { SessionId } from '../../lib/core/token.js';
import { change, decoded, freshId, newSession, renewal } from './builders.js';
import type { ContractFixture } from './contract-fixture.js';

const NAMES: [string, string][] = [
  ['an ordinary one', 'cart'],
  ['one that looks like a field of ours', '@id'],
  ['the escape itself', '@'],
  ['an escaped one', '@@id'],
  ['the empty one', ''],
  ['NUL', '\0'],
  ['a dot', 'a.b'],
  ['__proto__', '__proto__'],
  ['constructor', 'constructor'],
  ['beyond ASCII', 'ключ 🔑'],
  ['10 kB', 'n'.repeat(10_000)],
];

/** What a store promises of sessions that are alive: what is written, by whomever, is there. */
export function describeWrites(fixture: ContractFixture): void {
  describe('a new session', () => {
    it('is found as it was written, on every node', async () => {
      const id = freshId();
      const written = await fixture.store.create(
        id,
        newSession({ a: '1', b: '' }, { ...fixture.rest, absoluteTimeout: 3600, principal: 'anna' }),
      );
      if (written.status !== 'written')
        throw new Error(`Expected a write, the store says ${written.status}.`);
      const { now, absoluteDeadline } = written;
      expect(absoluteDeadline).toBe(now + 3_600_000);
      for (const node of [fixture.store, fixture.peer]) {
        const record = await fixture.recordOf(id, node);
        expect({ ...record, attributes: decoded(record.attributes), mark: undefined }).toEqual({
          attributes: { a: '1', b: '' },
          codec: 'json',
          createdAt: now,
          lastAccessedAt: expect.any(Number),
          maxInactiveInterval: 1800,
          absoluteDeadline,
          principal: 'anna',
          authenticatedAt: now,
          authenticated: fixture.rest.authenticated,
        });
      }
    });

    it('may be empty, and without principal and deadline', async () => {
      const record = await fixture.recordOf(await fixture.created({}));
      expect(record.attributes.size).toBe(0);
      expect([record.principal, record.authenticatedAt, record.absoluteDeadline]).toEqual(
        new Array(3).fill(undefined),
      );
    });

    it('is the same to who only looks, whether it is there, has ended or never was', async () => {
      const id = await fixture.created({ a: '1' }, { principal: 'anna' });
      const [ended, unknown] = [await fixture.created(), freshId()];
      await fixture.store.renew(ended, renewal(freshId(ended), {}, fixture.rest));
      for (const node of [fixture.store, fixture.peer]) {
        const look = await node.load(id, { touch: false });
        if (look.status !== 'found') throw new Error('not found');
        expect(look.record).toEqual({
          ...(await fixture.recordOf(id, node)),
          lastAccessedAt: expect.any(Number),
        });
        expect((await node.load(ended, { touch: false })).status).toBe('ended');
        expect((await node.load(unknown, { touch: false })).status).toBe('absent');
      }
    });

    it('tells how long its cookie lives, and when that was sent, through every kind of write', async () => {
      const cookieOf = async (of: SessionId): Promise<unknown[]> => {
        const { cookieMaxAge, cookieSentAt } = await fixture.recordOf(of, fixture.peer);
        return [cookieMaxAge, cookieSentAt === undefined ? undefined : cookieSentAt > 1];
      };
      const id = freshId();
      const cookie = { maxAge: 3600, sent: true };
      await fixture.store.create(id, newSession({ a: '1' }, { ...fixture.rest, cookie }));
      expect(await cookieOf(id)).toEqual([3600, true]);
      await fixture.store.save(id, change({ a: '2' }, fixture.rest));
      expect(await cookieOf(id)).toEqual([3600, true]);
      await fixture.store.save(id, change({}, { ...fixture.rest, cookie: { maxAge: 60, sent: false } }));
      expect(await cookieOf(id)).toEqual([60, false]);
      const next = freshId(id);
      const sent = { cookie: { maxAge: undefined, sent: true } };
      await fixture.store.renew(id, renewal(next, {}, { ...fixture.rest, ...sent }));
      expect(await cookieOf(next)).toEqual([undefined, true]);
      expect(await fixture.attributesOf(next)).toEqual({ a: '2' });
      expect(await cookieOf(await fixture.created())).toEqual([undefined, undefined]);
    });

    it('tells at each load when it was used before', async () => {
      const id = await fixture.created();
      const first = await fixture.store.load(id);
      const second = await fixture.store.load(id);
      if (first.status !== 'found' || second.status !== 'found') throw new Error('not found');
      // Noted in the background, so a moment after the load.
      // What a node takes for the time of a server is exact to some milliseconds: 2 were seen on a cluster.
      expect(second.record.lastAccessedAt).toBeGreaterThanOrEqual(first.now - 50);
      expect(second.record.lastAccessedAt).toBeLessThan(first.now + 2_000);
      expect(second.now).toBeGreaterThanOrEqual(first.now);
    });
  });

  describe('a touch', () => {
    it('is a use, of a session that every node sees', async () => {
      const id = await fixture.created({ a: '1' });
      const before = await fixture.recordOf(id);
      await fixture.peer.touch(id);
      const after = await fixture.recordOf(id);
      expect(after.lastAccessedAt).toBeGreaterThanOrEqual(before.lastAccessedAt);
      expect(decoded(after.attributes)).toEqual({ a: '1' });
    });

    it('of a session that is not there makes none', async () => {
      const [unknown, ended] = [freshId(), await fixture.created()];
      await fixture.store.destroy(ended);
      for (const id of [unknown, ended]) {
        await expect(fixture.store.touch(id)).resolves.toBeUndefined();
        expect(await fixture.lifeMs(id)).toBe(0);
      }
    });
  });

  describe.each(NAMES)('an attribute named %s', (_what, attribute) => {
    it('comes back as it went in, by every kind of write, and is gone when removed', async () => {
      const id = freshId();
      await fixture.store.create(id, {
        ...newSession({ other: 'x' }, fixture.rest),
        attributes: new Map([[attribute, Buffer.from('1')]]),
      });
      expect([...(await fixture.recordOf(id)).attributes]).toEqual([[attribute, Buffer.from('1')]]);
      await fixture.store.save(id, {
        set: new Map([[attribute, Buffer.from('2')]]),
        remove: [],
        ...fixture.rest,
      });
      expect([...(await fixture.recordOf(id)).attributes]).toEqual([[attribute, Buffer.from('2')]]);
      const swapped = await fixture.store.compareAndSet(
        id,
        attribute,
        Buffer.from('2'),
        Buffer.from('3'),
        fixture.rest.authenticated,
      );
      expect(swapped.status).toBe('written');
      expect([...(await fixture.recordOf(id)).attributes]).toEqual([[attribute, Buffer.from('3')]]);
      await fixture.store.save(id, { set: new Map(), remove: [attribute], ...fixture.rest });
      expect((await fixture.recordOf(id)).attributes.size).toBe(0);
    });
  });

  describe('a save', () => {
    it('changes what it names and nothing else', async () => {
      const id = await fixture.created({ keep: '1', drop: '2', alter: '3' });
      await fixture.store.save(
        id,
        change({ alter: '4', add: '5' }, { ...fixture.rest, remove: ['drop', 'never there'] }),
      );
      expect(await fixture.attributesOf(id)).toEqual({ keep: '1', alter: '4', add: '5' });
    });

    it('leaves a record that was handed out before as it was', async () => {
      const id = await fixture.created({ a: '1' });
      const before = await fixture.recordOf(id);
      await fixture.store.save(id, change({ a: '2' }, { ...fixture.rest, remove: [] }));
      expect(decoded(before.attributes)).toEqual({ a: '1' });
    });

    it('of one node and that of another both win on different attributes', async () => {
      const id = await fixture.created({});
      await Promise.all(
        Array.from({ length: 50 }, (_, i) =>
          (i % 2 ? fixture.store : fixture.peer).save(id, change({ [`a${i}`]: String(i) }, fixture.rest)),
        ),
      );
      const expected = Object.fromEntries(Array.from({ length: 50 }, (_, i) => [`a${i}`, String(i)]));
      expect(await fixture.attributesOf(id)).toEqual(expected);
    });

    it('sets and removes thousands of attributes at once', async () => {
      const id = await fixture.created({});
      const many = Object.fromEntries(Array.from({ length: 3000 }, (_, i) => [`a${i}`, `${i}`]));
      await fixture.store.save(id, change(many, fixture.rest));
      expect(await fixture.attributesOf(id)).toEqual(many);
      await fixture.store.save(id, change({ last: '1' }, { ...fixture.rest, remove: Object.keys(many) }));
      expect(await fixture.attributesOf(id)).toEqual({ last: '1' });
    });

    it('never makes a session less authenticated than it was', async () => {
      const id = await fixture.created({}, { authenticated: true });
      await fixture.store.save(id, change({ a: '1' }, { authenticated: false }));
      expect((await fixture.recordOf(id)).authenticated).toBe(true);
    });

    it('can make a session authenticated', async () => {
      const id = await fixture.created({}, { authenticated: false });
      await fixture.store.save(id, change({}, { authenticated: true }));
      expect((await fixture.recordOf(id)).authenticated).toBe(true);
    });
  });

  describe('compare-and-set', () => {
    const set = (
      id: SessionId,
      expected: string | undefined,
      next: string | undefined,
      from = fixture.store,
    ) =>
      from.compareAndSet(
        id,
        'n',
        expected === undefined ? undefined : Buffer.from(expected),
        next === undefined ? undefined : Buffer.from(next),
        fixture.rest.authenticated,
      );

    it.each<[string, Record<string, string>, string | undefined, string | undefined, Record<string, string>]>(
      [
        ['replaces what is expected', { n: '1' }, '1', '2', { n: '2' }],
        ['adds where nothing is expected', {}, undefined, '1', { n: '1' }],
        ['removes', { n: '1' }, '1', undefined, {}],
        ['knows empty bytes from nothing', { n: '' }, '', '1', { n: '1' }],
      ],
    )('%s', async (_what, before, expected, next, after) => {
      const id = await fixture.created({ ...before, other: 'x' });
      expect((await set(id, expected, next)).status).toBe('written');
      expect(await fixture.attributesOf(id)).toEqual({ ...after, other: 'x' });
    });

    it.each<[string, Record<string, string>, string | undefined]>([
      ['other bytes are there', { n: '2' }, '1'],
      ['something is there and nothing is expected', { n: '2' }, undefined],
      ['nothing is there and something is expected', {}, '1'],
      ['nothing is there and empty bytes are expected', {}, ''],
      ['empty bytes are there and nothing is expected', { n: '' }, undefined],
    ])('writes nothing and tells what is there when %s', async (_what, before, expected) => {
      const id = await fixture.created(before);
      const outcome = await set(id, expected, '3');
      if (outcome.status !== 'conflict') throw new Error(`Expected a conflict, got ${outcome.status}.`);
      const actual = outcome.actual === undefined ? undefined : Buffer.from(outcome.actual).toString();
      expect(actual).toBe(before['n']);
      expect(await fixture.attributesOf(id)).toEqual(before);
    });

    it('lets 20 contenders on two nodes count exactly', async () => {
      const id = await fixture.created({ n: '0' });
      const increment = async (from: SessionStore): Promise<void> => {
        for (let expected = '0'; ;) {
          const outcome = await set(id, expected, String(Number(expected) + 1), from);
          if (outcome.status === 'written') return;
          if (outcome.status !== 'conflict') throw new Error(outcome.status);
          expected = Buffer.from(outcome.actual ?? []).toString();
        }
      };
      await Promise.all(
        Array.from({ length: 20 }, (_, i) => increment(i % 2 ? fixture.store : fixture.peer)),
      );
      expect(await fixture.attributesOf(id)).toEqual({ n: '20' });
    });
  });
}
