import { realSleep } from './clock.js';
import type { IndexName, SessionDevice, SessionIndex } from './session-index.js';
import type { Found, LoadOutcome, SessionStore } from './store.js';
import type { SessionId } from './token.js';

/** A session of a list as it was found in the store. */
export interface ListedSession {
  readonly id: SessionId;
  readonly found: Found;
  readonly device: SessionDevice | undefined;
}

/** Sessions that a walk looks at, at the same time: what else this process and Redis have to do waits for so many at most. */
const AT_ONCE = 4;
/** After each look it stands still for so many times as long as that took: most of the time is others'. */
const REST = 2;
const [LEAST_REST_MS, MOST_REST_MS] = [1, 100];

/** A look at a session that is no use of it, and loads none of its attributes. */
export function glance(store: SessionStore, id: SessionId): Promise<LoadOutcome> {
  return store.load(id, { touch: false, only: [] });
}

/** What is walked. */
interface Walked {
  readonly store: SessionStore;
  readonly index: SessionIndex;
  /** Monotonic milliseconds. */
  readonly now: () => number;
}

/**
 * Every live session that counts as authenticated, a few at a time: those with a principal, and those of the application's own
 * `isAuthenticated`. Walks the records, so that one that is in no list is found as well.
 */
export async function* liveSessions({ store, index, now }: Walked): AsyncGenerator<ListedSession> {
  for await (const ids of inGroups(store.ids(), AT_ONCE)) {
    const startedAt = now();
    const looks = await Promise.all(ids.map((id) => glance(store, id)));
    const live = looks.flatMap((found, at) =>
      found.status === 'found' && found.record.authenticated ? [{ id: ids[at] as SessionId, found }] : [],
    );
    const devices = await devicesOf(index, live);
    const restMs = Math.min(Math.max((now() - startedAt) * REST, LEAST_REST_MS), MOST_REST_MS);
    for (const { id, found } of live) yield { id, found, device: devices.get(id) };
    if (ids.length === AT_ONCE) await realSleep(restMs);
  }
}

async function devicesOf(
  index: SessionIndex,
  sessions: readonly Pick<ListedSession, 'id' | 'found'>[],
): Promise<Map<SessionId, SessionDevice>> {
  const wanted = new Map<IndexName, SessionId[]>();
  for (const { id, found } of sessions) {
    const { principal } = found.record;
    if (principal === undefined) continue;
    for (const name of index.namesOf(principal)) wanted.set(name, [...(wanted.get(name) ?? []), id]);
  }
  const readings = await Promise.all([...wanted].map(([name, ids]) => index.read(name, ids)));
  const devices = new Map<SessionId, SessionDevice>();
  for (const { entries } of readings)
    for (const { id, device } of entries) if (device !== undefined) devices.set(id, device);
  return devices;
}

/** One after the other as lists of so many. */
export async function* inGroups<T>(all: AsyncIterable<T>, size: number): AsyncGenerator<T[]> {
  let group: T[] = [];
  for await (const one of all) {
    group.push(one);
    if (group.length < size) continue;
    yield group;
    group = [];
  }
  if (group.length > 0) yield group;
}
