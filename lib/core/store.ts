import type { SessionId } from './token.js';

/** A session as a store hands it out. Times are epoch milliseconds of the store's clock, not of this node's. */
export interface SessionRecord {
  /** Encoded attributes by name. The bytes are the store's answer and are not changed by anyone. */
  readonly attributes: ReadonlyMap<string, Uint8Array>;
  readonly codec: string;
  readonly createdAt: number;
  /** When the session was used last before this load. */
  readonly lastAccessedAt: number;
  /** Seconds of idle life; 0 or less: never ends for idleness (servlet API). */
  readonly maxInactiveInterval: number;
  /** When the session ends whatever happens; undefined: no absolute timeout. */
  readonly absoluteDeadline?: number | undefined;
  /** Who logged in, if anyone. */
  readonly principal?: string | undefined;
  /** When that was. */
  readonly authenticatedAt?: number | undefined;
  /** Whether it counts as authenticated (see {@link SessionChange.authenticated}). */
  readonly authenticated: boolean;
}

/** What a new record holds. */
export interface NewSession {
  readonly attributes: ReadonlyMap<string, Uint8Array>;
  readonly codec: string;
  readonly maxInactiveInterval: number;
  /** Seconds from now to the absolute deadline; 0: none. */
  readonly absoluteTimeout: number;
  /** Who logs in with this, if anyone; `authenticatedAt` is then the moment of the write. */
  readonly principal?: string | undefined;
  readonly authenticated: boolean;
}

/** What a save writes: differences only. */
export interface SessionChange {
  readonly set: ReadonlyMap<string, Uint8Array>;
  readonly remove: readonly string[];
  /** Only when it changed. */
  readonly maxInactiveInterval?: number | undefined;
  /**
   * Whether the session is authenticated now. Sessions that are not are *anonymous*; a store may keep those
   * closer and shorter.
   */
  readonly authenticated: boolean;
}

/** A change together with an id change. */
export interface SessionRenewal extends SessionChange {
  readonly newId: SessionId;
  /** Login: the principal, and the absolute timeout (seconds, 0: none) that starts anew with it. */
  readonly login?: { readonly principal: string; readonly absoluteTimeout: number } | undefined;
}

/** Times after a write: epoch milliseconds of the store's clock. */
export interface Written {
  readonly status: 'written';
  readonly now: number;
  readonly absoluteDeadline?: number | undefined;
}

/**
 * The session is not there to be written to. `absent`: there is no such record (destroyed, expired or never
 * there). `ended`: its id is known to be dead, because it was renewed or destroyed a short while ago.
 */
export interface NotThere {
  readonly status: 'absent' | 'ended';
}

export interface Found {
  readonly status: 'found';
  readonly record: SessionRecord;
  /** The store's time of this load. */
  readonly now: number;
}

/** A record is there and is not one of ours, or is damaged. `reason` holds nothing of its content. */
export interface Unreadable {
  readonly status: 'unreadable';
  readonly reason: string;
  /** It does name this session, so that it cannot be a reply that was meant for another request. */
  readonly damaged?: boolean | undefined;
}

export type LoadOutcome = Found | NotThere | Unreadable;
export type WriteOutcome = Written | NotThere;

/** `conflict`: the attribute's bytes were not the expected ones; `actual` is what is there. */
export type CompareAndSetOutcome =
  Written | NotThere | { readonly status: 'conflict'; readonly actual: Uint8Array | undefined };

/** How a store is doing, for health checks. Never holds a secret. */
export interface StoreHealth {
  readonly kind: 'memory' | 'redis';
  /** `standalone`, `sentinel`, `cluster` or, for memory, `process`. */
  readonly topology: string;
  /** Redis: the role of the server that answered. */
  readonly role?: string | undefined;
  readonly latencyMs: number;
}

/**
 * Where sessions live. Every method rejects only when the store itself fails, and then with
 * SessionStoreUnavailableError (or SessionFormatError for a record of a newer version): what was to be
 * written is then not written, nor applied later.
 * A save, renewal or compare-and-set that sets something and would leave a session larger than it was and than the store's
 * limits rejects with SessionLimitError, whoever writes at the same time, and writes nothing.
 * All writes are atomic, extend the expiry in the same step and leave no record without one.
 */
export interface SessionStore {
  /** Reads the session and, best effort, marks it as used: its idle life starts anew. */
  load(id: SessionId): Promise<LoadOutcome>;

  /** Writes a session whose id is fresh. */
  create(id: SessionId, session: NewSession): Promise<Written>;

  /** Applies a change to a session that exists. Never brings one back. */
  save(id: SessionId, change: SessionChange): Promise<WriteOutcome>;

  /**
   * Moves a session to a new id, with a change, in one step: afterwards the old id is dead (`ended` for a
   * while, then `absent`) and everything that had been written to it is under the new one.
   */
  renew(id: SessionId, renewal: SessionRenewal): Promise<WriteOutcome>;

  /** Writes one attribute if its bytes still are `expected` (undefined: if it is absent). `next` undefined removes it. */
  compareAndSet(
    id: SessionId,
    name: string,
    expected: Uint8Array | undefined,
    next: Uint8Array | undefined,
    authenticated: boolean,
  ): Promise<CompareAndSetOutcome>;

  /**
   * Removes the session, and where it was renewed meanwhile, the session that it became: a logout is final.
   * Removing an unknown id is not an error.
   */
  destroy(id: SessionId): Promise<void>;

  /** One round trip to the store. */
  health(): Promise<StoreHealth>;

  /** Releases what the store opened itself; later calls reject. Idempotent. */
  close(): Promise<void>;
}
