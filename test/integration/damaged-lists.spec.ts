import { beforeAll, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import type { IndexName } from '../../lib/core/session-index.js';
import type { SessionId } from '../../lib/core/token.js';
import { RedisCommands } from '../../lib/redis/commands.js';
import { RedisSessionIndex } from '../../lib/stores/redis/redis-index.js';
import { freshId } from '../contract/builders.js';
import { connect, PREFIX } from '../contract/redis-helpers.js';
import { redisClient } from '../support/redis-client.js';
import { startRedis } from '../support/redis-server.js';

const redis = await startRedis();
const client = redisClient(redis.port);
const LIFE = { lifeMs: 60_000 };

let commands: RedisCommands;
let index: RedisSessionIndex;
beforeAll(async () => {
  commands = new RedisCommands(await connect(redis.port), { address: 'test', via: 'host' }, 20_000);
  index = new RedisSessionIndex(commands, { keyPrefix: PREFIX });
});

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
