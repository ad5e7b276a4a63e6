import { beforeAll, describe, expect, it } from '@jest/globals';
import slotOf from 'cluster-key-slot';
import { SessionStoreUnavailableError } from '../../lib/core/errors.js';
import type { IndexName, IndexReading, JointEntry } from '../../lib/core/session-index.js';
import type { SessionId } from '../../lib/core/token.js';
import { RedisCommands } from '../../lib/redis/commands.js';
import { ForwardingExecutor, type Argument, type RedisExecutor } from '../../lib/redis/executor.js';
import type { Script } from '../../lib/redis/script.js';
import { isOnePlace } from '../../lib/stores/redis/one-place.js';
import { RedisSessionIndex } from '../../lib/stores/redis/redis-index.js';
import { RedisStore } from '../../lib/stores/redis/redis-store.js';
import { freshId, newSession, renewal } from '../contract/builders.js';
import { connect, PREFIX, redisStore, TOMBSTONE_MS } from '../contract/redis-helpers.js';
import { startPlayground } from '../e2e/helpers/playground.js';
import { takeWrites } from '../e2e/helpers/traffic.js';
import { onCleanup } from '../support/cleanup.js';
import { watchCommands } from '../support/commands.js';
import { Browser } from '../support/cookie-jar.js';
import { startLoneClusterNode } from '../support/lone-cluster-node.js';
import { redisClient } from '../support/redis-client.js';
import { startRedis, type RedisProcess } from '../support/redis-server.js';

const commandsOn = async (port: number): Promise<RedisCommands> =>
  new RedisCommands(await connect(port), { address: 'test', via: 'host' }, 20_000);

let redis: RedisProcess;
beforeAll(async () => {
  redis = await startRedis();
});

/** As proxies do that spread keys over servers without telling: a script runs where its first key is. */
class Spreading extends ForwardingExecutor {
  protected readonly inner: RedisExecutor;
  readonly #others: readonly RedisExecutor[];

  constructor(inner: RedisExecutor, ...others: RedisExecutor[]) {
    super();
    this.inner = inner;
    this.#others = others;
  }

  #of(key = ''): RedisExecutor {
    const all = [this.inner, ...this.#others];
    return all[slotOf(key) % all.length] as RedisExecutor;
  }

  override load(key: string, only?: readonly string[]): ReturnType<RedisExecutor['load']> {
    return this.#of(key).load(key, only);
  }

  override run(script: Script, keys: readonly string[], args: readonly Argument[]): Promise<unknown> {
    return this.#of(keys[0]).run(script, keys, args);
  }
}

describe('whether lists and records are in one place', () => {
  it('is so on a Redis of its own, of which nothing is left', async () => {
    expect(await isOnePlace(await commandsOn(redis.port), PREFIX)).toBe(true);
    expect(await redisClient(redis.port).keys('*')).toEqual([]);
  });

  it('is not so on a server of a cluster that is reached as if it were alone', async () => {
    const { port } = await startLoneClusterNode();
    expect(await isOnePlace(await commandsOn(port), PREFIX)).toBe(false);
  });

  it('is not so behind what spreads keys over servers and runs a script where its first key is', async () => {
    const { port } = await startRedis();
    const spreading = new Spreading(await commandsOn(redis.port), await commandsOn(port));
    expect(await isOnePlace(spreading, PREFIX)).toBe(false);
  });

  it('is not known, and so not relied on, where the server refuses to write', async () => {
    const { port } = await startRedis({ args: ['--maxmemory', '1'] });
    expect(await isOnePlace(await commandsOn(port), PREFIX)).toBe(false);
  });
});

describe('a session and its entry in one step', () => {
  const indexOn = (commands: RedisExecutor): RedisSessionIndex =>
    new RedisSessionIndex(commands, { keyPrefix: PREFIX, isWithRecords: () => true });

  const entriesOf = async (index: RedisSessionIndex, user: string): Promise<string[]> =>
    (await index.read(index.namesOf(user)[0] as IndexName)).entries.map(({ id }) => id);

  const login = (user: string, entry: JointEntry | undefined): ReturnType<typeof newSession> =>
    newSession({}, { principal: user, authenticated: true, indexed: true, entry });

  it('are there together, the device with them', async () => {
    const index = indexOn(await commandsOn(redis.port));
    const store = await redisStore(redis.port);
    const device = { address: '10.0.0.1', userAgent: 'Mosaic' };
    for (let n = 0; n < 40; n += 1) {
      const id = freshId();
      const entry = index.joint('anna', { lifeMs: 60_000, device });
      expect((await store.create(id, login('anna', entry))).status).toBe('written');
      expect(await entriesOf(index, 'anna')).toContain(id);
    }
    const { entries, now } = await index.read(index.namesOf('anna')[0] as IndexName);
    expect(entries).toHaveLength(40);
    for (const { addedAt, loginAt, replaces, ...rest } of entries) {
      expect({ ...rest, id: '' }).toEqual({ id: '', device });
      expect([loginAt, replaces]).toEqual([addedAt, undefined]);
      expect(now - addedAt).toBeLessThan(60_000);
    }
    expect(await redisClient(redis.port).pttl(keyOfList(index, 'anna'))).toBeGreaterThan(0);
  });

  it.each(['hlen', 'pttl'])(
    'are refused together where %s is taken from the user meanwhile',
    async (command) => {
      const admin = redisClient(redis.port);
      await admin.call('ACL', 'SETUSER', command, 'on', 'nopass', '~*', '&*', '+@all');
      let client: RedisCommands['client'] | undefined;
      const store = await redisStore(redis.port, {
        wrap: (commands) => {
          ({ client } = commands);
          return commands;
        },
      });
      await client?.call('AUTH', command, 'any');
      const index = indexOn(await commandsOn(redis.port));
      const logIn = (): Promise<unknown> =>
        store.create(freshId(), login(command, index.joint(command, { lifeMs: 60_000 })));
      await logIn();
      await admin.call('ACL', 'SETUSER', command, `-${command}`);
      const before = await admin.hgetall(keyOfList(index, command));
      await expect(logIn()).rejects.toMatchObject({ reason: 'NOPERM' });
      expect(await admin.hgetall(keyOfList(index, command))).toEqual(before);
      expect(Object.keys(before)).toHaveLength(1);
    },
  );

  it('are refused together: where the id has ended, is taken, or it is too late', async () => {
    const commands = await commandsOn(redis.port);
    const index = indexOn(commands);
    const store = await redisStore(redis.port);
    const ended = freshId();
    await store.destroy(ended, { reserved: true });
    const entryOf = (): JointEntry | undefined => index.joint('bert', { lifeMs: 60_000 });
    expect(await store.create(ended, login('bert', entryOf()))).toMatchObject({ newIdEnded: true });
    const taken = freshId();
    await store.create(taken, newSession());
    await expect(store.create(taken, login('bert', entryOf()))).rejects.toMatchObject({
      reason: 'DUPLICATE_ID',
    });
    // What is sent with a deadline that the server takes for over.
    const late = new RedisStore(
      new (class extends ForwardingExecutor {
        protected readonly inner = commands;
        override run(script: Script, keys: readonly string[], args: readonly Argument[]): Promise<unknown> {
          return commands.client.callBuffer('EVAL', script.lua, keys.length, ...keys, 1, ...args);
        }
      })(),
      { keyPrefix: PREFIX, topology: 'standalone', touchIntervalMs: 0, tombstoneMs: TOMBSTONE_MS },
      () => Promise.resolve(),
    );
    const tooLate = freshId();
    await expect(late.create(tooLate, login('bert', entryOf()))).rejects.toThrow(
      SessionStoreUnavailableError,
    );
    expect(await entriesOf(index, 'bert')).toEqual([]);
    expect((await store.load(tooLate)).status).toBe('absent');
  });

  it('are refused together by a Redis that is full', async () => {
    const { port } = await startRedis();
    const index = indexOn(await commandsOn(port));
    const store = await redisStore(port);
    const [id, there] = [freshId(), freshId()];
    const entry = index.joint('carl', { lifeMs: 60_000 });
    await store.create(there, login('carl', entry));
    await redisClient(port).config('SET', 'maxmemory', '1');
    await expect(store.create(id, login('carl', entry))).rejects.toMatchObject({ reason: 'OOM' });
    const moved = index.joint('carl', { lifeMs: 60_000, replaces: there });
    const to = renewal(freshId(there), {}, { authenticated: true, entry: moved });
    await expect(store.renew(there, to)).rejects.toMatchObject({ reason: 'OOM' });
    expect(await entriesOf(index, 'carl')).toEqual([there]);
    expect((await store.load(there)).status).toBe('found');
    expect((await store.load(id)).status).toBe('absent');
  });

  it('are refused by what has become a server of a cluster since it was looked at', async () => {
    const { port } = await startLoneClusterNode();
    const entry = indexOn(await commandsOn(port)).joint('dora', { lifeMs: 60_000 });
    const store = await redisStore(port);
    const logIns = Array.from({ length: 8 }, () => store.create(freshId(), login('dora', entry)));
    for (const outcome of await Promise.allSettled(logIns))
      expect(outcome).toMatchObject({
        status: 'rejected',
        reason: { message: expect.stringContaining('CROSSSLOT') },
      });
    expect(await redisClient(port).dbsize()).toBe(0);
  });

  it('move together, with the login and device of an id change, and without those of another login', async () => {
    const index = indexOn(await commandsOn(redis.port));
    const store = await redisStore(redis.port);
    const read = (): Promise<IndexReading> => index.read(index.namesOf('emil')[0] as IndexName);
    const first = freshId();
    const device = { address: '10.0.0.1', userAgent: 'Mosaic' };
    await store.create(first, login('emil', index.joint('emil', { lifeMs: 60_000, device })));
    const {
      entries: [began],
    } = await read();
    const changed = freshId(first);
    const keeps = index.joint('emil', { lifeMs: 60_000, replaces: first, keepsLogin: true });
    await store.renew(first, renewal(changed, {}, { authenticated: true, entry: keeps }));
    // Which one it replaces stays known: an end of all but that one spares this one, too.
    const kept = { ...began, id: changed, addedAt: expect.any(Number), replaces: first };
    expect((await read()).entries).toEqual([kept]);
    // Under whichever id the session was renewed meanwhile.
    const again = freshId(first);
    const anew = index.joint('emil', { lifeMs: 60_000, replaces: first });
    const by = { principal: 'emil', absoluteTimeout: 0 };
    await store.renew(changed, renewal(again, {}, { authenticated: true, entry: anew, login: by }));
    expect((await read()).entries).toMatchObject([{ id: again, device: undefined, replaces: changed }]);
    // One of another user stays in the other user's list, until somebody reads that.
    const other = index.joint('fred', { lifeMs: 60_000 });
    const last = freshId(first);
    const who = { principal: 'fred', absoluteTimeout: 0 };
    await store.renew(again, renewal(last, {}, { authenticated: true, entry: other, login: who }));
    expect((await read()).entries.map(({ id }) => id)).toEqual([again]);
    expect(await entriesOf(index, 'fred')).toEqual([last]);
  });

  it('stay together where a renewal is refused', async () => {
    const index = indexOn(await commandsOn(redis.port));
    const store = await redisStore(redis.port);
    const [id, over] = [freshId(), freshId()];
    await store.create(id, login('gerd', index.joint('gerd', { lifeMs: 60_000 })));
    const entry = index.joint('gerd', { lifeMs: 60_000, replaces: id, keepsLogin: true });
    const renewed = (from: SessionId, to: SessionId): Promise<unknown> =>
      store.renew(from, renewal(to, {}, { authenticated: true, entry }));
    await store.destroy(over);
    expect(await renewed(over, freshId(over))).toMatchObject({ status: 'absent' });
    const reserved = freshId(id);
    await store.destroy(reserved, { reserved: true });
    expect(await renewed(id, reserved)).toMatchObject({ newIdEnded: true });
    expect(await entriesOf(index, 'gerd')).toEqual([id]);
    await store.destroy(id);
    expect(await renewed(id, freshId(id))).toMatchObject({ status: 'ended' });
    expect(await entriesOf(index, 'gerd')).toEqual([id]);
  });

  it.each([
    ['of a Redis of its own', () => Promise.resolve(redis), ['createListed', 'renewListed']],
    [
      'beforehand, of a server of a cluster',
      startLoneClusterNode,
      ['name', 'create', 'name', 'renew', 'forget'],
    ],
  ] as const)('are what a login and an id change are, %s', async (_, serverOf, commands) => {
    const { port } = await serverOf();
    const app = await startPlayground('fastify', { redis: { port } });
    onCleanup(() => app.close());
    // The clocks are known, and the scripts.
    const first = new Browser(app.url);
    await app.visit(first, (session) => session.authenticate('dora'));
    await app.visit(first, (session) => session.regenerateId());
    const watch = await watchCommands(port);
    const second = new Browser(app.url);
    await app.visit(second, (session) => session.authenticate('dora'));
    await app.visit(second, (session) => session.regenerateId());
    expect(await takeWrites(watch)).toEqual(commands);
    expect(await app.sessions.count('dora')).toBe(2);
    expect(await app.sessions.destroyAll('dora')).toBe(2);
  });
});

function keyOfList(index: RedisSessionIndex, user: string): string {
  return `${PREFIX}user:{${index.namesOf(user)[0] ?? ''}}`;
}
