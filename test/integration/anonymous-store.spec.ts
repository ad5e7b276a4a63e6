import { beforeAll, describe, expect, it } from '@jest/globals';
import type { RedisClient } from '../../lib/redis/client.js';
import { change, decoded, freshId, newSession, renewal } from '../contract/builders.js';
import {
  anonymousNode,
  connect,
  COPY_LIFE_MS,
  keyOf,
  TOMBSTONE_MS,
  redisLifeMs,
} from '../contract/redis-helpers.js';
import { RedisCommands } from '../../lib/redis/commands.js';
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

/** Replies that arrive when the test says so; Redis has executed what they answer before. */
function holdable() {
  let gate: Promise<void> | undefined;
  let release: () => void = () => undefined;
  let reach: () => void = () => undefined;
  const reached = new Promise<void>((resolve) => (reach = resolve));
  class Held extends RedisCommands {
    override load(...args: Parameters<RedisCommands['load']>) {
      return this.#late(super.load(...args));
    }
    override run(...args: Parameters<RedisCommands['run']>) {
      return this.#late(super.run(...args));
    }
    async #late<T>(work: Promise<T>): Promise<T> {
      const closed = gate;
      const reply = await work;
      if (closed !== undefined) reach();
      await closed;
      return reply;
    }
  }
  return {
    wrap: ({ client: own, endpoint, timeoutMs }: RedisCommands) => new Held(own, endpoint, timeoutMs),
    hold: () => void (gate = new Promise((resolve) => (release = resolve))),
    letPass: () => void (gate = undefined),
    release: () => {
      gate = undefined;
      release();
    },
    /** Redis has answered what is held. */
    reached,
  };
}

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

  it('is not kept in memory by a node that only looks, nor kept longer', async () => {
    let now = 1_700_000_000_000;
    const { store, local } = await anonymousNode(redis.port, { now: () => now });
    const { a } = await nodes();
    const id = freshId();
    await a.create(id, newSession({ a: '1' }, ANONYMOUS));
    await store.load(id, { touch: false });
    expect(local.size).toBe(0);
    await store.load(id);
    await letCopyExpire(id);
    now += 50_000;
    expect((await store.load(id, { touch: false })).status).toBe('found');
    // A use would have begun its life in memory anew.
    now += 11_000;
    expect((await store.load(id, { touch: false })).status).toBe('absent');
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

  it('lives no longer than copies may, even where the session never ends for idleness', async () => {
    let ahead = 1_000;
    const { store, local } = await anonymousNode(redis.port, { now: () => ahead, copyLifeMs: 60_000 });
    for (const maxInactiveInterval of [-1, 7200]) {
      const id = freshId();
      await store.create(id, newSession({}, { ...ANONYMOUS, maxInactiveInterval }));
      ahead += 59_000;
      expect(local.peek(id)).toBeDefined();
      ahead += 2_000;
      expect(local.peek(id)).toBeUndefined();
    }
  });

  it.each<[string, (node: SessionStore, id: SessionId) => Promise<unknown>]>([
    ['a load', (node, id) => node.load(id)],
    ['a save', (node, id) => node.save(id, change({ n: '1' }, ANONYMOUS))],
  ])(
    'does not outlive the tombstone of an end that came right after %s whose reply is late',
    async (_what, ask) => {
      let now = 1_000;
      const held = holdable();
      const a = await anonymousNode(redis.port, { now: () => now, wrap: held.wrap });
      const { b } = await nodes();
      const id = freshId();
      await a.store.create(id, newSession({}, ANONYMOUS));
      held.hold();
      const asked = ask(a.store, id);
      await held.reached;
      await b.destroy(id);
      // As long as a tombstone is there at all, less what is left of it.
      const tombstoneMs = await client.pttl(keyOf(id));
      now += 50_000;
      held.release();
      await asked;
      now += tombstoneMs - 50_000;
      await client.del(keyOf(id));
      expect((await a.store.load(id)).status).toBe('absent');
      expect((await a.store.save(id, change({ late: '1' }, ANONYMOUS))).status).toBe('absent');
      expect(await client.exists(keyOf(id))).toBe(0);
    },
  );

  it('stays newer than a load that was overtaken by a save', async () => {
    const held = holdable();
    const a = await anonymousNode(redis.port, { wrap: held.wrap });
    const id = freshId();
    await a.store.create(id, newSession({ n: '1' }, ANONYMOUS));
    held.hold();
    const load = a.store.load(id);
    await held.reached;
    held.letPass();
    expect(await a.store.save(id, change({ n: '2' }, ANONYMOUS))).toMatchObject({ status: 'written' });
    held.release();
    await load;
    await letCopyExpire(id);
    expect(await attributesOf(id, a.store)).toMatchObject({ n: '2' });
    await a.store.save(id, change({ more: '1' }, ANONYMOUS));
    const { b } = await nodes();
    expect(await attributesOf(id, b)).toMatchObject({ n: '2', more: '1' });
  });

  it('leaves tombstones that live longer than it does', async () => {
    const { b } = await nodes();
    const [known, unknown] = [freshId(), freshId()];
    const login = { principal: 'anna', absoluteTimeout: 0 };
    const renewed = freshId();
    for (const id of [known, renewed]) await b.create(id, newSession({}, ANONYMOUS));
    await b.destroy(known);
    await b.destroy(unknown);
    await b.renew(renewed, renewal(freshId(renewed), {}, { authenticated: true, login }));
    for (const id of [known, unknown, renewed]) {
      expect(await client.pttl(keyOf(id))).toBeGreaterThan(COPY_LIFE_MS + TOMBSTONE_MS / 2);
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
