import { glance, inGroups, liveSessions, type ListedSession } from './every-session.js';
import { SessionCountError } from './errors.js';
import type { EndedEvent, SessionEvents } from './events.js';
import {
  RESERVATION_MS,
  type IndexAddition,
  type IndexEntry,
  type IndexName,
  type IndexReading,
  type JointEntry,
  type SessionIndex,
} from './session-index.js';
import { NEVER_MS } from './times.js';
import {
  TOMBSTONE_MS,
  type Found,
  type LoadOutcome,
  type SessionRecord,
  type SessionStore,
} from './store.js';
import type { SessionId } from './token.js';

/** How many sessions a user may have at once. */
interface SessionCountRules {
  /** 0: any number. */
  readonly maxSessionsPerUser: number;
  /** What happens to one login more: the oldest one ends for it, or it is refused. */
  readonly sessionLimitPolicy: 'evict-oldest' | 'reject';
}

/** What the sessions of users need. */
interface UserSessionsOptions {
  readonly store: SessionStore;
  readonly index: SessionIndex;
  readonly rules: SessionCountRules;
  readonly events: SessionEvents;
  /** Of what is done in the background. */
  readonly log: { debug(message: string): void };
  /** Monotonic milliseconds. */
  readonly now: () => number;
}

/** What is told of a session that is about to be written. */
type ReservedSession = Pick<IndexAddition, 'replaces' | 'keepsLogin' | 'device'>;

/** A session that is about to be written. */
export interface Reservation {
  /** The index is told of it by the write, which is to be given this. Undefined: it has been told. */
  readonly entry?: JointEntry | undefined;
  /** It has been written. False: it was ended before that, so that it is not to be used. */
  written(): Promise<boolean>;
  /** It has not been written, and will not be. Never rejects. */
  released(): Promise<void>;
}

/** Sessions that are looked at, or ended, at the same time. */
const AT_ONCE = 32;
/** Attempts at a place within the limit: each has made room, which another login took first. */
const MOST_TRIES = 20;
/** Once an entry without a record is this old, its session was never written; before, it may be about to be. */
const GRACE_MS = TOMBSTONE_MS;

/**
 * The sessions of users: those of one are found, counted, limited and ended by their principal. What makes that exact, with
 * logins and ends under way on other nodes, is told in docs/users-sessions-protocol.md.
 */
export class UserSessions {
  readonly #options: UserSessionsOptions;

  constructor(options: UserSessionsOptions) {
    this.#options = options;
  }

  /**
   * Before a session with a principal is written under an id of its own: names it in the index, and ends what is beyond the
   * user's limit.
   * @param idleSeconds See SessionRecord.maxInactiveInterval.
   * @throws SessionCountError where the limit does not allow it.
   */
  async reserve(
    principal: string,
    id: SessionId,
    idleSeconds: number,
    more: ReservedSession = {},
  ): Promise<Reservation> {
    const { index, rules, now } = this.#options;
    const startedAt = now();
    const addition = { ...more, lifeMs: entryLifeMs(idleSeconds) };
    // An id change makes no session more.
    const limit = more.keepsLogin === true ? 0 : rules.maxSessionsPerUser;
    const entry = limit === 0 ? index.joint?.(principal, addition) : undefined;
    if (entry !== undefined) return { entry, written: () => Promise.resolve(true), released: resolved };
    if (limit > 0) await this.#addInPlace(principal, id, addition, limit);
    else await index.add(principal, id, addition);
    return {
      written: () => this.#written(principal, id, startedAt, more.replaces),
      released: () => this.#remove(principal, [id]).catch(nothing),
    };
  }

  /** Adds an entry, and ends those whose place it takes. */
  async #addInPlace(principal: string, id: SessionId, addition: IndexAddition, limit: number): Promise<void> {
    const beyond = await this.#addLimited(principal, id, addition, limit);
    try {
      await this.#evict(principal, beyond);
    } catch (error) {
      await this.#remove(principal, [id]).catch(nothing);
      throw error;
    }
  }

  /** Adds an entry. Returns which ones are to be ended for it. */
  async #addLimited(
    principal: string,
    id: SessionId,
    addition: IndexAddition,
    limit: number,
  ): Promise<readonly SessionId[]> {
    const { index, rules } = this.#options;
    const evict = rules.sessionLimitPolicy === 'evict-oldest';
    await this.#takeFromRetired(principal);
    for (let tries = 1; ; tries += 1) {
      // From the third attempt on, the oldest entries go, whether or not their sessions are live.
      const added = await index.add(principal, id, { ...addition, limit, evict: evict && tries > 2 });
      if (added.status === 'added') return added.beyond;
      const removed = await this.#removeDead(principal, added.reading);
      if (!evict && (removed === 0 || tries === MOST_TRIES)) break;
      if (evict && removed === 0) tries = 2;
    }
    throw new SessionCountError(
      `A user may have ${limit} sessions at once (REDIS_SESSION_MAX_SESSIONS_PER_USER), and this one has them. End one of ` +
        'them, or let the oldest end with REDIS_SESSION_SESSION_LIMIT_POLICY=evict-oldest.',
      { limit },
    );
  }

  /** Moves live sessions from older lists, which are only read, into the one that is written to, so that all of them count. */
  async #takeFromRetired(principal: string): Promise<void> {
    const { index } = this.#options;
    for (const name of index.namesOf(principal).slice(1)) {
      const { entries } = await index.read(name);
      for (const [{ id, loginAt }, outcome] of await this.#look(entries)) {
        if (outcome.status !== 'found') continue;
        const lifeMs = entryLifeMs(outcome.record.maxInactiveInterval);
        if ((await index.enter(principal, id, { lifeMs, loginAt })) === 'entered')
          await index.remove(name, [id]);
      }
    }
  }

  /** Ends sessions before the one that takes their place is written, so that there are never more than the limit. */
  async #evict(principal: string, ids: readonly SessionId[]): Promise<void> {
    if (ids.length === 0) return;
    const { store } = this.#options;
    for (const id of ids) {
      const { status } = await store.destroy(id, { reserved: true, followLogins: false, why: 'evicted' });
      if (status === 'removed') this.#tell({ type: 'evicted', id });
    }
    this.#inBackground(this.#remove(principal, ids));
  }

  async #written(
    principal: string,
    id: SessionId,
    startedAt: number,
    replaced: SessionId | undefined,
  ): Promise<boolean> {
    const { index, store, now } = this.#options;
    // After that long, a tombstone that was left to stop this write may have expired before it.
    if (now() - startedAt > RESERVATION_MS) {
      const [name] = index.namesOf(principal) as [IndexName];
      if (!(await index.stands(name, id))) {
        await store.destroy(id);
        return false;
      }
    }
    if (replaced !== undefined) this.#inBackground(this.#remove(principal, [replaced]));
    return true;
  }

  /** A session has ended. */
  left(principal: string, id: SessionId): void {
    this.#inBackground(this.#remove(principal, [id]));
  }

  /** Called before a session is made to live for longer than its entry would. */
  async prolonged(principal: string, id: SessionId, idleSeconds: number, loginAt: number): Promise<void> {
    await this.#options.index.enter(principal, id, { lifeMs: entryLifeMs(idleSeconds), loginAt });
  }

  /**
   * A session is used. Its entry in the index is renewed where it could expire before the session, and made where there is
   * none, as for sessions of 0.1. Resolves to false where all sessions of the user were ended before this one had an entry:
   * then it is ended as well. Undefined: there is nothing to wait for.
   */
  used(id: SessionId, { record, now }: Found): Promise<boolean> | undefined {
    const { principal, indexedAt, maxInactiveInterval } = record;
    if (principal === undefined) return undefined;
    if (indexedAt !== undefined && now - indexedAt < refreshAfterMs(maxInactiveInterval)) return undefined;
    const entered = this.#enter(id, record, principal);
    if (indexedAt === undefined) return entered.catch(() => true);
    this.#inBackground(entered);
    return undefined;
  }

  async #enter(id: SessionId, record: SessionRecord, principal: string): Promise<boolean> {
    const { index, store } = this.#options;
    const lifeMs = entryLifeMs(record.maxInactiveInterval);
    const loginAt = record.authenticatedAt ?? record.createdAt;
    if ((await index.enter(principal, id, { lifeMs, loginAt })) === 'ended') {
      const { status } = await store.destroy(id);
      if (status === 'removed') this.#tell({ type: 'destroyed', id });
      return false;
    }
    this.#inBackground(
      store.save(id, { set: new Map(), remove: [], authenticated: record.authenticated, indexed: true }),
    );
    return true;
  }

  /**
   * The live sessions of a user, newest login first. Looking is not using.
   * @param after Only those behind the one with this id; none where it is not there. Those before it are not looked at.
   */
  async *list(principal: string, after?: string): AsyncGenerator<ListedSession> {
    const known = new Map<SessionId, IndexEntry>();
    for (const name of this.#options.index.namesOf(principal))
      for (const entry of (await this.#options.index.read(name)).entries)
        known.set(entry.id, { ...entry, device: entry.device ?? known.get(entry.id)?.device });
    const entries = [...known.values()].sort(
      (a, b) => b.loginAt - a.loginAt || b.addedAt - a.addedAt || (a.id < b.id ? 1 : -1),
    );
    const place = after === undefined ? -1 : entries.findIndex(({ id }) => id === after);
    const start = after !== undefined && place < 0 ? entries.length : place + 1;
    const dead: SessionId[] = [];
    for (let at = start; at < entries.length; at += AT_ONCE) {
      for (const [entry, outcome] of await this.#look(entries.slice(at, at + AT_ONCE))) {
        const { id, device } = entry;
        if (outcome.status === 'found') yield { id, found: outcome, device };
        else if (isOver(outcome)) dead.push(id);
      }
    }
    // Not where the caller stops reading early: then the next list removes them.
    if (dead.length > 0) this.#inBackground(this.#remove(principal, dead, GRACE_MS));
  }

  /** See {@link liveSessions}. */
  all(): AsyncGenerator<ListedSession> {
    return liveSessions(this.#options);
  }

  /**
   * Ends all sessions of a user: those that are there, and those whose login or id change has begun. Returns how many there
   * were.
   */
  async end(principal: string, except: ReadonlySet<string> = new Set()): Promise<number> {
    let ended = 0;
    for (const name of this.#options.index.namesOf(principal)) ended += await this.#endNamed(name, except);
    return ended;
  }

  /** Ends all sessions of everybody, guests as well. */
  async endAll(except: ReadonlySet<string> = new Set()): Promise<number> {
    let ended = 0;
    for await (const names of inGroups(this.#options.index.names(), AT_ONCE)) {
      const counts = await Promise.all(names.map((name) => this.#endNamed(name, except)));
      for (const count of counts) ended += count;
    }
    for await (const ids of inGroups(this.#options.store.ids(), AT_ONCE)) {
      const outcomes = await Promise.all(
        ids.filter((id) => !except.has(id)).map((id) => this.#end(id, false)),
      );
      ended += outcomes.filter(Boolean).length;
    }
    return ended;
  }

  async #endNamed(name: IndexName, except: ReadonlySet<string>): Promise<number> {
    const { index } = this.#options;
    const { now, entries } = await index.end(name);
    const toEnd = entries.filter(
      ({ id, replaces }) => !except.has(id) && !(replaces && except.has(replaces)),
    );
    let ended = 0;
    for (let at = 0; at < toEnd.length; at += AT_ONCE) {
      const group = toEnd.slice(at, at + AT_ONCE);
      // An entry that is old has its record by now, or never will; only younger ones need a tombstone that stops the write.
      const outcomes = await Promise.all(
        group.map(({ id, addedAt }) => this.#end(id, now - addedAt < GRACE_MS)),
      );
      ended += outcomes.filter(Boolean).length;
    }
    const ids = toEnd.map(({ id }) => id);
    if (ids.length > 0) await index.remove(name, ids);
    return ended;
  }

  async #end(id: SessionId, reserved: boolean): Promise<boolean> {
    const { status } = await this.#options.store.destroy(id, { reserved, followLogins: false });
    if (status === 'removed') this.#tell({ type: 'destroyed', id });
    return status === 'removed';
  }

  /** Removes entries of sessions that are not there. Returns how many. */
  async #removeDead(principal: string, { now, entries }: IndexReading): Promise<number> {
    const dead: SessionId[] = [];
    for (const [{ id, addedAt }, outcome] of await this.#look(entries))
      if (outcome.status === 'ended' || (isOver(outcome) && now - addedAt >= GRACE_MS)) dead.push(id);
    if (dead.length > 0) await this.#remove(principal, dead);
    return dead.length;
  }

  async #look(entries: readonly IndexEntry[]): Promise<[IndexEntry, LoadOutcome][]> {
    const looks: [IndexEntry, LoadOutcome][] = [];
    for (let at = 0; at < entries.length; at += AT_ONCE) {
      const group = entries.slice(at, at + AT_ONCE);
      const outcomes = await Promise.all(group.map(({ id }) => glance(this.#options.store, id)));
      outcomes.forEach((outcome, place) => looks.push([group[place] as IndexEntry, outcome]));
    }
    return looks;
  }

  async #remove(principal: string, ids: readonly SessionId[], minimumAgeMs = 0): Promise<void> {
    const { index } = this.#options;
    await Promise.all(index.namesOf(principal).map((name) => index.remove(name, ids, minimumAgeMs)));
  }

  #tell(event: EndedEvent): void {
    this.#options.events.emit(event);
  }

  /** For work on the index that may fail: whoever reads the index next makes up for it. */
  #inBackground(work: Promise<unknown>): void {
    work.catch((error: unknown) => {
      const message = error instanceof Error ? error.message : 'unknown failure';
      this.#options.log.debug(`The index of users' sessions is left as it was: ${message}`);
    });
  }
}

function isOver({ status }: LoadOutcome): boolean {
  return status === 'absent' || status === 'ended';
}

/**
 * How long an entry is kept: more than twice what its session lives unused, and it is told again when half of that has
 * passed, so that one that could not be told for a while does not end before the session.
 */
function entryLifeMs(idleSeconds: number): number {
  return idleSeconds > 0 ? Math.min(idleSeconds * 2500 + GRACE_MS, NEVER_MS) : NEVER_MS;
}

function refreshAfterMs(idleSeconds: number): number {
  return idleSeconds > 0 ? idleSeconds * 500 : NEVER_MS / 4;
}

function nothing(): void {
  // Whoever reads the index next finds an entry that should not be there.
}

function resolved(): Promise<void> {
  return Promise.resolve();
}
