import { beforeAll, describe, expect, it } from '@jest/globals';
import { SessionLimitError } from '../../lib/core/errors.js';
import type { RedisClient } from '../../lib/redis/client.js';
import type { RedisStore } from '../../lib/stores/redis/redis-store.js';
import { LIMITS } from '../contract/contract-fixture.js';
import { change, freshId, newSession, renewal } from '../contract/builders.js';
import { connect, keyOf, redisStore } from '../contract/redis-helpers.js';
import { startRedis } from '../support/redis-server.js';

let admin: RedisClient;
let store: RedisStore;
beforeAll(async () => {
  const { port } = await startRedis();
  [admin, store] = await Promise.all([connect(port), redisStore(port)]);
});

/** What lets two releases that differ serve the same sessions during a roll-out: see FORMAT_VERSION. */
describe('an own field that a later release has added to a record', () => {
  it('is no attribute, and stays through saves, updates and renewals by this one', async () => {
    const id = freshId();
    const next = freshId(id);
    await store.create(id, newSession({ cart: 'tea' }));
    await admin.hset(keyOf(id), '@later', 'of a later release');

    const found = await store.load(id);
    expect(found.status === 'found' && [...found.record.attributes.keys()]).toEqual(['cart']);
    expect((await store.save(id, change({ cart: 'cake' }))).status).toBe('written');
    const cake = Buffer.from('cake');
    expect((await store.compareAndSet(id, 'cart', cake, cake, true)).status).toBe('written');
    expect((await store.renew(id, renewal(next))).status).toBe('written');
    expect(await admin.hget(keyOf(next), '@later')).toBe('of a later release');
  });
});

describe('a record of 0.1', () => {
  it('says nothing of its cookie, and is read, changed and renewed', async () => {
    const id = freshId();
    const name = id.slice(-24);
    await admin.hset(keyOf(id), {
      '@v': `1 ${name} 1800 0 0 1 0`,
      '@used': '1700000000000',
      '@info': '1700000000000 1700000000000 json ann',
      cart: 'tea',
    });
    await admin.pexpire(keyOf(id), 1_800_000);
    const found = await store.load(id);
    expect(found).toMatchObject({ status: 'found', record: { principal: 'ann', cookieSentAt: undefined } });
    const cookie = { maxAge: 60, sent: true };
    expect((await store.save(id, change({ cart: 'cake' }, { cookie }))).status).toBe('written');
    expect((await store.renew(id, renewal(freshId(id)))).status).toBe('written');
  });

  it('may be damaged in what a later release says of its cookie, which is then as the settings say', async () => {
    const id = freshId();
    await store.create(id, newSession({ cart: 'tea' }));
    await admin.hset(keyOf(id), '@cookie', 'x');
    const found = await store.load(id);
    expect(found).toMatchObject({ status: 'found', record: { cookieMaxAge: undefined } });
  });
});

describe('the size that a record notes of itself', () => {
  const big = 'x'.repeat(LIMITS.maxSessionBytes - 100);
  const more = change({ more: 'x'.repeat(200), and: '' });

  it.each<[string, string | undefined]>([
    ['is missing, as in records of 0.1', undefined],
    ['is damaged', 'much'],
    ['is too large, since attributes were removed', String(2 ** 45)],
  ])('is made anew from the record where it %s', async (_what, size) => {
    const id = freshId();
    await store.create(id, newSession({ cart: 'tea' }));
    if (size !== undefined) await admin.hset(keyOf(id), '@size', size);
    expect((await store.save(id, change({ a: '1', b: '2' }))).status).toBe('written');
    expect(await admin.hget(keyOf(id), '@size')).toBe(String(3 * 2 ** 30 + 'cart+tea+a1b2'.length - 2));
    expect((await store.save(id, change({ big, b: '' }))).status).toBe('written');
    await expect(store.save(id, more)).rejects.toThrow(SessionLimitError);
  });

  it('goes with a renewal, and leaves the record with nobody the wiser of it', async () => {
    const id = freshId();
    const next = freshId(id);
    await store.create(id, newSession({}));
    await store.renew(id, renewal(next, { a: '1', b: '2' }));
    expect(await admin.hget(keyOf(next), '@size')).toBe(String(2 * 2 ** 30 + 4));
    const found = await store.load(next);
    expect(found.status === 'found' && [...found.record.attributes.keys()]).toEqual(['a', 'b']);
  });
});

describe('a record of a later version', () => {
  it('is neither read, changed nor removed but by its end', async () => {
    const id = freshId();
    await store.create(id, newSession({ cart: 'tea' }));
    const head = String(await admin.hget(keyOf(id), '@v'));
    await admin.hset(
      keyOf(id),
      '@v',
      head.replace(/^\d+/, (version) => String(Number(version) + 1)),
    );
    const before = await admin.hgetall(keyOf(id));

    await expect(store.load(id)).rejects.toThrow(/format 2/);
    await expect(store.save(id, change({ cart: 'cake' }))).rejects.toThrow(/another format/);
    await expect(store.renew(id, renewal(freshId(id)))).rejects.toThrow(/another format/);
    expect(await admin.hgetall(keyOf(id))).toEqual(before);
    await store.destroy(id);
    expect(await admin.hkeys(keyOf(id))).toEqual(['@ended']);
  });
});
