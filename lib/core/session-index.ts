import type { SessionId } from './token.js';

/** Where a user's sessions are listed: made of the principal, and not to be turned back into it. */
export type IndexName = string & { readonly __brand: 'IndexName' };

/** Where somebody logged in. */
export interface SessionDevice {
  /** As the framework tells it, by its own trust in proxies. */
  readonly address?: string | undefined;
  /** At most 256 characters of the header. */
  readonly userAgent?: string | undefined;
}

/** What the index knows of a session. Times are epoch milliseconds of the index's own clock. */
export interface IndexEntry {
  /** Of the session that is named. */
  readonly id: SessionId;
  /** When this id was added. A session of an entry younger than {@link RESERVATION_MS} may not be written yet. */
  readonly addedAt: number;
  /** When its login was; an id change keeps it. */
  readonly loginAt: number;
  /** The id that it is to replace, which may be live as long as this one is not. */
  readonly replaces: SessionId | undefined;
  /** Where the login was; undefined: not kept. */
  readonly device: SessionDevice | undefined;
}

/** Entries, and the index's time of reading them. */
export interface IndexReading {
  /** When it was read, by the clock that all times of entries are of. */
  readonly now: number;
  /** In no order. */
  readonly entries: readonly IndexEntry[];
}

/** A session that is about to be written. */
export interface IndexAddition {
  /** How long the entry is kept if nothing is heard of the session, in milliseconds: longer than the session lives unused. */
  readonly lifeMs: number;
  /** Of an id change, or a login over a session of the same user. */
  readonly replaces?: SessionId | undefined;
  /** An id change: the login is that of the entry it replaces. */
  readonly keepsLogin?: boolean | undefined;
  /** Where the login is; undefined: not to be kept. */
  readonly device?: SessionDevice | undefined;
  /** How many sessions the user may have, this one included; undefined: any. */
  readonly limit?: number | undefined;
  /** At the limit: the oldest logins beyond it are named, and this one is added. Default: it is not added. */
  readonly evict?: boolean | undefined;
}

/**
 * An entry that is not in the index yet: the store adds it in the step that writes its session. An index makes it for the store that it
 * shares a place with.
 */
export interface JointEntry {
  /** The key of the user's list. */
  readonly list: string;
  /** See {@link IndexAddition.lifeMs}. */
  readonly lifeMs: number;
  /** The device as the index stores it; empty: none. */
  readonly device: string | Uint8Array;
  /**
   * Of a renewal: `entry`: it takes the place of the entry of the session that is renewed; `login`: and keeps its login and device.
   * Undefined: it replaces none.
   */
  readonly replaces?: 'entry' | 'login' | undefined;
}

/** What a {@link JointEntry} is made of. */
export type JointAddition = Pick<IndexAddition, 'lifeMs' | 'replaces' | 'keepsLogin' | 'device'>;

/** `full`: not added; the entries that count. `added`: those that are beyond the limit now, which nobody has ended yet. */
export type IndexAdded =
  | { readonly status: 'added'; readonly beyond: readonly SessionId[] }
  | { readonly status: 'full'; readonly reading: IndexReading };

/**
 * For how long an entry may be there before its session is: whoever adds one has that long to write the session, or
 * makes sure afterwards that the entry is still there. Half of what a tombstone lives, see docs/users-sessions-protocol.md.
 */
export const RESERVATION_MS = 30_000;

/**
 * Which sessions a user has. It is told *before* a session is written, and hears of its end afterwards or never: it may
 * name a session too many, and never one too few. Who reads it looks at the sessions, and removes what is not there.
 * Every method is atomic, and rejects only when the index itself fails, with SessionStoreUnavailableError; what it was to
 * change is then not changed, nor later. No entry is kept for longer than it was said to be.
 */
export interface SessionIndex {
  /** The names of a user's lists: the first is the one that is written to, others are of keys that are being retired. */
  namesOf(principal: string): readonly IndexName[];

  /**
   * The entry of a session, for the store to add in the step that writes the session ({@link NewSession.entry},
   * {@link SessionRenewal.entry}), so that either both are there or neither. Undefined, or no such method: lists and sessions are not in
   * one place, and the entry is to be added before.
   */
  joint?(principal: string, addition: JointAddition): JointEntry | undefined;

  /** Names a session that is about to be written. */
  add(principal: string, id: SessionId, addition: IndexAddition): Promise<IndexAdded>;

  /**
   * Names a session that exists, or keeps it named for longer. `ended`: it is not named, and all sessions of the user that
   * logged in at its time have been ended, so that it is to end as well.
   * @param session `loginAt`: epoch milliseconds.
   */
  enter(
    principal: string,
    id: SessionId,
    session: Pick<IndexAddition, 'lifeMs'> & { readonly loginAt: number },
  ): Promise<'entered' | 'ended'>;

  /**
   * What a list holds.
   * @param only Entries of these sessions. Default: all.
   */
  read(name: IndexName, only?: readonly SessionId[]): Promise<IndexReading>;

  /** Whether a session is named, and was added after the last end of all. */
  stands(name: IndexName, id: SessionId): Promise<boolean>;

  /**
   * Notes that whoever logged in until now is to be logged out, for those that are not named yet, and reads the list. The
   * entries stay until they are removed, so that whoever dies in between leaves no session that nobody knows of. Notes what
   * it can where the index is full.
   */
  end(name: IndexName): Promise<IndexReading>;

  /**
   * Takes ids out of a list.
   * @param minimumAgeMs Only entries that were added so long ago. Default 0.
   */
  remove(name: IndexName, ids: readonly SessionId[], minimumAgeMs?: number): Promise<void>;

  /** Every list there is; some more than once. */
  names(): AsyncIterable<IndexName>;
}
