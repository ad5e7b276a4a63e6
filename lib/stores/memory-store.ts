import { LRUCache } from 'lru-cache';
import { steadyClock } from '../core/clock.js';
import { SessionStoreUnavailableError } from '../core/errors.js';
import { SessionSize, type SessionLimits } from '../core/limits.js';
import { NEVER_MS } from '../core/times.js';
import {
  TOMBSTONE_MS,
  type CompareAndSetOutcome,
  type CookieLife,
  type DestroyOptions,
  type DestroyOutcome,
  type LoadOptions,
  type LoadOutcome,
  type NewSession,
  type NotThere,
  type Quarantine,
  type SessionChange,
  type SessionRecord,
  type SessionRenewal,
  type SessionStore,
  type StoreHealth,
  type WriteOutcome,
  type Written,
} from '../core/store.js';
import type { SessionIndex } from '../core/session-index.js';
import type { SessionId } from '../core/token.js';
import { MemorySessionIndex } from './memory-index.js';

/** Bounds of the sessions in one process. The least recently used go first. */
export interface MemoryStoreOptions {
  /** Most sessions. Default: 10000. */
  readonly maxSessions?: number | undefined;
  /** Most bytes: attribute names and values, and what a record costs beside them. Default: 67108864. */
  readonly maxBytes?: number | undefined;
  /** How long a session's end stays known under its old id, in milliseconds. Default: 60000. */
  readonly tombstoneMs?: number | undefined;
  /** Of one session; undefined: none. */
  readonly limits?: SessionLimits | undefined;
  /** Epoch milliseconds that never go back; lives are counted by it. Default: a steady clock that begins with the time of the start. */
  readonly now?: (() => number) | undefined;
}

/** The options with their defaults filled in. */
interface MemoryStoreRules {
  readonly tombstoneMs: number;
  readonly limits: SessionLimits | undefined;
  readonly now: () => number;
}

/** A session that ended a short while ago. */
interface Ended {
  readonly ended: true;
  /** What it was renewed to. */
  next: SessionId | undefined;
  /** Where it was renewed without a login: until when the old id is served as the new one, epoch milliseconds. */
  follow: number | undefined;
}

type Entry = SessionRecord | Ended;

/** Defaults of {@link MemoryStoreOptions}. */
const MAX_SESSIONS = 10_000;
const MAX_BYTES = 64 * 1024 * 1024;
/** What a record weighs beside its attributes, so that a million empty sessions are bounded too. Measured, rounded up. */
const ENTRY_BYTES = 600;
/** What an attribute weighs beside its name and bytes: a place in a map, a buffer. Measured, rounded up. */
const ATTRIBUTE_BYTES = 300;

/** Sessions in this process's memory: same promises as any store, for one node, bounded, gone with the process. */
export class MemoryStore implements SessionStore, Quarantine {
  /** The index of the nodes that share this store. */
  readonly index: SessionIndex;
  readonly #entries: LRUCache<string, Entry>;
  readonly #options: MemoryStoreRules;
  #closed = false;

  constructor(options: MemoryStoreOptions = {}) {
    const { maxSessions = MAX_SESSIONS, maxBytes = MAX_BYTES, limits } = options;
    const { tombstoneMs = TOMBSTONE_MS, now = steadyClock() } = options;
    this.#options = { tombstoneMs, limits, now };
    this.index = new MemorySessionIndex(now);
    this.#entries = new LRUCache<string, Entry>({
      // No more than can fit: the cache allocates a place for each at the start.
      max: Math.min(maxSessions, Math.max(1, Math.floor(maxBytes / ENTRY_BYTES))),
      maxSize: maxBytes,
      sizeCalculation: weightOf,
      // The clock is asked each time: expiry must not lag behind it.
      ttlResolution: 0,
      perf: { now },
    });
  }

  /** How many sessions and tombstones there are. */
  get size(): number {
    return this.#entries.size;
  }

  async load(id: SessionId, { touch = true }: LoadOptions = {}): Promise<LoadOutcome> {
    const record = this.#find(id, touch);
    if (record === undefined) return { status: 'absent' };
    if (isEnded(record)) return this.#told(record);
    const now = this.#options.now();
    if (touch) this.#put(id, { ...record, lastAccessedAt: now }, now);
    return { status: 'found', record, now };
  }

  async touch(id: SessionId): Promise<void> {
    await this.load(id);
  }

  async create(id: SessionId, session: NewSession): Promise<WriteOutcome> {
    this.#assertOpen();
    if (this.#entries.has(id)) return { status: 'ended', newIdEnded: true };
    const now = this.#options.now();
    const { absoluteTimeout } = session;
    const absoluteDeadline = absoluteTimeout > 0 ? now + absoluteTimeout * 1000 : undefined;
    return this.#put(id, recordOf(session, now, absoluteDeadline), now);
  }

  async save(id: SessionId, change: SessionChange): Promise<WriteOutcome> {
    const record = this.#find(id);
    if (record === undefined) return { status: 'absent' };
    if (isEnded(record)) return this.#told(record);
    const now = this.#options.now();
    return this.#put(id, this.#changed(record, change, now), now);
  }

  async renew(id: SessionId, renewal: SessionRenewal): Promise<WriteOutcome> {
    const record = this.#find(id);
    if (record === undefined) return { status: 'absent' };
    if (isEnded(record)) return this.#told(record);
    const now = this.#options.now();
    const { login, newId, graceSeconds = 0 } = renewal;
    if (this.#entries.has(newId)) return { status: 'ended', newIdEnded: true };
    const renewed: SessionRecord = {
      ...this.#changed(record, renewal, now),
      ...(login !== undefined && {
        principal: login.principal,
        authenticatedAt: now,
        absoluteDeadline: login.absoluteTimeout > 0 ? now + login.absoluteTimeout * 1000 : undefined,
      }),
    };
    const graceMs = graceSeconds * 1000;
    const follow = login === undefined ? now + graceMs : undefined;
    const ttl = Math.max(this.#options.tombstoneMs, graceMs);
    this.#entries.set(id, { ended: true, next: newId, follow }, { ttl });
    return this.#put(newId, renewed, now);
  }

  async compareAndSet(
    id: SessionId,
    name: string,
    expected: Uint8Array | undefined,
    next: Uint8Array | undefined,
    authenticated: boolean,
  ): Promise<CompareAndSetOutcome> {
    const record = this.#find(id);
    if (record === undefined) return { status: 'absent' };
    if (isEnded(record)) return this.#told(record);
    const actual = record.attributes.get(name);
    if (!same(actual, expected)) return { status: 'conflict', actual };
    const now = this.#options.now();
    const set = new Map(next === undefined ? [] : [[name, next]]);
    return this.#put(
      id,
      this.#changed(record, { set, remove: next === undefined ? [name] : [], authenticated }, now),
      now,
    );
  }

  async destroy(
    id: SessionId,
    { reserved = false, followLogins = true }: DestroyOptions = {},
  ): Promise<DestroyOutcome> {
    this.#assertOpen();
    let outcome: DestroyOutcome = { status: 'absent' };
    let next: SessionId | undefined = id;
    while (next !== undefined) {
      const entry: Entry | undefined = this.#entries.peek(next);
      if (entry === undefined) {
        if (reserved) this.#entries.set(next, endedWithout(), { ttl: this.#options.tombstoneMs });
        break;
      }
      if (isEnded(entry)) {
        // The tombstone keeps its life, and no longer leads to another id.
        outcome = { status: 'ended' };
        if (entry.follow === undefined && !followLogins) break;
        next = entry.next;
        entry.next = entry.follow = undefined;
      } else {
        outcome = { status: 'removed', renewed: outcome.status === 'ended' };
        this.#entries.set(next, endedWithout(), { ttl: this.#options.tombstoneMs });
        next = undefined;
      }
    }
    return outcome;
  }

  async *ids(): AsyncIterable<SessionId> {
    this.#assertOpen();
    for (const [id, entry] of [...this.#entries.entries()]) if (!isEnded(entry)) yield id as SessionId;
  }

  /** Drops everything. */
  clear(): void {
    this.#entries.clear();
  }

  async health(): Promise<StoreHealth> {
    this.#assertOpen();
    return { kind: 'memory', topology: 'process', latencyMs: 0 };
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#entries.clear();
  }

  /**
   * Keeps a copy of a record of another store, whose clock says `now`.
   * @param until When it is gone by this store's clock, whatever the session's own interval.
   */
  keep(id: SessionId, record: SessionRecord, now: number, until: number): void {
    this.#put(id, record, now, until - this.#options.now());
  }

  /** The record, if there is one. Does not count as a use. */
  peek(id: SessionId): SessionRecord | undefined {
    const entry = this.#entries.peek(id);
    return entry === undefined || isEnded(entry) ? undefined : entry;
  }

  quarantine(id: SessionId): Promise<void> {
    this.forget(id);
    return Promise.resolve();
  }

  /** Drops a record and leaves no tombstone. */
  forget(id: SessionId): void {
    this.#entries.delete(id);
  }

  /** @param use Whether this counts as a use, so that others are dropped before it. */
  #find(id: SessionId, use = true): Entry | undefined {
    this.#assertOpen();
    return use ? this.#entries.get(id) : this.#entries.peek(id);
  }

  #told({ next, follow }: Ended): NotThere {
    if (next === undefined) return { status: 'ended' };
    if (follow === undefined) return { status: 'ended', byLogin: true };
    return { status: 'ended', movedTo: next, inGrace: follow > this.#options.now() };
  }

  /** @throws SessionLimitError */
  #changed(record: SessionRecord, change: SessionChange, now: number): SessionRecord {
    const next = changed(record, change, now);
    const { limits } = this.#options;
    if (limits !== undefined && change.set.size > 0) {
      sizeOf(next.attributes).assertWithin(limits, () => sizeOf(record.attributes));
    }
    return next;
  }

  #put(id: SessionId, record: SessionRecord, now: number, longest = NEVER_MS): Written {
    const { maxInactiveInterval, absoluteDeadline } = record;
    const idle = maxInactiveInterval > 0 ? maxInactiveInterval * 1000 : NEVER_MS;
    const ttl = Math.min(idle, longest, (absoluteDeadline ?? Infinity) - now);
    if (ttl > 0) this.#entries.set(id, owned(record), { ttl });
    else this.#entries.delete(id);
    return { status: 'written', now, absoluteDeadline };
  }

  #assertOpen(): void {
    if (this.#closed)
      throw new SessionStoreUnavailableError(
        'The session store is closed: the application is shutting down.',
        { reason: 'CLOSED' },
      );
  }
}

/** The record of a session that is created at that time. */
export function recordOf(
  session: NewSession,
  now: number,
  absoluteDeadline: number | undefined,
): SessionRecord {
  const { attributes, codec, maxInactiveInterval, principal, authenticated, kept, cookie } = session;
  // All fields by name: spreading makes room for more than there are, half as much again where there are many records.
  return {
    attributes,
    codec,
    maxInactiveInterval,
    principal,
    authenticated,
    absoluteDeadline,
    kept: kept === true ? true : undefined,
    createdAt: now,
    lastAccessedAt: now,
    authenticatedAt: principal === undefined ? undefined : now,
    indexedAt: session.indexed === true ? now : undefined,
    cookieMaxAge: cookie?.maxAge,
    cookieSentAt: cookie && sentAt(cookie, now),
  };
}

/** A record with a change applied. */
export function changed(record: SessionRecord, change: SessionChange, now: number): SessionRecord {
  const attributes = new Map(record.attributes);
  for (const [name, bytes] of change.set) attributes.set(name, bytes);
  for (const name of change.remove) attributes.delete(name);
  return {
    ...record,
    attributes,
    lastAccessedAt: now,
    maxInactiveInterval: change.maxInactiveInterval ?? record.maxInactiveInterval,
    authenticated: record.authenticated || change.authenticated,
    ...(change.kept !== undefined && { kept: change.kept }),
    indexedAt: change.indexed === true ? now : record.indexedAt,
    ...cookieOf(change.cookie, now),
  };
}

function sizeOf(attributes: ReadonlyMap<string, Uint8Array>): SessionSize {
  const size = new SessionSize();
  for (const [name, bytes] of attributes) size.add(name, bytes);
  return size;
}

/** What a record says of the cookie after a write at that time. */
function cookieOf(
  cookie: CookieLife | undefined,
  now: number,
): Pick<SessionRecord, 'cookieMaxAge' | 'cookieSentAt'> | undefined {
  return cookie && { cookieMaxAge: cookie.maxAge, cookieSentAt: sentAt(cookie, now) };
}

function sentAt({ sent }: CookieLife, now: number): number {
  return sent ? now : 0;
}

/**
 * The record, holding no more memory than its own bytes: those of a loaded record are views of whole chunks of a socket, and
 * those of a codec may be of its buffer, which live for as long as one view does.
 */
function owned(record: SessionRecord): SessionRecord {
  let isOwn = true;
  for (const bytes of record.attributes.values()) isOwn &&= isWhole(bytes);
  if (isOwn) return record;
  const own = [...record.attributes].map(
    ([name, bytes]) => [name, isWhole(bytes) ? bytes : new Uint8Array(bytes)] as const,
  );
  return { ...record, attributes: new Map(own) };
}

function isWhole(bytes: Uint8Array): boolean {
  return bytes.length === bytes.buffer.byteLength;
}

function isEnded(entry: Entry): entry is Ended {
  return 'ended' in entry;
}

/** The tombstone of a session that was not renewed. */
function endedWithout(): Ended {
  return { ended: true, next: undefined, follow: undefined };
}

function weightOf(entry: Entry): number {
  if (isEnded(entry)) return ENTRY_BYTES;
  let bytes = ENTRY_BYTES;
  for (const [name, value] of entry.attributes) bytes += ATTRIBUTE_BYTES + name.length + value.length;
  return bytes;
}

function same(a: Uint8Array | undefined, b: Uint8Array | undefined): boolean {
  return a === b || (a !== undefined && b !== undefined && Buffer.compare(a, b) === 0);
}
