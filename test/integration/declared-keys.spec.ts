import { beforeAll, describe, expect, it } from '@jest/globals';
import { createHash } from 'node:crypto';
import { GuestStore } from '../../lib/stores/layers/guest-store.js';
import { RedisCommands } from '../../lib/redis/commands.js';
import { MARK_POINT, TIME_OF, type Script } from '../../lib/redis/script.js';
import { RedisOldSessions } from '../../lib/stores/migration/old-sessions.js';
import * as oldScripts from '../../lib/stores/migration/scripts.js';
import * as createScripts from '../../lib/stores/redis/create-scripts.js';
import * as indexScripts from '../../lib/stores/redis/index-scripts.js';
import { isOnePlace, WRITE_SECOND } from '../../lib/stores/redis/one-place.js';
import * as ownScripts from '../../lib/stores/redis/scripts.js';
import { RedisSessionIndex } from '../../lib/stores/redis/redis-index.js';
import type { IndexName } from '../../lib/core/session-index.js';
import { change, freshId, newSession, renewal } from '../contract/builders.js';
import { anonymousNode, connect, PREFIX, redisStore } from '../contract/redis-helpers.js';
import { watchCommands, type Command } from '../support/commands.js';
import { startRedis, type RedisProcess } from '../support/redis-server.js';

/** What has no key among its arguments. */
const KEYLESS = new Set(['TIME', 'PUBLISH']);
/** What has two. */
const PAIRS = new Set(['RENAME']);

/** Every script that there is, by its hash. */
const SCRIPTS = new Map(
  [ownScripts, createScripts, indexScripts, oldScripts, { TIME_OF, MARK_POINT, WRITE_SECOND }].flatMap(
    (module) =>
      Object.entries(module as Record<string, Partial<Script>>).flatMap(([name, { sha1 }]) =>
        sha1 === undefined ? [] : [[sha1, name] as const],
      ),
  ),
);

/** The keys that scripts touched without having declared them, and which scripts ran. */
function undeclared(commands: readonly Command[]): { scripts: Set<string | undefined>; keys: string[] } {
  let declared: readonly string[] = [];
  const scripts = new Set<string | undefined>();
  const keys: string[] = [];
  for (const { name, args, client } of commands) {
    if (client !== 'lua') {
      if (name !== 'EVALSHA' && name !== 'EVAL') continue;
      const [text = ''] = args;
      scripts.add(SCRIPTS.get(name === 'EVALSHA' ? text : createHash('sha1').update(text).digest('hex')));
      declared = args.slice(2, 2 + Number(args[1]));
    } else if (!KEYLESS.has(name)) {
      const touched = args.slice(0, PAIRS.has(name) ? 2 : 1);
      keys.push(...touched.filter((key) => !declared.includes(key)).map((key) => `${name} ${key}`));
    }
  }
  return { scripts, keys };
}

describe('every key that a script touches', () => {
  let redis: RedisProcess;
  beforeAll(async () => {
    redis = await startRedis();
  });

  it('is declared: some servers refuse others', async () => {
    const messages = { channel: 'test:session:events', node: 'here' };
    const store = await redisStore(redis.port, { messages });
    const { store: guests } = await anonymousNode(redis.port);
    const client = await connect(redis.port);
    const commands = new RedisCommands(client, { address: 'test', via: 'host' }, 2_000);
    const index = new RedisSessionIndex(commands, { keyPrefix: PREFIX, isWithRecords: () => true });
    const old = new RedisOldSessions(commands, {
      keyPrefix: PREFIX,
      libraries: [{ library: 'express-session', prefix: 'sess:', honoursExpiry: false }],
      ...{ maxSessionBytes: 1000, idleTimeoutSeconds: 60 },
    });
    const watch = await watchCommands(redis.port, { lua: true });
    await Promise.all([useStore(store), useStore(guests)]);
    await client.set(`${PREFIX}{aaaa}${'x'.repeat(43)}`, 'no hash');
    await store.load(`aaaa${'x'.repeat(43)}` as never);
    const anna = 'anna';
    expect(await isOnePlace(commands, PREFIX)).toBe(true);
    const first = freshId();
    const entry = index.joint(anna, { lifeMs: 60_000, replaces: first, keepsLogin: true });
    await store.create(first, newSession({}, { principal: anna, authenticated: true, entry }));
    await store.renew(first, renewal(freshId(first), {}, { authenticated: true, entry }));
    const ids = Array.from({ length: 40 }, () => freshId());
    for (const id of ids) await index.add(anna, id, { lifeMs: 1, replaces: ids[0] });
    await index.add(anna, freshId(), { lifeMs: 60_000, limit: 1, evict: true });
    await index.enter(anna, freshId(), { lifeMs: 60_000, loginAt: 1 });
    const [name] = index.namesOf(anna) as [IndexName];
    await index.stands(name, freshId());
    await index.end(name);
    await index.remove(name, ids);
    await client.set(`${PREFIX}user:{${index.namesOf('bert')[0] ?? ''}}`, 'no hash');
    await index.add('bert', freshId(), { lifeMs: 60_000 });
    await client.set('sess:1', '{"cookie":{}}');
    for (const name of ['express-session 1', 'express-session none']) {
      const link = { name, turn: 0, wasGuest: true };
      await old.read(name);
      await old.use(link, { lifeMs: 60_000, until: Date.now() + 60_000 });
      await old.leave(link);
      await old.end(name);
    }
    await client.set('sess:1', 'written late');
    await old.read('express-session 1');
    await store.tell('unknown', freshId());
    await commands.run(MARK_POINT, [`${PREFIX}point`], []);
    const { scripts, keys } = undeclared(await watch.take());
    expect(keys).toEqual([]);
    expect([...scripts].sort()).toEqual([...SCRIPTS.values()].sort());
  });

  async function useStore(store: GuestStore | Awaited<ReturnType<typeof redisStore>>): Promise<void> {
    const rest = { authenticated: !(store instanceof GuestStore) };
    const id = freshId();
    await store.create(id, newSession({ a: '1' }, rest));
    await store.save(id, change({ b: '2' }, { ...rest, maxInactiveInterval: 600 }));
    await store.compareAndSet(id, 'a', Buffer.from('1'), Buffer.from('2'), rest.authenticated);
    await store.touch(id);
    await store.load(id, { touch: false, only: [] });
    let last = id;
    for (let n = 0; n < 3; n += 1) {
      const next = freshId(id);
      const login =
        n === 1 ? { authenticated: true, login: { principal: 'anna', absoluteTimeout: 9 } } : rest;
      await store.renew(last, renewal(next, { c: '3' }, login));
      last = next;
    }
    await store.destroy(id);
    await store.destroy(id);
    await store.destroy(freshId(), { reserved: true });
    await store.quarantine(id);
  }
});
