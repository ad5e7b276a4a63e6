import type { JointEntry, SessionIndex } from './session-index.js';
import type { SessionId } from './token.js';

/** How long a browser keeps the session's cookie, and whether it has been told. */
export interface CookieLife {
  /** Seconds, of this session's own; undefined: as the application's settings say. */
  readonly maxAge: number | undefined;
  /** Whether the cookie leaves with the response of this write. False: the next use is to send it. */
  readonly sent: boolean;
}

/**
 * An opaque value that a store may put on a record that it hands out. When a change comes back with it, the store knows what the
 * record's limits were when it was loaded, and has less to do. Only the store that made it reads it.
 */
export type LoadedMark = object;

/** A session as a store hands it out. Times are epoch milliseconds of the store's clock, not of this node's. */
export interface SessionRecord {
  /** Encoded attributes by name. The bytes are the store's answer and are not changed by anyone. */
  readonly attributes: ReadonlyMap<string, Uint8Array>;
  /** Name of the codec that has encoded them. */
  readonly codec: string;
  /** When the session began. */
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
  /** Of one that does not: whether it is stored like one that does, as a guest's session that is worth keeping. */
  readonly kept?: boolean | undefined;
  /** See {@link CookieLife}; undefined: as the settings say. */
  readonly cookieMaxAge?: number | undefined;
  /** When the cookie was sent last; 0: it is to be sent; undefined: nobody has noted it. */
  readonly cookieSentAt?: number | undefined;
  /** When the index of users' sessions was told of it last (see SessionIndex); undefined: never, as with records of 0.1. */
  readonly indexedAt?: number | undefined;
  /** The session of another library that it was taken over from: see {@link NewSession.from}. */
  readonly from?: string | undefined;
  /** Goes back to the store with each change of the record. Undefined: the store uses none. */
  readonly mark?: LoadedMark | undefined;
}

/** What a new record holds. */
export interface NewSession {
  /** Encoded, by name. */
  readonly attributes: ReadonlyMap<string, Uint8Array>;
  /** Name of the codec that has encoded them. */
  readonly codec: string;
  /** See {@link SessionRecord.maxInactiveInterval}. */
  readonly maxInactiveInterval: number;
  /** Seconds from now to the absolute deadline; 0: none. */
  readonly absoluteTimeout: number;
  /** Who logs in with this, if anyone; `authenticatedAt` is then the moment of the write. */
  readonly principal?: string | undefined;
  /** See {@link SessionChange.authenticated}. */
  readonly authenticated: boolean;
  /** See {@link SessionRecord.kept}. */
  readonly kept?: boolean | undefined;
  /** Undefined: the cookie ends with the browser, and nothing is kept of it. */
  readonly cookie?: CookieLife | undefined;
  /** The index of users' sessions has been told of it, which the record notes. */
  readonly indexed?: boolean | undefined;
  /** Made by {@link SessionIndex.joint}: added to the index by this write. Undefined: the index is not told anything. */
  readonly entry?: JointEntry | undefined;
  /**
   * The session of another library that this one takes over: see textOfLink. Where there is a session under the
   * id already, another request has taken it over, and nothing is written: `absent`.
   */
  readonly from?: string | undefined;
  /** With a principal: when that logged in, if it was not with this write; epoch milliseconds. */
  readonly authenticatedAt?: number | undefined;
}

/** What a save writes: differences only. */
export interface SessionChange {
  /** Attributes that are new or other than before, encoded, by name. */
  readonly set: ReadonlyMap<string, Uint8Array>;
  /** Names of attributes that are gone. */
  readonly remove: readonly string[];
  /** Only when it changed. */
  readonly maxInactiveInterval?: number | undefined;
  /**
   * Whether the session is authenticated now. Sessions that are not are *anonymous*; a store may keep those
   * closer and shorter.
   */
  readonly authenticated: boolean;
  /** Only when it changed. See {@link SessionRecord.kept}. */
  readonly kept?: boolean | undefined;
  /** Only when it changed, or the cookie is sent. */
  readonly cookie?: CookieLife | undefined;
  /** See {@link NewSession.indexed}. */
  readonly indexed?: boolean | undefined;
  /** That of the record which was loaded, however long ago; undefined: none was. See {@link LoadedMark}. */
  readonly mark?: LoadedMark | undefined;
}

/** A change together with an id change. */
export interface SessionRenewal extends SessionChange {
  /** What the session is called from then on; nobody has it yet. */
  readonly newId: SessionId;
  /** Seconds for which the old id is still served; default 0. Without effect in a login. */
  readonly graceSeconds?: number | undefined;
  /** Login: the principal, and the absolute timeout (seconds, 0: none) that starts anew with it. */
  readonly login?: { readonly principal: string; readonly absoluteTimeout: number } | undefined;
  /** See {@link NewSession.entry}. */
  readonly entry?: JointEntry | undefined;
  /** From then on it is no longer tied to the session of another library that it was taken over from. Default false. */
  readonly unlinked?: boolean | undefined;
}

/** Times after a write: epoch milliseconds of the store's clock. */
export interface Written {
  readonly status: 'written';
  /** When it was written. */
  readonly now: number;
  /** See {@link SessionRecord.absoluteDeadline}. */
  readonly absoluteDeadline?: number | undefined;
}

/**
 * For how long a request that comes with the id of a session that has ended or was renewed may be one from before that,
 * in milliseconds. A store knows each end for at least as long.
 */
export const TOMBSTONE_MS = 60_000;

/**
 * The session is not there to be read or written to. `absent`: there is no such record (expired, ended long ago, or never
 * there). `ended`: its id is known to be dead, because it was renewed or destroyed.
 */
export interface NotThere {
  readonly status: 'absent' | 'ended';
  /** Of one that was renewed without a login: where it goes on. A write that was under way follows it there. */
  readonly movedTo?: SessionId | undefined;
  /** Of one that was renewed by a login: nothing that was under way follows it. */
  readonly byLogin?: boolean | undefined;
  /** Of a load, with `byLogin`: what it was renewed to, for whoever ends it. Nobody else may follow. */
  readonly becameId?: SessionId | undefined;
  /** With `movedTo`: who comes with the old id is still served, as the same session. */
  readonly inGrace?: boolean | undefined;
  /**
   * Of a create or a renewal: the *new* id is known as ended, since somebody has ended it before it was written (see
   * {@link DestroyOptions.reserved}). Nothing was written, and the session, if there is one, is as it was.
   */
  readonly newIdEnded?: boolean | undefined;
  /** Of a load: it ended more than {@link TOMBSTONE_MS} ago, and is known for the sake of copies only. */
  readonly longAgo?: boolean | undefined;
  /** The store's time of this answer, where it tells one. */
  readonly now?: number | undefined;
}

/** The session is there. */
export interface Found {
  readonly status: 'found';
  /** What the store has of it. */
  readonly record: SessionRecord;
  /** The store's time of this load. */
  readonly now: number;
}

/** A record is there and is not one of ours, or is damaged. `reason` holds nothing of its content. */
export interface Unreadable {
  readonly status: 'unreadable';
  /** Why, for people. Holds nothing of the record. */
  readonly reason: string;
  /** It does name this session, so that it cannot be a reply that was meant for another request. */
  readonly damaged?: boolean | undefined;
}

/** What a load has found. */
export type LoadOutcome = Found | NotThere | Unreadable;
/** What has become of a write. */
export type WriteOutcome = Written | NotThere;

/** `conflict`: the attribute's bytes were not the expected ones; `actual` is what is there. */
export type CompareAndSetOutcome =
  Written | NotThere | { readonly status: 'conflict'; readonly actual: Uint8Array | undefined };

/** What an end has found: a record, under the id or what it was renewed to; an end before this one; nothing. */
export interface DestroyOutcome {
  readonly status: 'removed' | 'ended' | 'absent';
  /** With `removed`: it had another id by then, so who has the token of the one asked for may have a newer one by now. */
  readonly renewed?: boolean | undefined;
}

/** How a session is loaded. */
export interface LoadOptions {
  /** False: it is only looked at, which extends nothing and is not noted. Default true: a use. */
  readonly touch?: boolean | undefined;
  /** Only these attributes are wanted: the record has them, and may leave out others. Undefined: all. */
  readonly only?: readonly string[] | undefined;
}

/** How a session is ended. */
export interface DestroyOptions {
  /**
   * Its id may be about to be written: one that is not known is marked as ended as well, for {@link TOMBSTONE_MS}, and a
   * create or a renewal to it meets {@link NotThere.newIdEnded}. Default false.
   */
  readonly reserved?: boolean | undefined;
  /** False: what it was renewed to by a *login* is another session, and is left alone. Default true. */
  readonly followLogins?: boolean | undefined;
  /** Why, for the other nodes. Default `destroyed`. */
  readonly why?: 'destroyed' | 'evicted' | undefined;
}

/** A store that can put a record away that has turned out to be damaged. */
export interface Quarantine {
  /**
   * Moves the session's record out of the way, so that it is reported once, and keeps it for a look at it. Only for one
   * that names its own session. Best effort: never rejects.
   */
  quarantine(id: SessionId): Promise<void>;
}

/** How a store is doing, for health checks. Never holds a secret. */
export interface StoreHealth {
  /** `memory`, `redis` or, for an application's own store, its name. */
  readonly kind: string;
  /** `standalone`, `sentinel`, `cluster` or, for memory, `process`. */
  readonly topology: string;
  /** Redis: the role of the server that answered; undefined where it does not tell. */
  readonly role?: string | undefined;
  /** Redis: keys evicted since the servers started, sessions or others; undefined where they do not tell. */
  readonly evictedKeys?: number | undefined;
  /** Nodes of a cluster that do not serve their sessions, `host:port`, while others do; undefined: none. */
  readonly unreachable?: readonly string[] | undefined;
  /** How long the round trip took, in milliseconds. */
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
  /**
   * Which sessions each user has, of all nodes that share the store; undefined: each node knows of the logins that it has served
   * itself, so that `SessionService.list()`, `destroyAll(principal)` and MAX_SESSIONS_PER_USER see those alone.
   */
  readonly index?: SessionIndex | undefined;

  /** Reads the session and, best effort and unless told otherwise, marks it as used: its idle life starts anew. */
  load(id: SessionId, options?: LoadOptions): Promise<LoadOutcome>;

  /** Marks a session as used without reading it: its idle life starts anew. Nothing happens where there is none. */
  touch(id: SessionId): Promise<void>;

  /** Writes a session whose id is fresh. Not written only where that id has been ended beforehand. */
  create(id: SessionId, session: NewSession): Promise<WriteOutcome>;

  /** Applies a change to a session that exists. Never brings one back. */
  save(id: SessionId, change: SessionChange): Promise<WriteOutcome>;

  /**
   * Moves a session to a new id, with a change, in one step: afterwards the old id is dead (`ended` for
   * {@link TOMBSTONE_MS} and the grace at least, then `absent`) and everything that had been written to it is under the
   * new one. Without a login the dead id tells where that is.
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
   * Removes the session, and where it was renewed meanwhile, the session that it became: a logout is final. Each id that
   * was removed is `ended` for {@link TOMBSTONE_MS} at least. Removing an unknown id is not an error.
   */
  destroy(id: SessionId, options?: DestroyOptions): Promise<DestroyOutcome>;

  /**
   * Somebody wants an end of a session that the store does not know: other nodes that hold a copy of it in their memory end
   * it. Writes nothing for an id that nobody knows. Best effort; undefined where no node has what others have not.
   */
  endCopies?(id: SessionId): Promise<void>;

  /**
   * The ids of what is stored: all that are there from the first to the last step, some more than once, and some that have
   * ended. Stops nobody else for long.
   */
  ids(): AsyncIterable<SessionId>;

  /** One round trip to the store. */
  health(): Promise<StoreHealth>;

  /** Releases what the store opened itself; later calls reject. Idempotent. */
  close(): Promise<void>;
}
