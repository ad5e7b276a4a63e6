import { beforeAll, describe, expect, it, jest } from '@jest/globals';
import type { OldLink } from '../../lib/core/old-sessions.js';
import { RedisCommands } from '../../lib/redis/commands.js';
import type { RedisClient } from '../../lib/redis/client.js';
import { RedisOldSessions } from '../../lib/stores/migration/old-sessions.js';
import { connect, PREFIX } from '../contract/redis-helpers.js';
import { startRedis } from '../support/redis-server.js';

const DAY_MS = 24 * 60 * 60 * 1000;

let client: RedisClient;
let old: RedisOldSessions;
beforeAll(async () => {
  const redis = await startRedis();
  client = await connect(redis.port);
  const commands = new RedisCommands(client, { address: 'test', via: 'host' }, 10_000);
  old = new RedisOldSessions(commands, {
    keyPrefix: PREFIX,
    libraries: [{ library: 'fastifySession', prefix: 'sess:', honoursExpiry: true }],
    ...{ maxSessionBytes: 1000, idleTimeoutSeconds: 60 },
  });
});

let count = 0;
/** An old session that names a user. */
async function planted(user?: string, cookie: object = {}): Promise<{ link: OldLink; key: string }> {
  count += 1;
  const id = `${'a'.repeat(20)}${count}`;
  const key = `sess:${id}`;
  await write(key, user, cookie);
  return { key, link: { name: `fastifySession ${id}`, turn: 0, wasGuest: user === undefined } };
}
async function write(key: string, user?: string, cookie: object = {}, more: object = {}): Promise<void> {
  const record = { cookie, ...more, ...(user !== undefined && { passport: { user } }) };
  await client.call('SET', key, JSON.stringify(record), 'PX', 60_000);
}
const markOf = (key: string): string => `${PREFIX}taken:{${key}}`;
const serverNow = async (): Promise<number> => {
  const [seconds, micros] = (await client.call('TIME')) as [string, string];
  return Number(seconds) * 1000 + Math.floor(Number(micros) / 1000);
};
const USED = { lifeMs: 100_000, until: undefined };

describe('an old session whose place was taken', () => {
  it('tells whom its record names now, whatever else was written there', async () => {
    const { link, key } = await planted('ada');
    expect(await old.use(link, USED)).toEqual({ stands: true, principal: 'ada' });
    expect(await old.read(link.name)).toEqual({ status: 'taken', turn: 0 });
    await write(key, 'ada', {}, { cart: ['tea'] });
    expect(await old.use(link, USED)).toEqual({ stands: true, principal: 'ada' });
    await write(key, undefined, {}, { cart: ['tea'] });
    expect(await old.use(link, USED)).toEqual({ stands: true, principal: undefined });
    expect(await old.use(link, USED)).toEqual({ stands: true, principal: undefined });
  });

  it('is left once, whoever else asks for that, and taken over anew under the next turn', async () => {
    const { link, key } = await planted('ada');
    await old.use(link, USED);
    await write(key, 'bob');
    await Promise.all([old.leave(link), old.leave(link)]);
    expect(await old.use(link, USED)).toEqual({ stands: false });
    expect(await old.read(link.name)).toMatchObject({
      status: 'live',
      turn: 1,
      record: { principal: 'bob' },
    });
    const next = { ...link, turn: 1 };
    expect(await old.use(next, USED)).toEqual({ stands: true, principal: 'bob' });
    expect(await old.read(link.name)).toEqual({ status: 'taken', turn: 1 });
    await old.leave(link);
    expect(await old.use(next, USED)).toEqual({ stands: true, principal: 'bob' });
    // Nobody counts from 0 again, and opens the session of somebody else with the first token, once this one has run out.
    expect(await client.call('PTTL', markOf(key))).toBeGreaterThan(29 * DAY_MS);
    await old.end(link.name);
    await old.leave(next);
    expect(await old.use(next, USED)).toEqual({ stands: false });
    await write(key, 'bob');
    expect(await old.read(link.name)).toEqual({ status: 'gone' });
  });

  it('is over once its session here has reached its absolute end, for longer than that mark would live', async () => {
    const { link, key } = await planted('ada');
    const until = (await serverNow()) + 5_000;
    await old.use(link, { lifeMs: 100_000, until });
    expect(await client.call('PTTL', markOf(key))).toBeGreaterThan(29 * DAY_MS);
    expect(await old.read(link.name)).toEqual({ status: 'taken', turn: 0 });
    await old.use(link, { lifeMs: 100_000, until: until - 5_000 });
    expect(await old.read(link.name)).toEqual({ status: 'gone' });
  });

  it('is taken over again where its session here has run out unused, for what is left of its absolute life', async () => {
    const { link, key } = await planted('ada');
    const now = await serverNow();
    await client.call('SET', markOf(key), `taken 2 ${now + 50_000} ${now - 1}`, 'PX', 60_000);
    const outcome = await old.read(link.name);
    expect(outcome).toMatchObject({ status: 'live', turn: 2, record: { principal: 'ada' } });
    const seconds = outcome.status === 'live' ? outcome.record.absoluteSeconds : undefined;
    expect(seconds).toBeGreaterThan(0);
    expect(seconds).toBeLessThanOrEqual(50);
  });

  it('is left on a Redis that is full', async () => {
    const { link, key } = await planted('ada');
    await old.use(link, USED);
    await write(key);
    await client.call('CONFIG', 'SET', 'maxmemory', '1');
    try {
      await old.leave(link);
      expect(await old.use(link, USED)).toEqual({ stands: false });
    } finally {
      await client.call('CONFIG', 'SET', 'maxmemory', '0');
    }
  });
});

it('a record is over by the clock of Redis, not by that of the node', async () => {
  const now = await serverNow();
  const live = await planted('ada', { expires: new Date(now + 60_000).toISOString() });
  const over = await planted('ada', { expires: new Date(now - 1).toISOString() });
  const clock = jest.spyOn(Date, 'now');
  try {
    clock.mockReturnValue(now + DAY_MS);
    expect(await old.read(live.link.name)).toMatchObject({ status: 'live' });
    clock.mockReturnValue(now - DAY_MS);
    expect(await old.read(over.link.name)).toEqual({ status: 'gone' });
  } finally {
    clock.mockRestore();
  }
});
