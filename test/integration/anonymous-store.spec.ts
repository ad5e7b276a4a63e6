import { beforeAll, describe, expect, it } from '@jest/globals';
import type { RedisClient } from '../../lib/stores/redis-client.js';
import { change, decoded, freshId, newSession, renewal } from '../contract/builders.js';
import { anonymousNode, connect, keyOf, redisLifeMs } from '../contract/redis-rig.js';
import { startRedis, type RedisProcess } from '../support/redis-server.js';
import type { SessionStore } from '../../lib/core/store.js';
import type { SessionId } from '../../lib/core/token.js';

const ANONYMOUS = { authenticated: false } as const;

let redis: RedisProcess;
let client: RedisClient;
beforeAll(async () => {
  redis = await startRedis();
  client = await connect(redis.port);
});

const nodes = async () => {
  const [a, b] = await Promise.all([anonymousNode(redis.port), anonymousNode(redis.port)]);
  return { a: a.store, b: b.store };
};
const attributesOf = async (id: SessionId, from: SessionStore): Promise<unknown> => {
  const outcome = await from.load(id);
  return outcome.status === 'found' ? decoded(outcome.record.attributes) : outcome.status;
};
/** As time does, without waiting for it. */
const letCopyExpire = (id: SessionId): Promise<number> => client.del(keyOf(id));

describe('a session that is not authenticated', () => {
  it('has a copy in Redis for a short while, for other nodes', async () => {
    const { a, b } = await nodes();
    const id = freshId();
    await a.create(id, newSession({ a: '1' }, ANONYMOUS));
    expect(await redisLifeMs(client, id)).toBeGreaterThan(13_000);
    expect(await redisLifeMs(client, id)).toBeLessThanOrEqual(15_000);
    expect(await attributesOf(id, b)).toEqual({ a: '1' });
  });

  it('is served from memory by the node that knows it when the copy has expired', async () => {
    const { a, b } = await nodes();
    const id = freshId();
    await a.create(id, newSession({ a: '1' }, ANONYMOUS));
    await a.save(id, change({ b: '2' }, ANONYMOUS));
    await a.compareAndSet(id, 'n', undefined, Buffer.from('3'), false);
    await letCopyExpire(id);
    expect(await attributesOf(id, a)).toEqual({ a: '1', b: '2', n: '3' });
    expect(await attributesOf(id, b)).toBe('absent');
  });

  it('has the same times in memory as in Redis, wherever the clock of the node stands', async () => {
    const HOUR_MS = 3_600_000;
    const id = freshId();
    const { store } = await anonymousNode(redis.port, { now: () => Date.now() + HOUR_MS });
    await store.create(id, newSession({}, { ...ANONYMOUS, absoluteTimeout: 600 }));
    const shared = await store.load(id);
    await letCopyExpire(id);
    const local = await store.load(id);
    if (shared.status !== 'found' || local.status !== 'found') throw new Error('not found');
    expect(local.record).toMatchObject({
      createdAt: shared.record.createdAt,
      absoluteDeadline: shared.record.absoluteDeadline,
    });
    expect(Math.abs(local.now - shared.now)).toBeLessThan(1_000);
  });

  it.each<[string, (node: SessionStore, id: SessionId) => Promise<unknown>]>([
    ['a save', (node, id) => node.save(id, change({ b: '2' }, ANONYMOUS))],
    ['compare-and-set', (node, id) => node.compareAndSet(id, 'b', undefined, Buffer.from('2'), false)],
  ])('is shared again whole by %s', async (_what, write) => {
    const { a, b } = await nodes();
    const id = freshId();
    await a.create(id, newSession({ a: '1' }, ANONYMOUS));
    await letCopyExpire(id);
    await write(a, id);
    expect(await attributesOf(id, b)).toEqual({ a: '1', b: '2' });
  });

  it('moves to Redis whole by a login, though its copy has expired', async () => {
    const { a, b } = await nodes();
    const id = freshId();
    const next = freshId(id);
    await a.create(id, newSession({ a: '1' }, ANONYMOUS));
    await letCopyExpire(id);
    const login = { principal: 'anna', absoluteTimeout: 0 };
    await a.renew(id, renewal(next, { b: '2' }, { authenticated: true, login }));
    expect(await attributesOf(next, b)).toEqual({ a: '1', b: '2' });
    expect(await redisLifeMs(client, next)).toBeGreaterThan(1_790_000);
    await client.del(keyOf(next));
    expect(await attributesOf(next, a)).toBe('absent');
  });
});

describe('a copy in memory', () => {
  it('never overwrites the shared one', async () => {
    const { a, b } = await nodes();
    const id = freshId();
    await a.create(id, newSession({ a: 'old' }, ANONYMOUS));
    await b.save(id, change({ a: 'new' }, ANONYMOUS));
    await a.save(id, change({ b: '2' }, ANONYMOUS));
    expect(await attributesOf(id, a)).toEqual({ a: 'new', b: '2' });
    expect(await attributesOf(id, b)).toEqual({ a: 'new', b: '2' });
  });

  it.each<[string, (node: SessionStore, id: SessionId) => Promise<unknown>]>([
    ['a logout', (node, id) => node.destroy(id)],
    [
      'a login',
      (node, id) =>
        node.renew(
          id,
          renewal(freshId(id), {}, { authenticated: true, login: { principal: 'anna', absoluteTimeout: 0 } }),
        ),
    ],
  ])('does not bring a session back after %s on another node', async (_what, end) => {
    const { a, b } = await nodes();
    const id = freshId();
    await a.create(id, newSession({ a: '1' }, ANONYMOUS));
    await b.load(id);
    await end(b, id);
    const outcomes = [
      await a.save(id, change({ b: '2' }, ANONYMOUS)),
      await a.load(id),
      await a.compareAndSet(id, 'b', undefined, Buffer.from('2'), false),
      await b.load(id),
    ];
    expect(outcomes.map(({ status }) => status)).toEqual(new Array(4).fill('ended'));
  });

  it('does not bring a session back after a logout that came when the copy in Redis had expired', async () => {
    const { a, b } = await nodes();
    const id = freshId();
    await a.create(id, newSession({ a: '1' }, ANONYMOUS));
    await letCopyExpire(id);
    await b.destroy(id);
    expect((await a.load(id)).status).toBe('ended');
    expect((await a.save(id, change({ b: '2' }, ANONYMOUS))).status).toBe('ended');
  });

  it('does not outlive the marker of an end, even where the session never ends for idleness', async () => {
    let ahead = 0;
    const options = { now: () => Date.now() + ahead, endedMarkerMs: 60_000 };
    const { store, local } = await anonymousNode(redis.port, options);
    for (const maxInactiveInterval of [-1, 7200]) {
      const id = freshId();
      await store.create(id, newSession({}, { ...ANONYMOUS, maxInactiveInterval }));
      ahead = 59_000;
      expect(local.peek(id)).toBeDefined();
      ahead = 61_000;
      expect(local.peek(id)).toBeUndefined();
      ahead = 0;
    }
  });

  it('brings back what was said of the cookie', async () => {
    const { a, b } = await nodes();
    const id = freshId();
    await a.create(id, newSession({ a: '1' }, { ...ANONYMOUS, cookie: { maxAge: 3600, sent: true } }));
    await letCopyExpire(id);
    await a.save(id, change({ b: '2' }, ANONYMOUS));
    expect(await b.load(id)).toMatchObject({
      status: 'found',
      record: { cookieMaxAge: 3600, cookieSentAt: expect.any(Number) as unknown },
    });
  });

  it('is dropped when the session has become authenticated elsewhere', async () => {
    const a = await anonymousNode(redis.port);
    const { b } = await nodes();
    const id = freshId();
    await a.store.create(id, newSession({}, ANONYMOUS));
    await b.save(id, change({}, { authenticated: true }));
    expect(await redisLifeMs(client, id)).toBeGreaterThan(1_790_000);
    await a.store.load(id);
    expect(a.local.peek(id)).toBeUndefined();
  });
});
