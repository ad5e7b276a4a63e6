import { afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { Redis } from 'ioredis';
import { SessionStoreUnavailableError } from '../../lib/core/errors.js';
import type { SessionId } from '../../lib/core/token.js';
import type { ResilientLink } from '../../lib/redis/link.js';
import { RedisOldSessions } from '../../lib/stores/migration/old-sessions.js';
import { RedisSessionIndex } from '../../lib/stores/redis/redis-index.js';
import { RedisStore } from '../../lib/stores/redis/redis-store.js';
import { freshId, newSession, renewal } from '../contract/builders.js';
import { keyOf, PREFIX, TOMBSTONE_MS } from '../contract/redis-helpers.js';
import { eventually } from '../support/eventually.js';
import { redisClient } from '../support/redis-client.js';
import { beginMove, moveSlot, slotOf, startCluster, type ClusterInstallation } from './helpers/cluster.js';
import { linkTo } from './helpers/store-on.js';

const CHANNEL = 'moving-slot';

let cluster: ClusterInstallation;
let link: ResilientLink;
let store: RedisStore;
beforeAll(async () => {
  cluster = await startCluster();
  [link, store] = await storeWith(10_000);
});

async function storeWith(timeoutMs: number): Promise<[ResilientLink, RedisStore]> {
  const settings = {
    REDIS_SESSION_CLUSTER_NODES: cluster.nodes,
    REDIS_SESSION_TIMEOUT: String(timeoutMs),
  };
  const own = linkTo({ settings });
  await own.connect();
  const options = { keyPrefix: PREFIX, topology: 'cluster', touchIntervalMs: 0, tombstoneMs: TOMBSTONE_MS };
  const messages = { channel: CHANNEL, node: 'here' };
  return [own, new RedisStore(own.executor, { ...options, messages }, () => own.close())];
}

/** A slot that is being moved, while all its keys are yet where they were. */
interface Move {
  readonly source: Redis;
  readonly target: Redis;
  /** Moves the rest, and the slot. */
  readonly finish: () => Promise<void>;
}

let back: (() => Promise<unknown>) | undefined;
beforeEach(() => (back = undefined));
/** The next test finds the slots where they were. */
afterEach(async () => void (await back?.()));

async function move(key: string): Promise<Move> {
  const slot = await slotOf(cluster, key);
  const from = Math.floor((slot * 3) / 16_384);
  const to = (from + 1) % 3;
  const { source, target } = await beginMove(cluster, slot, from, to);
  let isOver = false;
  const finish = async (): Promise<void> => {
    if (!isOver) await moveSlot(cluster, slot, from, to);
    isOver = true;
  };
  back = async () => {
    await finish();
    await moveSlot(cluster, slot, to, from);
  };
  return { source, target, finish };
}

async function expectTombstone(at: Redis, id: SessionId): Promise<void> {
  expect(Object.keys(await at.hgetall(keyOf(id)))).toEqual(['@ended']);
  const life = await at.pttl(keyOf(id));
  expect(life).toBeGreaterThan(TOMBSTONE_MS - 10_000);
  expect(life).toBeLessThanOrEqual(TOMBSTONE_MS);
}

describe('while a slot is moved, and the record is still where it was,', () => {
  it.each([
    ['a small session', 1],
    ['one of more attributes than Lua hands over at once', 9_000],
  ])('the end of %s leaves its tombstone and is told', async (_what, count) => {
    const id = freshId();
    const attributes = Object.fromEntries(Array.from({ length: count }, (_, n) => [`attribute${n}`, 'tea']));
    await store.create(id, newSession(attributes));
    const { source, finish } = await move(keyOf(id));
    const told: string[] = [];
    const listener = redisClient(Number(source.options.port));
    await listener.subscribe(CHANNEL);
    listener.on('message', (_channel, message) => told.push(message));
    expect(await store.destroy(id)).toEqual({ status: 'removed', renewed: false });
    await expectTombstone(source, id);
    await eventually('it is told', async () => (told.length > 0 ? true : undefined));
    expect(told).toEqual([expect.stringMatching(new RegExp(`^here destroyed ${id}`))]);
    expect(await store.destroy(id)).toEqual({ status: 'ended' });
    await finish();
    expect(await store.load(id)).toMatchObject({ status: 'ended' });
  });

  it('the end of one that has changed its id ends it under the new one', async () => {
    const id = freshId();
    const newId = freshId(id);
    await store.create(id, newSession());
    await store.renew(id, renewal(newId));
    const { source } = await move(keyOf(id));
    expect(await store.destroy(id)).toEqual({ status: 'removed', renewed: true });
    await expectTombstone(source, id);
    await expectTombstone(source, newId);
  });

  it('what is no record makes room for a tombstone, on the node that has the slot next', async () => {
    const id = freshId();
    const at = Math.floor(((await slotOf(cluster, keyOf(id))) * 3) / 16_384);
    await cluster.admins[at]?.set(keyOf(id), 'no hash');
    const { source, target } = await move(keyOf(id));
    expect(await store.destroy(id, { reserved: true })).toEqual({ status: 'absent' });
    expect(await source.keys(keyOf(id))).toEqual([]);
    await target.call('ASKING');
    expect(await target.hkeys(keyOf(id))).toEqual(['@ended']);
  });

  it('the last entries of a list are removed', async () => {
    const index = new RedisSessionIndex(link.executor, { keyPrefix: PREFIX, isWithRecords: () => false });
    const ids = [freshId(), freshId(), freshId()];
    for (const id of ids) await index.add('anna', id, { lifeMs: 60_000 });
    const [list = ''] = (
      await Promise.all(cluster.admins.slice(0, 3).map((admin) => admin.keys(`${PREFIX}user*`)))
    ).flat();
    expect(list).not.toBe('');
    const { source } = await move(list);
    for (const name of index.namesOf('anna')) await index.remove(name, ids);
    expect(await source.keys(list)).toEqual([]);
  });

  it('an old session that names another user is left', async () => {
    const library = { library: 'expressSession', prefix: 'sess:', honoursExpiry: false } as const;
    const old = new RedisOldSessions(link.executor, {
      libraries: [library],
      ...{ keyPrefix: PREFIX, maxSessionBytes: 1000, idleTimeoutSeconds: 60 },
    });
    const [key, name] = ['sess:anna', 'expressSession anna'];
    const record = JSON.stringify({ cookie: {}, passport: { user: 'anna' } });
    const owner = cluster.admins[Math.floor(((await slotOf(cluster, key)) * 3) / 16_384)];
    await owner?.set(key, record, 'PX', 60_000);
    const oldLink = { name, turn: 0, wasGuest: false };
    await old.use(oldLink, { lifeMs: 50_000, until: undefined });
    const { source } = await move(key);
    await old.leave(oldLink);
    expect(await source.get(`${PREFIX}taken:{${key}}`)).toBe('left 1');
    expect(await old.read(name)).toMatchObject({ status: 'live', turn: 1 });
  });

  it('what the cluster cannot run yet says TRYAGAIN, and is no outage of the node', async () => {
    const [, hasty] = await storeWith(400);
    const id = freshId();
    await hasty.create(id, newSession());
    const { finish } = await move(keyOf(id));
    const asked = Array.from({ length: 8 }, () => hasty.renew(id, renewal(freshId(id))));
    for (const outcome of await Promise.allSettled(asked)) {
      const reason: unknown = outcome.status === 'rejected' ? outcome.reason : undefined;
      expect(reason).toBeInstanceOf(SessionStoreUnavailableError);
      expect(reason).toMatchObject({
        reason: 'TRYAGAIN',
        message: expect.stringMatching(/is moving the slot/),
      });
    }
    // A breaker would refuse it without having asked.
    expect(await hasty.load(id)).toMatchObject({ status: 'found' });
    await finish();
    expect(await hasty.renew(id, renewal(freshId(id)))).toMatchObject({ status: 'written' });
  });
});
