import { describe, expect, it } from '@jest/globals';
import { SessionLimitError } from '../../lib/core/errors.js';
import type { SessionStore, WriteOutcome } from '../../lib/core/store.js';
import { change, freshId, renewal } from './builders.js';
import { LIMITS, type ContractFixture } from './contract-fixture.js';

const { maxSessionBytes, maxAttributes } = LIMITS;
const text = (length: number): string => 'x'.repeat(length);

/** What a store promises of the size of one session: nobody makes it larger than allowed, whoever writes beside. */
export function describeLimits(fixture: ContractFixture): void {
  /** Which of the writes were done; the others must have been refused for the limit. */
  const done = async (writes: readonly Promise<WriteOutcome>[]): Promise<boolean[]> => {
    const outcomes = await Promise.allSettled(writes);
    return outcomes.map((outcome) => {
      if (outcome.status === 'rejected') {
        expect(outcome.reason).toBeInstanceOf(SessionLimitError);
        return false;
      }
      expect(outcome.value.status).toBe('written');
      return true;
    });
  };
  const nodeOf = (index: number): SessionStore => (index % 2 === 0 ? fixture.store : fixture.peer);
  const refusal = async (write: () => Promise<unknown>, message: string): Promise<void> => {
    const error: unknown = await write().catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(SessionLimitError);
    expect((error as Error).message).toContain(message);
  };

  describe('a limit', () => {
    it('of bytes is kept by saves at the same time on all nodes', async () => {
      const id = await fixture.created({});
      const each = Math.floor(maxSessionBytes / 4);
      const written = await done(
        Array.from({ length: 12 }, (_, i) =>
          nodeOf(i).save(id, change({ [`a${i}`]: text(each) }, fixture.rest)),
        ),
      );
      // With their names four are too much.
      expect(written.filter(Boolean)).toHaveLength(3);
      const names = written.flatMap((was, i) => (was ? [`a${i}`] : []));
      expect(Object.keys(await fixture.attributesOf(id)).sort()).toEqual(names.sort());
    });

    it('of attributes is kept by saves at the same time on all nodes', async () => {
      const many = Object.fromEntries(Array.from({ length: maxAttributes - 10 }, (_, i) => [`a${i}`, '']));
      const id = await fixture.created(many);
      await fixture.recordOf(id, fixture.peer);
      const written = await done(
        Array.from({ length: 30 }, (_, i) => nodeOf(i).save(id, change({ [`b${i}`]: '1' }, fixture.rest))),
      );
      expect(written.filter(Boolean)).toHaveLength(10);
      expect((await fixture.recordOf(id)).attributes.size).toBe(maxAttributes);
      await refusal(
        () => fixture.store.save(id, change({ more: '1' }, fixture.rest)),
        `${maxAttributes + 1} attributes`,
      );
    });

    it('is met exactly, and told in bytes of the session', async () => {
      const id = await fixture.created({ a: text(1000) });
      await fixture.store.save(id, change({ b: text(maxSessionBytes - 1002) }, fixture.rest));
      await fixture.store.save(id, change({ a: text(1000) }, fixture.rest));
      await refusal(
        () => fixture.store.save(id, change({ a: text(1001) }, fixture.rest)),
        `${maxSessionBytes + 1} bytes; ${maxSessionBytes} are allowed`,
      );
      expect((await fixture.attributesOf(id))['a']).toBe(text(1000));
    });

    it('counts what is replaced and removed once', async () => {
      const half = Math.floor(maxSessionBytes / 2);
      const id = await fixture.created({});
      for (let i = 0; i < 10; i += 1)
        await fixture.store.save(id, change({ a: text(half + i) }, fixture.rest));
      for (let i = 0; i < 10; i += 1) {
        const remove = [i % 2 === 0 ? 'a' : 'b'];
        await fixture.store.save(
          id,
          change({ [i % 2 === 0 ? 'b' : 'a']: text(half + i) }, { ...fixture.rest, remove }),
        );
      }
      expect(Object.keys(await fixture.attributesOf(id))).toEqual(['a']);
    });

    it('is kept by compare-and-set and renewals, which then write nothing', async () => {
      const id = await fixture.created({ n: '1' });
      const most = maxSessionBytes - 10;
      await fixture.store.save(id, change({ big: text(most - 10) }, fixture.rest));
      const { authenticated } = fixture.rest;
      const bytes = Buffer.from(text(100));
      await refusal(
        () => fixture.store.compareAndSet(id, 'n', Buffer.from('1'), bytes, authenticated),
        'bytes',
      );
      await refusal(() => fixture.store.compareAndSet(id, 'm', undefined, bytes, authenticated), 'bytes');
      const newId = freshId(id);
      await refusal(() => fixture.store.renew(id, renewal(newId, { m: text(100) }, fixture.rest)), 'bytes');
      expect((await fixture.store.load(newId)).status).toBe('absent');
      expect(Object.keys(await fixture.attributesOf(id)).sort()).toEqual(['big', 'n']);
      expect(
        (await fixture.store.compareAndSet(id, 'n', Buffer.from('1'), Buffer.from('2'), authenticated))
          .status,
      ).toBe('written');
      await fixture.store.renew(id, renewal(newId, { n: '3' }, fixture.rest));
      expect((await fixture.attributesOf(newId))['n']).toBe('3');
      await refusal(() => fixture.store.save(newId, change({ m: text(100) }, fixture.rest)), 'bytes');
    });

    it('stands in no way of what adds nothing to a session that is too large, or makes it smaller', async () => {
      const id = await fixture.created({ big: text(maxSessionBytes), n: '1' });
      const { authenticated } = fixture.rest;
      expect((await fixture.store.save(id, change({}, fixture.rest))).status).toBe('written');
      const n = Buffer.from('1');
      expect((await fixture.store.compareAndSet(id, 'n', n, undefined, authenticated)).status).toBe(
        'written',
      );
      const newId = freshId(id);
      expect((await fixture.store.renew(id, renewal(newId, {}, fixture.rest))).status).toBe('written');
      const smaller = change({ big: text(maxSessionBytes - 2) }, fixture.rest);
      expect((await fixture.store.save(newId, smaller)).status).toBe('written');
      const without = change({ small: '1' }, { ...fixture.rest, remove: ['big'] });
      expect((await fixture.store.save(newId, without)).status).toBe('written');
      expect(await fixture.attributesOf(newId)).toEqual({ small: '1' });
    });

    it('is kept over many small writes', async () => {
      const id = await fixture.created({});
      for (let round = 0; round < 60; round += 1) {
        await fixture.store.save(id, change({ [`a${round % 3}`]: text(5_000 + round) }, fixture.rest));
      }
      const size = Object.values(await fixture.attributesOf(id)).join('').length;
      await fixture.store.save(id, change({ b: text(maxSessionBytes - size - 7) }, fixture.rest));
      await refusal(
        () => fixture.store.save(id, change({ c: '' }, fixture.rest)),
        `${maxSessionBytes + 1} bytes`,
      );
    });
  });
}
