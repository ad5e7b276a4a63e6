import { describe, expect, it } from '@jest/globals';
import type { SessionStore } from '../../lib/core/store.js';
import type { SessionId } from '../../lib/core/token.js';
import { change, decoded, freshId, newSession, renewal } from './builders.js';
import type { ContractRig } from './contract-rig.js';

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
export function describeWrites(rig: ContractRig): void {
  describe('a new session', () => {
    it('is found as it was written, on every node', async () => {
      const id = freshId();
      const written = await rig.store.create(
        id,
        newSession({ a: '1', b: '' }, { ...rig.rest, absoluteTimeout: 3600, principal: 'anna' }),
      );
      if (written.status !== 'written')
        throw new Error(`Expected a write, the store says ${written.status}.`);
      const { now, absoluteDeadline } = written;
      expect(absoluteDeadline).toBe(now + 3_600_000);
      for (const node of [rig.store, rig.peer]) {
        const record = await rig.recordOf(id, node);
        expect({ ...record, attributes: decoded(record.attributes), mark: undefined }).toEqual({
          attributes: { a: '1', b: '' },
          codec: 'json',
          createdAt: now,
          lastAccessedAt: expect.any(Number),
          maxInactiveInterval: 1800,
          absoluteDeadline,
          principal: 'anna',
          authenticatedAt: now,
          authenticated: rig.rest.authenticated,
        });
      }
    });

    it('may be empty, and without principal and deadline', async () => {
      const record = await rig.recordOf(await rig.created({}));
      expect(record.attributes.size).toBe(0);
      expect([record.principal, record.authenticatedAt, record.absoluteDeadline]).toEqual(
        new Array(3).fill(undefined),
      );
    });

    it('is the same to who only looks, whether it is there, has ended or never was', async () => {
      const id = await rig.created({ a: '1' }, { principal: 'anna' });
      const [ended, unknown] = [await rig.created(), freshId()];
      await rig.store.renew(ended, renewal(freshId(ended), {}, rig.rest));
      for (const node of [rig.store, rig.peer]) {
        const look = await node.load(id, { touch: false });
        if (look.status !== 'found') throw new Error('not found');
        expect(look.record).toEqual({
          ...(await rig.recordOf(id, node)),
          lastAccessedAt: expect.any(Number),
        });
        expect((await node.load(ended, { touch: false })).status).toBe('ended');
        expect((await node.load(unknown, { touch: false })).status).toBe('absent');
      }
    });

    it('tells how long its cookie lives, and when that was sent, through every kind of write', async () => {
      const cookieOf = async (of: SessionId): Promise<unknown[]> => {
        const { cookieMaxAge, cookieSentAt } = await rig.recordOf(of, rig.peer);
        return [cookieMaxAge, cookieSentAt === undefined ? undefined : cookieSentAt > 1];
      };
      const id = freshId();
      const cookie = { maxAge: 3600, sent: true };
      await rig.store.create(id, newSession({ a: '1' }, { ...rig.rest, cookie }));
      expect(await cookieOf(id)).toEqual([3600, true]);
      await rig.store.save(id, change({ a: '2' }, rig.rest));
      expect(await cookieOf(id)).toEqual([3600, true]);
      await rig.store.save(id, change({}, { ...rig.rest, cookie: { maxAge: 60, sent: false } }));
      expect(await cookieOf(id)).toEqual([60, false]);
      const next = freshId(id);
      const sent = { cookie: { maxAge: undefined, sent: true } };
      await rig.store.renew(id, renewal(next, {}, { ...rig.rest, ...sent }));
      expect(await cookieOf(next)).toEqual([undefined, true]);
      expect(await rig.attributesOf(next)).toEqual({ a: '2' });
      expect(await cookieOf(await rig.created())).toEqual([undefined, undefined]);
    });

    it('tells at each load when it was used before', async () => {
      const id = await rig.created();
      const first = await rig.store.load(id);
      const second = await rig.store.load(id);
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
      const id = await rig.created({ a: '1' });
      const before = await rig.recordOf(id);
      await rig.peer.touch(id);
      const after = await rig.recordOf(id);
      expect(after.lastAccessedAt).toBeGreaterThanOrEqual(before.lastAccessedAt);
      expect(decoded(after.attributes)).toEqual({ a: '1' });
    });

    it('of a session that is not there makes none', async () => {
      const [unknown, ended] = [freshId(), await rig.created()];
      await rig.store.destroy(ended);
      for (const id of [unknown, ended]) {
        await expect(rig.store.touch(id)).resolves.toBeUndefined();
        expect(await rig.lifeMs(id)).toBe(0);
      }
    });
  });

  describe.each(NAMES)('an attribute named %s', (_what, attribute) => {
    it('comes back as it went in, by every kind of write, and is gone when removed', async () => {
      const id = freshId();
      await rig.store.create(id, {
        ...newSession({ other: 'x' }, rig.rest),
        attributes: new Map([[attribute, Buffer.from('1')]]),
      });
      expect([...(await rig.recordOf(id)).attributes]).toEqual([[attribute, Buffer.from('1')]]);
      await rig.store.save(id, { set: new Map([[attribute, Buffer.from('2')]]), remove: [], ...rig.rest });
      expect([...(await rig.recordOf(id)).attributes]).toEqual([[attribute, Buffer.from('2')]]);
      const swapped = await rig.store.compareAndSet(
        id,
        attribute,
        Buffer.from('2'),
        Buffer.from('3'),
        rig.rest.authenticated,
      );
      expect(swapped.status).toBe('written');
      expect([...(await rig.recordOf(id)).attributes]).toEqual([[attribute, Buffer.from('3')]]);
      await rig.store.save(id, { set: new Map(), remove: [attribute], ...rig.rest });
      expect((await rig.recordOf(id)).attributes.size).toBe(0);
    });
  });

  describe('a save', () => {
    it('changes what it names and nothing else', async () => {
      const id = await rig.created({ keep: '1', drop: '2', alter: '3' });
      await rig.store.save(
        id,
        change({ alter: '4', add: '5' }, { ...rig.rest, remove: ['drop', 'never there'] }),
      );
      expect(await rig.attributesOf(id)).toEqual({ keep: '1', alter: '4', add: '5' });
    });

    it('leaves a record that was handed out before as it was', async () => {
      const id = await rig.created({ a: '1' });
      const before = await rig.recordOf(id);
      await rig.store.save(id, change({ a: '2' }, { ...rig.rest, remove: [] }));
      expect(decoded(before.attributes)).toEqual({ a: '1' });
    });

    it('of one node and that of another both win on different attributes', async () => {
      const id = await rig.created({});
      await Promise.all(
        Array.from({ length: 50 }, (_, i) =>
          (i % 2 ? rig.store : rig.peer).save(id, change({ [`a${i}`]: String(i) }, rig.rest)),
        ),
      );
      const expected = Object.fromEntries(Array.from({ length: 50 }, (_, i) => [`a${i}`, String(i)]));
      expect(await rig.attributesOf(id)).toEqual(expected);
    });

    it('sets and removes thousands of attributes at once', async () => {
      const id = await rig.created({});
      const many = Object.fromEntries(Array.from({ length: 3000 }, (_, i) => [`a${i}`, `${i}`]));
      await rig.store.save(id, change(many, rig.rest));
      expect(await rig.attributesOf(id)).toEqual(many);
      await rig.store.save(id, change({ last: '1' }, { ...rig.rest, remove: Object.keys(many) }));
      expect(await rig.attributesOf(id)).toEqual({ last: '1' });
    });

    it('never makes a session less authenticated than it was', async () => {
      const id = await rig.created({}, { authenticated: true });
      await rig.store.save(id, change({ a: '1' }, { authenticated: false }));
      expect((await rig.recordOf(id)).authenticated).toBe(true);
    });

    it('can make a session authenticated', async () => {
      const id = await rig.created({}, { authenticated: false });
      await rig.store.save(id, change({}, { authenticated: true }));
      expect((await rig.recordOf(id)).authenticated).toBe(true);
    });
  });

  describe('compare-and-set', () => {
    const set = (id: SessionId, expected: string | undefined, next: string | undefined, from = rig.store) =>
      from.compareAndSet(
        id,
        'n',
        expected === undefined ? undefined : Buffer.from(expected),
        next === undefined ? undefined : Buffer.from(next),
        rig.rest.authenticated,
      );

    it.each<[string, Record<string, string>, string | undefined, string | undefined, Record<string, string>]>(
      [
        ['replaces what is expected', { n: '1' }, '1', '2', { n: '2' }],
        ['adds where nothing is expected', {}, undefined, '1', { n: '1' }],
        ['removes', { n: '1' }, '1', undefined, {}],
        ['knows empty bytes from nothing', { n: '' }, '', '1', { n: '1' }],
      ],
    )('%s', async (_what, before, expected, next, after) => {
      const id = await rig.created({ ...before, other: 'x' });
      expect((await set(id, expected, next)).status).toBe('written');
      expect(await rig.attributesOf(id)).toEqual({ ...after, other: 'x' });
    });

    it.each<[string, Record<string, string>, string | undefined]>([
      ['other bytes are there', { n: '2' }, '1'],
      ['something is there and nothing is expected', { n: '2' }, undefined],
      ['nothing is there and something is expected', {}, '1'],
      ['nothing is there and empty bytes are expected', {}, ''],
      ['empty bytes are there and nothing is expected', { n: '' }, undefined],
    ])('writes nothing and tells what is there when %s', async (_what, before, expected) => {
      const id = await rig.created(before);
      const outcome = await set(id, expected, '3');
      if (outcome.status !== 'conflict') throw new Error(`Expected a conflict, got ${outcome.status}.`);
      const actual = outcome.actual === undefined ? undefined : Buffer.from(outcome.actual).toString();
      expect(actual).toBe(before['n']);
      expect(await rig.attributesOf(id)).toEqual(before);
    });

    it('lets 20 contenders on two nodes count exactly', async () => {
      const id = await rig.created({ n: '0' });
      const increment = async (from: SessionStore): Promise<void> => {
        for (let expected = '0'; ;) {
          const outcome = await set(id, expected, String(Number(expected) + 1), from);
          if (outcome.status === 'written') return;
          if (outcome.status !== 'conflict') throw new Error(outcome.status);
          expected = Buffer.from(outcome.actual ?? []).toString();
        }
      };
      await Promise.all(Array.from({ length: 20 }, (_, i) => increment(i % 2 ? rig.store : rig.peer)));
      expect(await rig.attributesOf(id)).toEqual({ n: '20' });
    });
  });
}
