import { describe, expect, it } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { idOf, newToken } from '../../lib/core/token.js';
import { ENCRYPTION_OVERHEAD, EncryptedStore } from '../../lib/stores/encrypted-store.js';
import { KeyRing } from '../../lib/stores/key-ring.js';
import { MemoryStore } from '../../lib/stores/memory-store.js';
import { connect, redisLifeMs, redisStore } from '../contract/redis-rig.js';
import { describeSessionStore } from '../contract/session-store.contract.js';
import { startRedis } from '../support/redis-server.js';

const redis = await startRedis();
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

describe('EncryptedStore', () => {
  it('writes the same value differently each time, and never in plain', async () => {
    const inner = new MemoryStore({ maxSessions: 10, maxBytes: 1e6, endedMarkerMs: 1000, now: () => 0 });
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
    const inner = new MemoryStore({ maxSessions: 10, maxBytes: 1e6, endedMarkerMs: 1000, now: () => 0 });
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
