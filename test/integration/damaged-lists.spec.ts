import { beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import slotOf from 'cluster-key-slot';
import { randomUUID } from 'node:crypto';
import type { IndexName, JointEntry } from '../../lib/core/session-index.js';
import type { SessionId } from '../../lib/core/token.js';
import { RedisCommands } from '../../lib/redis/commands.js';
import { RedisSessionIndex } from '../../lib/stores/redis/redis-index.js';
import { logOfStrangeLists } from '../../lib/stores/redis/list-scripts.js';
import type { RedisStore } from '../../lib/stores/redis/redis-store.js';
import { freshId, newSession, renewal } from '../contract/builders.js';
import { connect, PREFIX, redisStore } from '../contract/redis-helpers.js';
import { onCleanup } from '../support/cleanup.js';
import { redisClient } from '../support/redis-client.js';
import { startRedis } from '../support/redis-server.js';

const redis = await startRedis();
const client = redisClient(redis.port);
const LIFE = { lifeMs: 60_000 };

let commands: RedisCommands;
let index: RedisSessionIndex;
let store: RedisStore;
/** Keys that were told to hold something else. */
let strange: string[] = [];
const strangeList = (key: string): void => void strange.push(key);
beforeAll(async () => {
  commands = new RedisCommands(await connect(redis.port), { address: 'test', via: 'host' }, 20_000);
  index = new RedisSessionIndex(commands, { keyPrefix: PREFIX, strangeList, isWithRecords: () => true });
  store = await redisStore(redis.port, { strangeList });
});
beforeEach(() => void (strange = []));

/** A user of whom nothing is known yet. */
function someone(): { who: string; name: IndexName; list: string; note: string } {
  const who = `user ${randomUUID()}`;
  const [name] = index.namesOf(who) as [IndexName];
  const list = `${PREFIX}user:{${name}}`;
  return { who, name, list, note: `${list}:ended` };
}

const added = async (who: string): Promise<SessionId> => {
  const id = freshId();
  await index.add(who, id, LIFE);
  return id;
};
const idsOf = async (name: IndexName): Promise<SessionId[]> =>
  (await index.read(name)).entries.map(({ id }) => id);

describe('an entry whose value is damaged', () => {
  it.each([
    ['nothing', ''],
    ['a word', 'x'],
    ['numbers, but not enough', '1 2 3'],
    ['numbers below zero', '-1 -1 -1 - zz'],
    ['no numbers', 'NaN NaN NaN -'],
    ['no integer', '1e400 1 1 -'],
    ['long', 'x'.repeat(100_000)],
  ])('names its session all the same, as the oldest login: %s', async (_, value) => {
    const { who, name, list } = someone();
    const [sound, damaged] = [await added(who), await added(who)];
    await client.hset(list, damaged, value);
    const { entries } = await index.read(name);
    expect(new Set(entries.map(({ id }) => id))).toEqual(new Set([sound, damaged]));
    expect(entries.find(({ id }) => id === damaged)).toEqual({
      ...{ id: damaged, addedAt: 0, loginAt: 0, replaces: undefined, device: undefined },
    });
    expect((await index.read(name, [damaged])).entries).toHaveLength(1);
    expect((await index.end(name)).entries).toHaveLength(2);
    // Whoever finds that its session is not there removes it.
    await index.remove(name, [damaged], 50_000);
    expect(await idsOf(name)).toEqual([sound]);
  });

  it('counts towards the limit, and is the first to go', async () => {
    const { who, list } = someone();
    const [damaged, second] = [await added(who), await added(who)];
    await client.hset(list, damaged, 'x');
    expect((await index.add(who, freshId(), { ...LIFE, limit: 2 })).status).toBe('full');
    const late = await index.add(who, freshId(), { ...LIFE, limit: 2, evict: true });
    expect(late).toEqual({ status: 'added', beyond: [damaged] });
    await client.hset(list, second, 'x');
    expect(await index.enter(who, second, { ...LIFE, loginAt: 7 })).toBe('entered');
    expect((await index.read(index.namesOf(who)[0] as IndexName, [second])).entries).toEqual([
      expect.objectContaining({ id: second, loginAt: 7 }),
    ]);
  });

  it('is not forgotten where the list has grown; what names no session is', async () => {
    const { who, name, list } = someone();
    const damaged = await added(who);
    await client.hset(list, { [damaged]: 'x', junk: 'x', [' '.repeat(47)]: 'x' });
    for (let n = 0; n < 40; n += 1) await added(who);
    expect(await idsOf(name)).toContain(damaged);
    expect((await client.hkeys(list)).filter((field) => field.trim().length !== 47)).toEqual(['@prune']);
  });
});

describe('a field of the list that names no session', () => {
  it('is nobody, and no place within the limit', async () => {
    const { who, name, list } = someone();
    await client.hset(list, { junk: `9999999999999 1 1 -`, [`${'x'.repeat(46)}!`]: '9999999999999 1 1 -' });
    expect((await index.add(who, freshId(), { ...LIFE, limit: 1 })).status).toBe('added');
    expect(await idsOf(name)).toHaveLength(1);
  });
});

describe('where a number of the list or of its note is damaged', () => {
  it('the next entry finds out anew when forgotten ones are looked for', async () => {
    const { who, name, list } = someone();
    await client.hset(list, '@prune', 'x');
    for (let n = 0; n < 40; n += 1) await added(who);
    expect(await idsOf(name)).toHaveLength(40);
    expect(Number(await client.hget(list, '@prune'))).toBeGreaterThan(30);
  });

  it('sessions are entered and stand as if there had been no end of all', async () => {
    const { who, name, note } = someone();
    const first = await added(who);
    await client.hset(note, '@ended', 'x');
    expect(await index.enter(who, freshId(), { ...LIFE, loginAt: 1 })).toBe('entered');
    expect(await index.stands(name, first)).toBe(true);
    // The next end of all counts again.
    await index.end(name);
    expect(await index.enter(who, freshId(), { ...LIFE, loginAt: 1 })).toBe('ended');
    expect(await index.stands(name, first)).toBe(false);
  });
});

/** What another application may write. */
const FOREIGN: [string, (key: string) => Promise<unknown>][] = [
  ['a string', (key) => client.set(key, 'x')],
  ['a list', (key) => client.rpush(key, 'x', 'y')],
  ['a set', (key) => client.sadd(key, 'x', 'y')],
];

/** What is done with a user's list and note. */
const USES: [string, (user: ReturnType<typeof someone>) => Promise<unknown>, unknown][] = [
  ['a login', ({ who }) => index.add(who, freshId(), LIFE), { status: 'added', beyond: [] }],
  [
    'a login with a limit',
    ({ who }) => index.add(who, freshId(), { ...LIFE, limit: 1 }),
    { status: 'added', beyond: [] },
  ],
  [
    'an id change',
    ({ who }) => index.add(who, freshId(), { ...LIFE, replaces: freshId() }),
    expect.anything(),
  ],
  ['a use', ({ who }) => index.enter(who, freshId(), { ...LIFE, loginAt: 1 }), 'entered'],
  ['a look', ({ name }) => index.read(name), expect.objectContaining({ entries: [] })],
  ['a look at some', ({ name }) => index.read(name, [freshId()]), expect.objectContaining({ entries: [] })],
  ['the question whether one stands', ({ name }) => index.stands(name, freshId()), false],
  ['an end of all', ({ name }) => index.end(name), expect.objectContaining({ entries: [] })],
  ['a logout', ({ name }) => index.remove(name, [freshId()]), undefined],
  [
    'a login in one step',
    ({ who }) =>
      store.create(
        freshId(),
        newSession({}, { principal: who, authenticated: true, entry: index.joint(who, LIFE) }),
      ),
    expect.objectContaining({ status: 'written' }),
  ],
  ...(['entry', 'login'] as const).map((replaces): (typeof USES)[0] => [
    `an id change in one step, that keeps ${replaces}`,
    async ({ who }) => {
      const id = freshId();
      await store.create(id, newSession({ a: '1' }, { authenticated: true }));
      const entry = { ...index.joint(who, LIFE), replaces } as JointEntry;
      return store.renew(id, renewal(freshId(id), {}, { authenticated: true, entry }));
    },
    expect.objectContaining({ status: 'written' }),
  ]),
];

describe("a user's list whose key holds something else", () => {
  it.each(USES)('is set aside as it is for a day, and begins anew, by %s', async (_, use, outcome) => {
    for (const [, write] of FOREIGN) {
      strange = [];
      const user = someone();
      await write(user.list);
      const held = await client.dumpBuffer(user.list);
      expect(await use(user)).toEqual(outcome);
      expect(await client.dumpBuffer(`${user.list}:unreadable`)).toEqual(held);
      expect(slotOf(`${user.list}:unreadable`)).toBe(slotOf(user.list));
      const leftMs = await client.pttl(`${user.list}:unreadable`);
      expect(leftMs).toBeGreaterThan(86_000_000);
      expect(leftMs).toBeLessThanOrEqual(86_400_000);
      expect(['hash', 'none']).toContain(await client.type(user.list));
      expect(strange).toEqual([user.list]);
      const id = await added(user.who);
      expect(await idsOf(user.name)).toContain(id);
      for await (const name of index.names()) expect(name).toMatch(/^[\w-]{22}$/);
    }
  });

  it('is set aside once, whoever comes upon it at the same time', async () => {
    const { who, name, list } = someone();
    await client.set(list, 'x');
    const ids = await Promise.all(Array.from({ length: 50 }, () => added(who)));
    expect(new Set(await idsOf(name))).toEqual(new Set(ids));
    expect(strange).toEqual([list]);
  });

  it('is read as one without sessions where the server does not let it be moved', async () => {
    const { name, list } = someone();
    await client.set(list, 'x');
    await client.config('SET', 'min-replicas-to-write', '1');
    onCleanup(() => client.config('SET', 'min-replicas-to-write', '0'));
    expect((await index.read(name)).entries).toEqual([]);
    expect(await client.get(list)).toBe('x');
    await client.config('SET', 'min-replicas-to-write', '0');
    expect(strange).toEqual([]);
  });
});

describe('a note of the end of all whose key holds something else', () => {
  it.each([
    ['a use', USES[3]?.[1]],
    ['the question whether one stands', USES[6]?.[1]],
    ['an end of all', USES[7]?.[1]],
  ])('is set aside as it is for a day by %s', async (_, use) => {
    const user = someone();
    await client.set(user.note, 'x');
    await use?.(user);
    expect(await client.get(`${user.note}:unreadable`)).toBe('x');
    expect(await client.pttl(`${user.note}:unreadable`)).toBeGreaterThan(86_000_000);
    expect(strange).toEqual([user.note]);
    await index.end(user.name);
    expect(await index.enter(user.who, freshId(), { ...LIFE, loginAt: 1 })).toBe('ended');
  });
});

it('the operator is told of the first such list at once, and once a minute of how many followed', () => {
  const lines: string[] = [];
  const due: (() => void)[] = [];
  const tell = logOfStrangeLists({ warn: (line) => lines.push(line) }, (_, call) => {
    due.push(call);
    return () => undefined;
  });
  for (const key of ['one', 'two', 'three']) tell(key);
  expect(lines).toEqual([expect.stringMatching(/^one, .* as one:unreadable, .*REDIS_SESSION_CLUSTER_ID\.$/)]);
  due.shift()?.();
  expect(lines[1]).toMatch(/^2 times more within a minute: three, /);
});
