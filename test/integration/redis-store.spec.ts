import { beforeAll, describe, expect, it } from '@jest/globals';
import { SessionFormatError } from '../../lib/core/errors.js';
import type { RedisClient } from '../../lib/redis/client.js';
import type { RedisStore } from '../../lib/stores/redis/redis-store.js';
import { change, decoded, encoded, freshId, newSession, renewal } from '../contract/builders.js';
import { connect, keyOf, redisLifeMs, redisStore } from '../contract/redis-helpers.js';
import { setPart } from '../support/record-fields.js';
import type { SessionId } from '../../lib/core/token.js';
import { startRedis, type RedisProcess } from '../support/redis-server.js';

/** What a store does in the background has reached Redis: it is asked something behind it, on the same connection. */
async function settled(store: RedisStore): Promise<void> {
  await store.health();
}

let redis: RedisProcess;
let client: RedisClient;
let store: RedisStore;
beforeAll(async () => {
  redis = await startRedis();
  client = await connect(redis.port);
  store = await redisStore(redis.port);
});

describe('a record', () => {
  it('keeps attributes apart from the fields of its own', async () => {
    const id = freshId();
    await store.create(
      id,
      newSession({ cart: '1', '@id': '2', '@@v': '3', '': '4' }, { authenticated: false }),
    );
    const fields = await client.hkeys(keyOf(id));
    expect(fields.sort()).toEqual(['', '@@@v', '@@id', '@info', '@used', '@v', 'cart'].sort());
  });

  it('takes neither the fields of another attribute nor of the record when one is removed', async () => {
    const id = freshId();
    await store.create(id, newSession({ id: '1', '@id': '2' }));
    await store.save(id, change({}, { remove: ['@id', '@v', '@info'] }));
    const outcome = await store.load(id);
    expect(outcome.status === 'found' && decoded(outcome.record.attributes)).toEqual({ id: '1' });
  });
});

/** What a key holds, but for the note of its latest use. */
async function contentOf(key: string): Promise<unknown> {
  if ((await client.type(key)) !== 'hash') return client.dumpBuffer(key);
  const { '@used': _used, ...rest } = await client.hgetall(key);
  return rest;
}

describe('a key that holds something else is unreadable, and is put into quarantine as it is for a day', () => {
  const broken: [string, string, (key: string) => Promise<unknown>][] = [
    ['a string', 'its key holds no hash', (key) => client.set(key, 'x')],
    ['a list', 'its key holds no hash', (key) => client.lpush(key, 'x')],
    ['a hash of somebody else', 'it is not a session record', (key) => client.hset(key, { a: '1' })],
    [
      'the record of another session',
      'it names another session',
      (key) => setPart(client, key, 'name', freshId().slice(-24)),
    ],
    ['a record without a version', 'it is not a session record', (key) => client.hdel(key, '@v')],
    [
      'a version that is no number',
      'it is not a session record',
      (key) => setPart(client, key, 'version', 'x'),
    ],
    ['a version that never was', 'it is not a session record', (key) => setPart(client, key, 'version', 0)],
    ['a version and no more', 'it names another session', (key) => client.hset(key, '@v', '1')],
    ['no codec', 'one of its own fields is damaged', (key) => setPart(client, key, 'codec', '')],
    [
      'damaged by the loss of a field',
      'one of its own fields is damaged',
      (key) => client.hdel(key, '@info'),
    ],
    ...(['idle', 'created', 'used', 'until', 'login', 'copy'] as const).map(
      (part): [string, string, (key: string) => Promise<unknown>] => [
        `a damaged ${part}`,
        'one of its own fields is damaged',
        (key) => setPart(client, key, part, '12x'),
      ],
    ),
    ...(['idle', 'created', 'used', 'until', 'login'] as const).map(
      (part): [string, string, (key: string) => Promise<unknown>] => [
        `damaged by digits after ${part}`,
        'one of its own fields is damaged',
        (key) => setPart(client, key, part, '99999999999999999999'),
      ],
    ),
  ];

  it.each(broken)('%s', async (what, reason, breakIt) => {
    const id = freshId();
    const key = keyOf(id);
    if (/version|codec|damaged|another/.test(what)) {
      await store.create(id, newSession({ a: '1' }, { absoluteTimeout: 3600, principal: 'anna' }));
    }
    await breakIt(key);
    const before = await contentOf(key);
    await expect(store.load(id)).resolves.toMatchObject({ status: 'unreadable', reason });
    await expect(store.load(id)).resolves.toMatchObject({ status: 'absent' });
    expect(await contentOf(`${key}:unreadable`)).toEqual(before);
    const life = await client.pttl(`${key}:unreadable`);
    expect(life).toBeGreaterThan(86_390_000);
    expect(life).toBeLessThanOrEqual(86_400_000);
  });

  it.each([
    ['a foreign hash', (key: string) => client.hset(key, 'a', '1')],
    [
      'the record of another session',
      (key: string) => client.hset(key, '@v', `1 ${freshId().slice(-24)} 1800 0 0 1 0`),
    ],
  ])('is not written to: %s', async (_what, place) => {
    const id = freshId();
    await place(keyOf(id));
    const before = await client.dumpBuffer(keyOf(id));
    const outcomes = [
      await store.save(id, change({ a: '2' })),
      await store.compareAndSet(id, 'a', Buffer.from('1'), Buffer.from('2'), true),
      await store.renew(id, renewal(freshId(id))),
    ];
    expect(outcomes.map(({ status }) => status)).toEqual(['absent', 'absent', 'absent']);
    expect(await client.dumpBuffer(keyOf(id))).toEqual(before);
  });
});

it('refuses to read and to write a record of a newer version, and leaves it alone', async () => {
  const id = freshId();
  const key = keyOf(id);
  await store.create(id, newSession({ n: '1' }));
  await setPart(client, key, 'version', 2);
  await client.pexpire(key, 100_000);
  const before = await client.dumpBuffer(key);
  await expect(store.load(id)).rejects.toThrow(/format 2.*reads up to 1/);
  const calls = [
    () => store.load(id),
    () => store.save(id, change({ a: '1' })),
    () => store.compareAndSet(id, 'n', Buffer.from('1'), Buffer.from('2'), true),
    () => store.renew(id, renewal(freshId(id))),
  ];
  for (const call of calls) await expect(call()).rejects.toThrow(SessionFormatError);
  expect(await client.dumpBuffer(key)).toEqual(before);
  expect(await client.pttl(key)).toBeLessThanOrEqual(100_000);
});

it('never overwrites what is under the id of a new session', async () => {
  const id = freshId();
  await store.create(id, newSession({ a: '1' }));
  await expect(store.create(id, newSession({ a: '2' }))).rejects.toThrow(/Nothing was overwritten/);
  expect(await client.hget(keyOf(id), 'a')).toBe('1');
});

it('goes on when Redis has forgotten the scripts', async () => {
  const id = freshId();
  const next = freshId(id);
  const calls = [
    () => store.create(id, newSession({ n: '1' })),
    () => store.load(id),
    () => store.save(id, change({ a: '1' })),
    () => store.compareAndSet(id, 'n', Buffer.from('1'), Buffer.from('2'), true),
    () => store.renew(id, renewal(next)),
    () => store.destroy(next),
  ];
  for (const call of calls) {
    await client.script('FLUSH');
    await expect(call()).resolves.not.toThrow();
  }
  expect(await client.hkeys(keyOf(next))).toEqual(['@ended']);
});

describe('the life of a key', () => {
  it.each([
    ['a use', () => undefined],
    ['a save', (id: string) => store.save(id as never, change({ a: '1' }))],
    [
      'compare-and-set',
      (id: string) => store.compareAndSet(id as never, 'a', undefined, Buffer.from('1'), true),
    ],
  ])('starts anew with %s', async (_what, write) => {
    const id = freshId();
    await store.create(id, newSession({}));
    await client.pexpire(keyOf(id), 5_000);
    await (write(id) ?? store.load(id));
    await settled(store);
    expect(await redisLifeMs(client, id)).toBeGreaterThan(1_790_000);
  });

  it('never goes past the absolute deadline, however often it is used', async () => {
    const id = freshId();
    await store.create(id, newSession({}, { absoluteTimeout: 100 }));
    await store.load(id);
    await store.save(id, change({ a: '1' }));
    await settled(store);
    const life = await redisLifeMs(client, id);
    expect(life).toBeGreaterThan(98_000);
    expect(life).toBeLessThanOrEqual(100_000);
  });

  it('is over for reads and writes once the absolute deadline has passed, though the key is there', async () => {
    const ids = [freshId(), freshId(), freshId()] as const;
    for (const id of ids) {
      await store.create(id, newSession({}, { absoluteTimeout: 100 }));
      await setPart(client, keyOf(id), 'until', 1_700_000_000_000);
    }
    const outcomes = [
      await store.load(ids[0]),
      await store.save(ids[1], change({ a: '1' })),
      await store.compareAndSet(ids[2], 'a', undefined, Buffer.from('1'), true),
    ];
    expect(outcomes.map(({ status }) => status)).toEqual(['absent', 'absent', 'absent']);
    await settled(store);
    for (const id of ids) expect(await client.exists(keyOf(id))).toBe(0);
  });

  it('of the tombstone of an id change is as configured, and says nothing but where the session went', async () => {
    const id = freshId();
    const next = freshId(id);
    await store.create(id, newSession({ secret: 'x' }));
    await store.renew(id, renewal(next));
    expect(await client.hgetall(keyOf(id))).toEqual({
      '@ended': expect.stringMatching(/^\d{13}$/) as unknown,
      '@next': next,
      '@follow': '0',
    });
    const life = await client.pttl(keyOf(id));
    expect(life).toBeGreaterThan(58_000);
    expect(life).toBeLessThanOrEqual(60_000);
  });

  it('is not extended by a look, which leaves nothing behind and heals as a load does', async () => {
    const id = freshId();
    await store.create(id, newSession({}));
    await client.pexpire(keyOf(id), 5_000);
    const before = await client.hgetall(keyOf(id));
    await expect(store.load(id, { touch: false })).resolves.toMatchObject({ status: 'found' });
    expect(await client.hgetall(keyOf(id))).toEqual(before);
    expect(await redisLifeMs(client, id)).toBeLessThanOrEqual(5_000);
    const foreign = freshId();
    await client.set(keyOf(foreign), 'no hash', 'EX', 100);
    await expect(store.load(foreign, { touch: false })).resolves.toMatchObject({ status: 'unreadable' });
    await expect(store.load(foreign, { touch: false })).resolves.toMatchObject({ status: 'absent' });
  });

  it('is extended no oftener than the touch interval asks for', async () => {
    const thrifty = await redisStore(redis.port, { touchIntervalMs: 60_000 });
    const id = freshId();
    await thrifty.create(id, newSession({}));
    await client.pexpire(keyOf(id), 5_000);
    await thrifty.load(id);
    await settled(thrifty);
    expect(await redisLifeMs(client, id)).toBeLessThanOrEqual(5_000);
    await client.hset(keyOf(id), '@used', '1700000000000');
    await thrifty.load(id);
    await settled(thrifty);
    expect(await redisLifeMs(client, id)).toBeGreaterThan(1_790_000);
  });

  it.each([
    ['no record ends early', 60_000, 1800, 1_860_000],
    ['nor lives longer than a tenth where its own interval is short', 60_000, 100, 110_000],
    ['and where each use is noted none does', 0, 1800, 1_800_000],
    ['ten years are the end', 60_000, -1, 315_360_000_000],
  ])(
    'is as much longer as a use may go unnoted: %s',
    async (_what, touchIntervalMs, maxInactiveInterval, life) => {
      const store = await redisStore(redis.port, { touchIntervalMs });
      const [id, next] = [freshId(), freshId()];
      const expectLife = async (of: SessionId): Promise<void> => {
        const left = await redisLifeMs(client, of);
        expect(left).toBeLessThanOrEqual(life);
        expect(left).toBeGreaterThan(life - 5_000);
      };
      await store.create(id, newSession({}, { maxInactiveInterval }));
      await expectLife(id);
      for (const write of [
        () => store.save(id, change({ a: '1' })),
        () => store.compareAndSet(id, 'b', undefined, Buffer.from('1'), true),
        () => store.touch(id),
      ]) {
        await client.pexpire(keyOf(id), 1_000);
        await client.hset(keyOf(id), '@used', '1700000000000');
        await write();
        await expectLife(id);
      }
      const renewed = freshId(id);
      await store.renew(id, renewal(renewed));
      await expectLife(renewed);
      await store.create(next, newSession({}, { maxInactiveInterval, absoluteTimeout: 50 }));
      expect(await redisLifeMs(client, next)).toBeLessThanOrEqual(50_000);
    },
  );

  it('lets a session that is used each second live on, though uses go unnoted, with an interval of its own that is short', async () => {
    const [OWN_S, USES] = [10, 60];
    const store = await redisStore(redis.port, { touchIntervalMs: 60_000 });
    const id = freshId();
    await store.create(id, newSession({}, { maxInactiveInterval: OWN_S }));
    for (let use = 0; use < USES; use += 1) {
      // A second passes.
      const left = await redisLifeMs(client, id);
      expect(left).toBeGreaterThan((OWN_S - 1) * 1000);
      await client.pexpire(keyOf(id), left - 1_000);
      await client.hincrby(keyOf(id), '@used', -1_000);
      expect((await store.load(id)).status).toBe('found');
      await settled(store);
    }
  });

  it('costs nothing but the load where the last use was a moment ago', async () => {
    const store = await redisStore(redis.port, { touchIntervalMs: 60_000 });
    const id = freshId();
    await store.create(id, newSession({}));
    await client.config('RESETSTAT');
    for (let use = 0; use < 5; use += 1) await store.load(id);
    const stats = await client.info('commandstats');
    expect(stats).toContain('cmdstat_hgetall:calls=5,');
    expect(stats).not.toMatch(/cmdstat_(evalsha|eval|pexpire|time)/);
  });
});

describe('putting back the record of an anonymous session', () => {
  const record = {
    attributes: encoded({ a: '1' }),
    codec: 'json',
    createdAt: 1_700_000_000_000,
    lastAccessedAt: 1_700_000_000_001,
    maxInactiveInterval: 900,
    absoluteDeadline: Date.now() + 600_000,
    principal: 'anna',
    authenticatedAt: 1_700_000_000_002,
    authenticated: false,
  };

  it('keeps its times', async () => {
    const id = freshId();
    expect((await store.restore(id, record)).status).toBe('written');
    const outcome = await store.load(id);
    expect(outcome).toMatchObject({
      status: 'found',
      record: { ...record, attributes: expect.any(Map), lastAccessedAt: expect.any(Number) },
    });
  });

  it('overwrites nothing', async () => {
    const id = freshId();
    await store.create(id, newSession({ a: '2' }));
    expect((await store.restore(id, record)).status).toBe('absent');
    expect(await client.hget(keyOf(id), 'a')).toBe('2');
  });

  it('is refused where the session has ended', async () => {
    const id = freshId();
    await store.create(id, newSession());
    await store.renew(id, renewal(freshId(id)));
    expect((await store.restore(id, record)).status).toBe('ended');
    expect(await redisLifeMs(client, id)).toBe(0);
  });
});
