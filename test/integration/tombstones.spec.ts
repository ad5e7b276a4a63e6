import { beforeAll, describe, expect, it } from '@jest/globals';
import type { SessionStore } from '../../lib/core/store.js';
import type { SessionId } from '../../lib/core/token.js';
import type { RedisClient } from '../../lib/redis/client.js';
import { freshId, newSession, renewal } from '../contract/builders.js';
import { anonymousNode, connect, keyOf, TOMBSTONE_MS, redisStore } from '../contract/redis-helpers.js';
import { startRedis } from '../support/redis-server.js';

const IDLE_MS = 1_800_000;
const ANONYMOUS = { authenticated: false };

let client: RedisClient;
/** All sessions in Redis. */
let store: SessionStore;
/** Guests in the memory of nodes, whose copies an end must outlive. */
let node: SessionStore;
beforeAll(async () => {
  const { port } = await startRedis();
  client = await connect(port);
  store = await redisStore(port, { tombstoneMs: IDLE_MS });
  ({ store: node } = await anonymousNode(port, { copyLifeMs: IDLE_MS - TOMBSTONE_MS }));
});

const login = { principal: 'ann', absoluteTimeout: 0 };
const destroy = (at: SessionStore, id: SessionId): Promise<unknown> => at.destroy(id);
const renew = (at: SessionStore, id: SessionId): Promise<unknown> => at.renew(id, renewal(freshId(id)));
const logIn = (at: SessionStore, id: SessionId): Promise<unknown> =>
  at.renew(id, renewal(freshId(id), {}, { login }));

async function expectLife(id: SessionId, ms: number): Promise<void> {
  const life = await client.pttl(keyOf(id));
  expect(life).toBeGreaterThan(ms - 5_000);
  expect(life).toBeLessThanOrEqual(ms);
}

describe('the tombstone of', () => {
  it.each([
    ['an end', destroy],
    ['an id change', renew],
    ['a login', logIn],
  ])('%s of an authenticated session lasts a minute, wherever guests live', async (_what, end) => {
    for (const at of [store, node]) {
      const id = freshId();
      await at.create(id, newSession());
      await end(at, id);
      await expectLife(id, 60_000);
      expect(await at.load(id)).toMatchObject({ status: 'ended', longAgo: false });
    }
  });

  it.each([
    ['an end', destroy],
    ['a login', logIn],
  ])('%s of a guest lasts as long as a copy in memory might, where there are any', async (_what, end) => {
    const id = freshId();
    await node.create(id, newSession({}, ANONYMOUS));
    await end(node, id);
    await expectLife(id, IDLE_MS);
    const inRedis = freshId();
    await store.create(inRedis, newSession({}, ANONYMOUS));
    await end(store, inRedis);
    await expectLife(inRedis, 60_000);
  });

  it('an unknown id is only left where a node may have a copy of it', async () => {
    const id = freshId();
    await store.destroy(id);
    expect(await client.exists(keyOf(id))).toBe(0);
    await node.destroy(id);
    await expectLife(id, IDLE_MS);
  });

  it('an id change lasts as long as its grace', async () => {
    const id = freshId();
    await store.create(id, newSession());
    await store.renew(id, renewal(freshId(id), {}, { graceSeconds: 300 }));
    await expectLife(id, 300_000);
  });

  it('an end is not prolonged by another one', async () => {
    const id = freshId();
    await store.create(id, newSession());
    await store.destroy(id);
    await client.pexpire(keyOf(id), 5_000);
    expect(await store.destroy(id)).toEqual({ status: 'ended' });
    await expectLife(id, 5_000);
  });
});

describe('who comes with a dead id', () => {
  it('more than a minute later is told that it was long ago', async () => {
    const id = freshId();
    await node.create(id, newSession({}, ANONYMOUS));
    await logIn(node, id);
    const at = Number(await client.hget(keyOf(id), '@ended'));
    await client.hset(keyOf(id), '@ended', at - 30_000);
    expect(await node.load(id)).toMatchObject({ status: 'ended', longAgo: false });
    await client.hset(keyOf(id), '@ended', at - 60_000);
    expect(await node.load(id)).toMatchObject({ status: 'ended', longAgo: true });
  });

  it('after the grace is served no more', async () => {
    const id = freshId();
    const movedTo = freshId(id);
    await store.create(id, newSession());
    await store.renew(id, renewal(movedTo, {}, { graceSeconds: 30 }));
    const until = Number(await client.hget(keyOf(id), '@follow'));
    await client.hset(keyOf(id), '@follow', until - 30_000);
    expect(await store.load(id)).toMatchObject({ status: 'ended', movedTo, inGrace: false });
    expect(await store.renew(id, renewal(freshId(id)))).toMatchObject({ movedTo, inGrace: false });
  });

  it('of an end that a node of 0.1 has written, an id change too, is told as much as of a login', async () => {
    const id = freshId();
    const becameId = freshId(id);
    await client.hset(keyOf(id), { '@ended': '1', '@next': becameId });
    await client.pexpire(keyOf(id), 60_000);
    // Where it went is for whoever ends it; nobody follows.
    expect(await store.load(id)).toEqual({ status: 'ended', longAgo: false, byLogin: true, becameId });
    expect(await store.renew(id, renewal(freshId(id)))).toEqual({ status: 'ended', byLogin: true });
  });
});
