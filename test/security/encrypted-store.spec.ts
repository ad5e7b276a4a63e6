import { describe, expect, it } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { idOf, newToken, type SessionId } from '../../lib/core/token.js';
import { ENCRYPTION_OVERHEAD, EncryptedStore } from '../../lib/stores/layers/encrypted-store.js';
import { KeyRing, ValueKey } from '../../lib/stores/layers/key-ring.js';
import { MemoryStore } from '../../lib/stores/memory-store.js';
import { change, decoded, freshId, newSession, renewal } from '../contract/builders.js';
import { connect, keyOf, redisLifeMs, redisStore } from '../contract/redis-helpers.js';
import { describeSessionStore } from '../contract/session-store.contract.js';
import { startRedis } from '../support/redis-server.js';

const redis = await startRedis();
const admin = await connect(redis.port);
const ring = new KeyRing([randomBytes(32)]);

// All that any store promises holds with encryption in between; store and peer are two nodes with the same keys.
describeSessionStore('EncryptedStore', { authenticated: true }, async () => {
  const client = await connect(redis.port);
  return {
    store: new EncryptedStore(await redisStore(redis.port, { overhead: ENCRYPTION_OVERHEAD }), ring),
    peer: new EncryptedStore(await redisStore(redis.port, { overhead: ENCRYPTION_OVERHEAD }), ring),
    lifeMs: (id) => redisLifeMs(client, id),
  };
});

/** What Redis holds of a session, which somebody may have kept, and put back under whichever id. */
async function stolen(id: SessionId): Promise<Record<string, Buffer>> {
  const reply = (await admin.callBuffer('HGETALL', keyOf(id))) as Buffer[];
  return Object.fromEntries(
    reply.flatMap((field, at) => (at % 2 ? [] : [[String(field), reply[at + 1] as Buffer]])),
  );
}

/** The field with who logged in and when, with something else in place of some of its words. */
function infoWith(
  record: Record<string, Buffer>,
  words: Partial<Record<'login' | 'principal', string>>,
): Buffer {
  const [created, login, codec, principal] = String(record['@info']).split(' ');
  return Buffer.from(`${created} ${words.login ?? login} ${codec} ${words.principal ?? principal}`);
}

const principalOf = (record: Record<string, Buffer>): string => String(record['@info']).split(' ')[3] ?? '';
const loginOf = (record: Record<string, Buffer>): string => String(record['@info']).split(' ')[1] ?? '';

describe('who can write to Redis', () => {
  const logIn = async (store: EncryptedStore, id: SessionId, principal: string, set = {}) => {
    const next = freshId(id);
    const outcome = await store.renew(
      id,
      renewal(next, set, { authenticated: true, login: { principal, absoluteTimeout: 0 } }),
    );
    expect(outcome.status).toBe('written');
    return next;
  };

  /** ann the admin, and then mallory, log in on one browser: each record as it was. */
  const history = async () => {
    const store = new EncryptedStore(await redisStore(redis.port), ring);
    const guest = freshId();
    await store.create(guest, newSession({ cart: 'tea', role: 'none' }, { authenticated: false }));
    const records = [await stolen(guest)];
    const admin = await logIn(store, guest, 'admin');
    records.push(await stolen(admin));
    await store.save(admin, change({ role: 'admin' }));
    records.push(await stolen(admin));
    // Whatever is told apart by the moment of the login.
    const mallory = await logIn(store, admin, 'mallory', { role: 'guest' });
    return { store, mallory, now: await stolen(mallory), records };
  };

  it('cannot put back anything of before the last login: neither principal, nor its time, nor values, nor keys', async () => {
    const { store, mallory, now, records } = await history();
    const attempts = records.flatMap((before) => [
      { role: before['role'] },
      { cart: before['cart'] },
      { '#key': before['#key'] },
      { '#key': before['#key'], role: before['role'] },
      { '#key': before['#key'], '@info': before['@info'] },
      { ...before, '@v': now['@v'] },
      { '@info': infoWith(now, { principal: principalOf(before) }) },
      { '@info': infoWith(now, { login: '0', principal: '' }) },
    ]);
    attempts.push(
      { '@info': infoWith(now, { login: String(Number(loginOf(now)) + 1) }) },
      { '@info': infoWith(now, { login: '1' }) },
      { '#key': Buffer.alloc(0) },
    );
    for (const attempt of attempts) {
      const changes = Object.fromEntries(
        Object.entries(attempt).filter(([field, value]) => value !== undefined && !now[field]?.equals(value)),
      ) as Record<string, Buffer>;
      expect(Object.keys(changes)).not.toEqual([]);
      await admin.hset(keyOf(mallory), changes);
      expect([Object.keys(changes), (await store.load(mallory)).status]).toEqual([
        Object.keys(changes),
        'unreadable',
      ]);
      await admin.del(keyOf(mallory));
      await admin.hset(keyOf(mallory), now);
      const found = await store.load(mallory);
      expect(found).toMatchObject({ status: 'found', record: { principal: 'mallory' } });
      expect(found.status === 'found' && decoded(found.record.attributes)).toEqual({
        cart: 'tea',
        role: 'guest',
      });
    }
  });

  it('finds no use for what is there between the steps of a login', async () => {
    const seen: Record<string, Buffer>[] = [];
    const inner = await redisStore(redis.port);
    const saved = inner.save.bind(inner);
    inner.save = async (id, ...rest) => {
      const record = await stolen(id);
      if (record['#key']?.length === 0) seen.push(record);
      return saved(id, ...rest);
    };
    const store = new EncryptedStore(inner, ring);
    const guest = freshId();
    await store.create(guest, newSession({ role: 'none' }, { authenticated: false }));
    const user = await logIn(store, guest, 'mallory');
    const direct = freshId();
    await store.create(direct, newSession({}, { principal: 'mallory' }));
    expect(seen).toHaveLength(2);
    for (const [at, id] of [user, direct].entries()) {
      await admin.hset(keyOf(id), seen[at] as Record<string, Buffer>);
      expect(await store.load(id)).toEqual({ status: 'unreadable', reason: expect.stringMatching(/login/) });
      // Left alone, since a login may be under way.
      expect(await admin.exists(keyOf(id))).toBe(1);
    }
  });
});

describe('EncryptedStore', () => {
  it('reads what 0.1 has written, and binds it to its login with the next id change', async () => {
    const shared = await redisStore(redis.port);
    const [id, key] = [freshId(), ValueKey.random()];
    const sealed = (context: string, text: string): Buffer => key.seal(Buffer.from(text), context);
    // As 0.1 did it: the key is bound to id and codec, the principal to nothing.
    await shared.create(id, {
      ...newSession({}, { principal: sealed('principal', 'anna').toString('base64') }),
      codec: 'json_aesgcm',
      attributes: new Map([
        ['#key', ring.lock(key, `session ${id} json_aesgcm`)],
        ['cart', sealed('attribute cart', 'tea')],
      ]),
    });
    const store = new EncryptedStore(shared, ring);
    const expectThere = async (at: SessionId): Promise<void> => {
      const found = await new EncryptedStore(shared, ring).load(at);
      expect(found).toMatchObject({ status: 'found', record: { principal: 'anna', codec: 'json' } });
      expect(found.status === 'found' && decoded(found.record.attributes)).toEqual({ cart: 'coffee' });
    };
    await store.save(id, change({ cart: 'coffee' }));
    await expectThere(id);
    const rotated = new KeyRing([randomBytes(32)]);
    expect((await new EncryptedStore(shared, rotated).load(id)).status).toBe('unreadable');
    const next = freshId(id);
    await store.renew(id, renewal(next));
    await expectThere(next);
    const record = await stolen(next);
    await admin.hset(keyOf(next), '@info', infoWith(record, { login: '1' }));
    expect((await store.load(next)).status).toBe('unreadable');
  });

  it('writes the same value differently each time, and never in plain', async () => {
    const inner = new MemoryStore({ maxSessions: 10, maxBytes: 1e6, tombstoneMs: 1000, now: () => 0 });
    const store = new EncryptedStore(inner, ring);
    const plain = Buffer.from('marker of a customer');
    const stored: Buffer[] = [];
    for (let i = 0; i < 2; i += 1) {
      const id = idOf(newToken());
      await store.create(id, {
        attributes: new Map([['a', plain]]),
        codec: 'msgpack',
        maxInactiveInterval: 60,
        absoluteTimeout: 0,
        principal: 'alice',
        authenticated: true,
      });
      await store.save(id, { set: new Map([['b', plain]]), remove: [], authenticated: true });
      const record = inner.peek(id);
      expect(record?.principal).not.toContain('alice');
      for (const value of record?.attributes.values() ?? []) stored.push(Buffer.from(value));
    }
    expect(new Set(stored.map((value) => value.toString('hex'))).size).toBe(6);
    for (const value of stored) expect(value.includes(plain)).toBe(false);
  });

  it('compares what is meant, not the bytes that lie there', async () => {
    const inner = new MemoryStore({ maxSessions: 10, maxBytes: 1e6, tombstoneMs: 1000, now: () => 0 });
    const [one, two] = [new EncryptedStore(inner, ring), new EncryptedStore(inner, ring)];
    const id = idOf(newToken());
    const bytes = (text: string): Buffer => Buffer.from(text);
    const attributes = new Map([['n', bytes('1')]]);
    await one.create(id, {
      attributes,
      codec: 'json',
      maxInactiveInterval: 60,
      absoluteTimeout: 0,
      authenticated: true,
    });
    // The other node writes the same value again, so that its stored form is another one.
    await two.save(id, { set: new Map([['n', bytes('1')]]), remove: [], authenticated: true });
    expect(await one.compareAndSet(id, 'n', attributes.get('n'), bytes('2'), true)).toMatchObject({
      status: 'written',
    });
    // Bytes that no load has handed out.
    expect(await two.compareAndSet(id, 'n', bytes('2'), bytes('3'), true)).toMatchObject({
      status: 'written',
    });
    expect(await one.compareAndSet(id, 'n', bytes('2'), bytes('4'), true)).toEqual({
      status: 'conflict',
      actual: bytes('3'),
    });
  });
});
