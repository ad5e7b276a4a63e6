import { beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { NewSession, SessionChange, WriteOutcome } from '../../lib/core/store.js';
import type { SessionId } from '../../lib/core/token.js';
import type { RedisClient } from '../../lib/redis/client.js';
import type { RedisCommands } from '../../lib/redis/commands.js';
import type { RedisStore } from '../../lib/stores/redis/redis-store.js';
import { SAVE } from '../../lib/stores/redis/scripts.js';
import { change, freshId, newSession, renewal } from '../contract/builders.js';
import { connect, keyOf, redisStore } from '../contract/redis-helpers.js';
import { setPart } from '../support/record-fields.js';
import { startRedis, type RedisProcess } from '../support/redis-server.js';

/** What a step takes on a machine that is busy, in milliseconds; lives differ by more. */
const PATIENCE_MS = 3000;

let redis: RedisProcess;
let client: RedisClient;
/** What the latest save has shown to Redis of the record. */
let shown: unknown;

beforeAll(async () => {
  redis = await startRedis();
  client = await connect(redis.port);
});

function noting(commands: RedisCommands): RedisCommands {
  const run = commands.run.bind(commands);
  commands.run = (script, keys, args, outer) => {
    if (script === SAVE) [shown] = args;
    return run(script, keys, args, outer);
  };
  return commands;
}

function storeOf(touchIntervalMs: number): Promise<RedisStore> {
  return redisStore(redis.port, { touchIntervalMs, anonymousCopySeconds: 40, wrap: noting });
}

/** A change of the session as a request writes it that has loaded it. */
async function asLoaded(store: RedisStore, id: SessionId, what: SessionChange): Promise<SessionChange> {
  const outcome = await store.load(id, { touch: false });
  if (outcome.status !== 'found') throw new Error(`Expected a session, the store says ${outcome.status}.`);
  return { ...what, mark: outcome.record.mark };
}

/** What a record holds, but for its name and times. */
async function contentOf(id: SessionId): Promise<Record<string, string>> {
  const { '@v': head = '', '@used': _used, '@info': info = '', ...rest } = await client.hgetall(keyOf(id));
  const [version, , idle, until, ...others] = head.split(' ');
  return {
    ...rest,
    '@v': [version, idle, until === '0' ? 'no deadline' : 'a deadline', ...others].join(' '),
    '@info': info.split(' ').slice(2).join(' '),
  };
}

const SESSIONS: readonly (readonly [string, Partial<Omit<NewSession, 'attributes'>>])[] = [
  ['of a user', { principal: 'anna' }],
  ['of a guest', { authenticated: false }],
  ['of a guest that is kept', { authenticated: false, kept: true }],
  ['with an absolute deadline', { absoluteTimeout: 3600 }],
  ['whose absolute deadline comes first', { absoluteTimeout: 900 }],
  ['of a guest whose absolute deadline comes first', { authenticated: false, absoluteTimeout: 20 }],
  ['with a short idle life', { maxInactiveInterval: 60 }],
  [
    'of a guest with an idle life that is shorter than a copy',
    { authenticated: false, maxInactiveInterval: 20 },
  ],
  ['without an idle timeout', { maxInactiveInterval: 0 }],
  ['without an idle timeout, with a deadline', { maxInactiveInterval: -1, absoluteTimeout: 600 }],
];

/** Each with whether it leaves the limits of a session as they are, by whether that is a user's. */
const CHANGES: readonly (readonly [string, SessionChange, (lasting: boolean) => boolean])[] = [
  ['an attribute', change({ cart: 'mug' }), () => true],
  ['an attribute that grows', change({ cart: 'a teapot, two mugs' }), () => true],
  ['several attributes, and one goes', change({ a: '1', b: '2' }, { remove: ['cart'] }), () => true],
  ['nothing', change({}), () => true],
  ['an attribute and the cookie', change({ cart: 'x' }, { cookie: { maxAge: 60, sent: false } }), () => true],
  ['the idle life', change({ cart: 'mug' }, { maxInactiveInterval: 1234 }), () => false],
  ['who counts as authenticated now', change({ cart: 'mug' }), (lasting) => lasting],
];

describe.each([0, 30_000, 1_000_000])('With a touch interval of %i ms', (touchIntervalMs) => {
  let store: RedisStore;
  beforeAll(async () => {
    store = await storeOf(touchIntervalMs);
  });

  describe.each(SESSIONS)('a session %s', (_name, session) => {
    it.each(CHANGES)(
      'is the same after a save of %s, whether or not that shows what was loaded',
      async (what, written, leavesLimits) => {
        const [one, other] = [freshId(), freshId()];
        for (const id of [one, other]) await store.create(id, newSession(undefined, session));
        const lasting = session.authenticated !== false || session.kept === true;
        const authenticated = what.startsWith('who') || session.authenticated !== false;
        const difference = { ...written, authenticated };

        const outcome = await store.save(one, await asLoaded(store, one, difference));
        expect(shown === '').toBe(!leavesLimits(lasting));
        const plain = await store.save(other, difference);
        expect(shown).toBe('');

        expect(withoutTimes(outcome)).toEqual(withoutTimes(plain));
        expect(await contentOf(one)).toEqual(await contentOf(other));
        const [life, plainLife] = [await client.pttl(keyOf(one)), await client.pttl(keyOf(other))];
        expect(Math.abs(life - plainLife)).toBeLessThan(PATIENCE_MS);
      },
    );
  });
});

function withoutTimes(outcome: WriteOutcome): unknown {
  if (outcome.status !== 'written') return outcome;
  return { ...outcome, now: 0, absoluteDeadline: outcome.absoluteDeadline !== undefined };
}

describe('A save of a session that another node has changed since it was loaded', () => {
  let store: RedisStore;
  let id: SessionId;
  let late: SessionChange;
  beforeEach(async () => {
    store = await storeOf(30_000);
    id = freshId();
    await store.create(id, newSession());
    late = await asLoaded(store, id, change({ late: '1' }));
  });

  it('leaves a shorter idle life as it is', async () => {
    await store.save(id, change({}, { maxInactiveInterval: 30 }));
    expect(await store.save(id, late)).toMatchObject({ status: 'written' });
    expect(shown).not.toBe('');
    expect(await client.hget(keyOf(id), 'late')).toBe('1');
    expect(await client.pttl(keyOf(id))).toBeLessThanOrEqual(33_000);
    expect(await client.hget(keyOf(id), '@v')).toContain(' 30 0 0 1 0');
  });

  it('keeps what a later deadline says of its end', async () => {
    await setPart(client, keyOf(id), 'until', Date.now() - 1000);
    expect(await store.save(id, late)).toMatchObject({ status: 'absent' });
    expect(await client.exists(keyOf(id))).toBe(0);
  });

  it('writes nothing after a logout', async () => {
    await store.destroy(id);
    expect(await store.save(id, late)).toEqual({ status: 'ended' });
    expect(await client.hget(keyOf(id), 'late')).toBeNull();
  });

  it('is told where it has gone', async () => {
    const newId = freshId(id);
    await store.renew(id, renewal(newId, {}, { graceSeconds: 30 }));
    expect(await store.save(id, late)).toEqual({ status: 'ended', movedTo: newId, inGrace: true });
    // What was loaded is of the old id.
    expect(await store.save(newId, late)).toMatchObject({ status: 'written' });
    expect(await client.hget(keyOf(newId), 'late')).toBe('1');
  });

  it('brings none back that has expired', async () => {
    await client.del(keyOf(id));
    expect(await store.save(id, late)).toEqual({ status: 'absent' });
    expect(await client.exists(keyOf(id))).toBe(0);
  });

  it('does not touch the record of a newer format', async () => {
    await setPart(client, keyOf(id), 'version', 2);
    await expect(store.save(id, late)).rejects.toThrow('of another format');
    expect(await client.hget(keyOf(id), 'late')).toBeNull();
  });

  it('is over at the absolute deadline that was loaded', async () => {
    const ending = freshId();
    await store.create(ending, newSession({}, { absoluteTimeout: 3600 }));
    await setPart(client, keyOf(ending), 'until', Date.now() + 60_000);
    const loaded = await asLoaded(store, ending, change({ late: '1' }));
    expect(await store.save(ending, loaded)).toMatchObject({ status: 'written' });
    expect(await client.pttl(keyOf(ending))).toBeLessThanOrEqual(60_000);
  });
});
