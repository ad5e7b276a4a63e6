import { describe, expect, it } from '@jest/globals';
import { SessionGoneError } from '../../../lib/core/errors.js';
import type { SessionEvent } from '../../../lib/core/events.js';
import { UserSessions } from '../../../lib/core/user-sessions.js';
import { MemorySessionIndex } from '../../../lib/stores/memory-index.js';
import { MemoryStore } from '../../../lib/stores/memory-store.js';
import { freshId, newSession } from '../../contract/builders.js';
import { CoreFixture, overriding } from './helpers.js';

/** Sessions of users over memory, with a clock of the test's. */
function start(): {
  users: UserSessions;
  store: MemoryStore;
  index: MemorySessionIndex;
  pass: (ms: number) => void;
} {
  let now = 1_700_000_000_000;
  const clock = (): number => now;
  const store = new MemoryStore({ maxSessions: 100, maxBytes: 1e7, tombstoneMs: 60_000, now: clock });
  const index = new MemorySessionIndex(clock);
  const events: SessionEvent[] = [];
  const users = new UserSessions({
    store,
    index,
    rules: { maxSessionsPerUser: 0, sessionLimitPolicy: 'reject' },
    events: { emit: (event) => void events.push(event) },
    log: { debug: () => undefined },
    now: clock,
  });
  return { users, store, index, pass: (ms) => void (now += ms) };
}

const session = (): ReturnType<typeof newSession> =>
  newSession({}, { principal: 'anna', indexed: true, maxInactiveInterval: 1800 });

describe("a user's sessions", () => {
  it('a login whose node stood still until the tombstone had expired does not outlive an end of all', async () => {
    const { users, store, pass } = start();
    const id = freshId();
    const reservation = await users.reserve('anna', id, 1800);
    expect(await users.end('anna')).toBe(0);
    pass(61_000);
    expect((await store.create(id, session())).status).toBe('written');
    expect(await reservation.written()).toBe(false);
    expect((await store.load(id)).status).toBe('ended');
  });

  it('nor does one that is still named then, since the end has not come to that yet', async () => {
    const { users, store, index, pass } = start();
    const id = freshId();
    const reservation = await users.reserve('anna', id, 1800);
    const [name] = index.namesOf('anna');
    if (name !== undefined) await index.end(name);
    await store.destroy(id, { reserved: true });
    pass(61_000);
    await store.create(id, session());
    expect(await reservation.written()).toBe(false);
  });

  it('one that begins is named by its write where that can be one step, and else beforehand', async () => {
    const { store } = start();
    const entry = { list: 'of anna', lifeMs: 1, device: '' };
    const asked: string[] = [];
    const events = { emit: () => undefined };
    class Noting extends MemorySessionIndex {
      readonly joint = (): typeof entry | undefined => this.given;
      constructor(private readonly given: typeof entry | undefined) {
        super(() => 0);
      }
      override add(...args: Parameters<MemorySessionIndex['add']>): ReturnType<MemorySessionIndex['add']> {
        asked.push(args[0]);
        return super.add(...args);
      }
    }
    const users = (joint: typeof entry | undefined, maxSessionsPerUser = 0): UserSessions =>
      new UserSessions({
        store,
        index: new Noting(joint),
        rules: { maxSessionsPerUser, sessionLimitPolicy: 'reject' },
        events,
        log: { debug: () => undefined },
        now: () => 0,
      });
    const reservation = await users(entry).reserve('anna', freshId(), 1800);
    expect([reservation.entry, await reservation.written(), asked]).toEqual([entry, true, []]);
    // Where there are two places, and where there is a limit, which the list has to keep beforehand.
    for (const [joint, limit, who] of [
      [undefined, 0, 'bert'],
      [entry, 9, 'carl'],
    ] as const) {
      const { entry: none } = await users(joint, limit).reserve(who, freshId(), 1800);
      expect([none, asked.at(-1)]).toEqual([undefined, who]);
    }
  });

  it('a slow login that nobody has ended stands', async () => {
    const { users, store, pass } = start();
    const id = freshId();
    const reservation = await users.reserve('anna', id, 1800);
    pass(31_000);
    await store.create(id, session());
    expect(await reservation.written()).toBe(true);
  });

  it('are told to the index again before it forgets them, and not oftener than is needed', async () => {
    const { users, store, index, pass } = start();
    const id = freshId();
    const reservation = await users.reserve('anna', id, 100);
    await store.create(id, newSession({}, { principal: 'anna', indexed: true, maxInactiveInterval: 100 }));
    await reservation.written();
    let told = 0;
    const [name] = index.namesOf('anna');
    for (let seconds = 0; seconds < 1000; seconds += 10) {
      pass(10_000);
      const found = await store.load(id);
      if (found.status !== 'found' || name === undefined) throw new Error('Expected it to live.');
      const before = found.record.indexedAt;
      await users.used(id, found);
      await new Promise((resolve) => setImmediate(resolve));
      const after = await store.load(id, { touch: false });
      if (after.status === 'found' && after.record.indexedAt !== before) told += 1;
      expect((await index.read(name)).entries).toHaveLength(1);
    }
    expect(told).toBeGreaterThanOrEqual(15);
    expect(told).toBeLessThanOrEqual(25);
  });

  it('a login that was ended before it was written fails, and begins nothing else', async () => {
    const { users, store } = start();
    let end: () => Promise<unknown> = async () => undefined;
    const create: typeof store.create = async (...args) => {
      await end();
      return store.create(...args);
    };
    const fixture = new CoreFixture({ environment: { users, store: overriding(store, { create }) } });
    const request = await fixture.browser().request();
    end = () => users.end('anna');
    await expect(request.session.authenticate('anna')).rejects.toThrow(SessionGoneError);
    const listed: string[] = [];
    for await (const { id } of users.list('anna')) listed.push(id);
    expect(listed).toEqual([]);
  });
});
