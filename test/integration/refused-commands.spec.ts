import { beforeAll, describe, expect, it } from '@jest/globals';
import type { Redis } from 'ioredis';
import type { SessionId } from '../../lib/core/token.js';
import { createRedisClient } from '../../lib/redis/client.js';
import { RedisCommands } from '../../lib/redis/commands.js';
import { RedisOldSessions } from '../../lib/stores/migration/old-sessions.js';
import { RedisSessionIndex } from '../../lib/stores/redis/redis-index.js';
import { RedisStore } from '../../lib/stores/redis/redis-store.js';
import { decoded, freshId, newSession, renewal } from '../contract/builders.js';
import { PREFIX, TOMBSTONE_MS } from '../contract/redis-helpers.js';
import { aclSetUser } from '../security/acl-line.js';
import { onCleanup } from '../support/cleanup.js';
import { redisClient } from '../support/redis-client.js';
import { startRedis } from '../support/redis-server.js';

const USER = 'app';
const PASSWORD = 'p4ss';
const LIFE_MS = 60_000;
const login = { principal: 'anna', absoluteTimeout: 0 };

let admin: Redis;
let commands: RedisCommands;
let store: RedisStore;
let index: RedisSessionIndex;
beforeAll(async () => {
  const { port } = await startRedis();
  admin = redisClient(port);
  await admin.call(...(aclSetUser(USER, PASSWORD, PREFIX) as [string, ...string[]]));
  await admin.call('ACL', 'SETUSER', USER, '~sess:*', '+get', '+set', '+strlen');
  const place = { host: '127.0.0.1', port, database: 0, timeoutMs: 20_000 };
  const client = createRedisClient({ ...place, username: USER, password: PASSWORD });
  onCleanup(() => client.disconnect());
  await client.connect();
  commands = new RedisCommands(client, { address: 'test', via: 'host' }, place.timeoutMs);
  store = new RedisStore(
    commands,
    { keyPrefix: PREFIX, topology: 'standalone', touchIntervalMs: 0, tombstoneMs: TOMBSTONE_MS },
    async () => undefined,
  );
  index = new RedisSessionIndex(commands, { keyPrefix: PREFIX, isWithRecords: () => true });
});

/** Does something while the user may not run a command, as an administrator might decide at any time. */
async function without(command: string, work: () => Promise<unknown>): Promise<void> {
  await admin.call('ACL', 'SETUSER', USER, `-${command}`);
  try {
    await expect(work()).rejects.toMatchObject({ reason: 'NOPERM' });
  } finally {
    await admin.call('ACL', 'SETUSER', USER, `+${command}`);
  }
}

/** All keys and what they hold, but for when sessions were used. */
async function everything(): Promise<Record<string, unknown>> {
  const held: Record<string, unknown> = {};
  for (const key of (await admin.keys('*')).sort()) {
    const isText = (await admin.type(key)) === 'string';
    const { '@used': _used, ...fields } = isText ? {} : await admin.hgetall(key);
    held[key] = isText ? await admin.get(key) : fields;
    expect(await admin.pttl(key)).toBeGreaterThan(0);
  }
  return held;
}

describe('a command that the server no longer lets us run', () => {
  const entry = (replaces: SessionId) =>
    index.joint(login.principal, { lifeMs: LIFE_MS, replaces, keepsLogin: true });
  const remove = ['cart'];

  it.each(['rename', 'hset', 'pexpire', 'hdel', 'exists'])(
    '%s leaves a session that was to change its id as it was',
    async (command) => {
      const id = freshId();
      await store.create(id, newSession({ cart: 'tea', name: 'Ann' }));
      const before = await everything();
      const change = renewal(freshId(id), { more: 'milk' }, { login, remove });
      await without(command, () => store.renew(id, change));
      expect(await everything()).toEqual(before);
      const loaded = await store.load(id, { touch: false });
      expect(loaded.status === 'found' && decoded(loaded.record.attributes)).toEqual({
        cart: 'tea',
        name: 'Ann',
      });
      expect(await store.renew(id, change)).toMatchObject({ status: 'written' });
    },
  );

  it.each(['rename', 'hset', 'pexpire', 'hdel', 'hlen', 'pttl'])(
    '%s leaves it and the list of its user as they were, where both are written in one step',
    async (command) => {
      const id = freshId();
      const created = { authenticated: true, principal: login.principal, entry: entry(freshId()) };
      await store.create(id, newSession({ cart: 'tea' }, created));
      const before = await everything();
      const change = renewal(freshId(id), { more: 'milk' }, { remove, entry: entry(id) });
      await without(command, () => store.renew(id, change));
      expect(await everything()).toEqual(before);
      expect(await store.renew(id, change)).toMatchObject({ status: 'written' });
    },
  );

  it.each(['hset', 'hdel'])('%s leaves a session that was to end as it was', async (command) => {
    const id = freshId();
    await store.create(id, newSession());
    const before = await everything();
    await without(command, () => store.destroy(id));
    expect(await everything()).toEqual(before);
    expect(await store.destroy(id)).toMatchObject({ status: 'removed' });
  });

  it('SET leaves a session of another library that was to end as it was', async () => {
    const old = new RedisOldSessions(commands, {
      keyPrefix: PREFIX,
      libraries: [{ library: 'express-session', prefix: 'sess:', honoursExpiry: false }],
      ...{ maxSessionBytes: 1000, idleTimeoutSeconds: 60, now: () => Date.now() },
    });
    await admin.set('sess:abc', '{"cookie":{}}', 'PX', LIFE_MS);
    const before = await everything();
    await without('set', () => old.end('express-session abc'));
    expect(await everything()).toEqual(before);
    await old.end('express-session abc');
    expect(await admin.exists('sess:abc')).toBe(0);
  });
});
