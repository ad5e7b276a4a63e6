/** Stable codes of every error this package throws, for programs that branch on them. */
export type SessionErrorCode =
  | 'SESSION_CONFIG'
  | 'SESSION_COUNT'
  | 'SESSION_STORE_UNAVAILABLE'
  | 'SESSION_FORMAT_UNSUPPORTED'
  | 'SESSION_DESTROYED'
  | 'SESSION_GONE'
  | 'SESSION_HEADERS_SENT'
  | 'SESSION_LIMIT'
  | 'SESSION_RESERVED_MEMBER'
  | 'SESSION_UNSTORABLE_VALUE'
  | 'SESSION_UPDATE_CONFLICT'
  | 'SESSION_USAGE';

/**
 * Base of every error of this package. `code` is stable; the message says what happened and what to do.
 * A cause is kept for debuggers but is not enumerable, so that loggers which print an error's own
 * properties do not repeat what a driver put there (commands, keys, passwords).
 */
export abstract class SessionError extends Error {
  /** For programs; never changes. */
  abstract readonly code: SessionErrorCode;

  /** A literal in each class, since a minified bundle renames the class itself. */
  abstract override readonly name: string;
}

function hasCode(value: unknown, code: SessionErrorCode): boolean {
  return value instanceof Error && 'code' in value && value.code === code;
}

/** One or more settings are wrong. Thrown once at boot; the message lists every fault. */
export class SessionConfigError extends SessionError {
  override readonly name = 'SessionConfigError';
  readonly code = 'SESSION_CONFIG';
}

/**
 * Why a store cannot serve a session: the server's or the system's own word where there is one.
 *
 * Nobody answers:
 * - `TIMEOUT`: nothing came within the command timeout.
 * - `CONNECTION_LOST`: the connection was closed, or cannot be opened for a reason that has no name below.
 * - `ECONNREFUSED`, `ECONNRESET`, `EPIPE`, `ETIMEDOUT`, `EHOSTUNREACH`, `ENETUNREACH`: the network's word.
 * - `ENOTFOUND`, `EAI_AGAIN`: the host's name cannot be resolved. `ENOENT`, `EACCES`: the unix socket cannot be opened.
 * - `CERT_HAS_EXPIRED`, `CERT_NOT_YET_VALID`, `CERT_UNTRUSTED`, `ERR_TLS_CERT_ALTNAME_INVALID`: the server's certificate.
 * - `CERT_REQUIRED`: the server refuses our certificate, or that there is none. `TLS_MISMATCH`: one side speaks no TLS.
 * - `WRONGPASS`, `NOAUTH`: the server lets nobody in with these credentials.
 * - `MAXCLIENTS`: the server has as many connections as it takes.
 * - `NOT_REDIS`: what answers there does not speak Redis' protocol.
 * - `DATABASE_NOT_SELECTED`: the connection is in another database than was asked for, so that nothing is sent on it.
 * - `SENTINEL_AUTH`, `SENTINEL_MASTER_UNKNOWN`, `SENTINELS_UNREACHABLE`: no sentinel names the master.
 * - `CLUSTER_DISABLED`, `CLUSTER_ADDRESS_UNKNOWN`, `CLUSTER_NODES_UNREACHABLE`, `CLUSTER_SLOTS_UNASSIGNED`: not a cluster,
 *   or not one that can be used from here. `CLUSTER_DOWN`: none of its nodes can be connected to.
 * - `LOADING`: the server is loading its data set, after a start or a full synchronization, and will be back by itself.
 *
 * The server answers, and refuses:
 * - `NOPERM`: the ACL of the user does not allow a command or a key. `UNKNOWN_COMMAND`: the server has no such command.
 * - `OOM`, `READONLY`, `NOREPLICAS`, `MISCONF`: it takes no writes for now; reads may go on.
 * - `BUSY`, `MASTERDOWN`, `CLUSTERDOWN`, `TRYAGAIN`: it serves nothing, or not this session, for now.
 * - `MOVED`: it is a node of a cluster, and is not treated as one.
 * - `WRONGTYPE`: the key of the session, or of its user's list, holds something else. `REFUSED`: any other refusal.
 *
 * This process decides:
 * - `LATE`: a write reached the server after its deadline, and was not applied.
 * - `NOT_REPLICATED`: the master has a logout, and too few replicas confirmed it.
 * - `POOL_EXHAUSTED`, `TOO_MANY_COMMANDS`: too much is waiting already. `CLOSED`: the application stops.
 * - `DUPLICATE_ID`: a new session's id was taken.
 * - `UNKNOWN`: a store that says no more.
 */
export type StoreUnavailableReason =
  | 'TIMEOUT'
  | 'CONNECTION_LOST'
  | 'ECONNREFUSED'
  | 'ECONNRESET'
  | 'EPIPE'
  | 'ETIMEDOUT'
  | 'EHOSTUNREACH'
  | 'ENETUNREACH'
  | 'ENOTFOUND'
  | 'EAI_AGAIN'
  | 'ENOENT'
  | 'EACCES'
  | 'CERT_HAS_EXPIRED'
  | 'CERT_NOT_YET_VALID'
  | 'CERT_UNTRUSTED'
  | 'ERR_TLS_CERT_ALTNAME_INVALID'
  | 'CERT_REQUIRED'
  | 'TLS_MISMATCH'
  | 'WRONGPASS'
  | 'NOAUTH'
  | 'MAXCLIENTS'
  | 'NOT_REDIS'
  | 'DATABASE_NOT_SELECTED'
  | 'SENTINEL_AUTH'
  | 'SENTINEL_MASTER_UNKNOWN'
  | 'SENTINELS_UNREACHABLE'
  | 'CLUSTER_DISABLED'
  | 'CLUSTER_ADDRESS_UNKNOWN'
  | 'CLUSTER_NODES_UNREACHABLE'
  | 'CLUSTER_SLOTS_UNASSIGNED'
  | 'CLUSTER_DOWN'
  | 'NOPERM'
  | 'UNKNOWN_COMMAND'
  | 'OOM'
  | 'READONLY'
  | 'NOREPLICAS'
  | 'MISCONF'
  | 'BUSY'
  | 'LOADING'
  | 'MASTERDOWN'
  | 'CLUSTERDOWN'
  | 'TRYAGAIN'
  | 'MOVED'
  | 'WRONGTYPE'
  | 'REFUSED'
  | 'LATE'
  | 'NOT_REPLICATED'
  | 'POOL_EXHAUSTED'
  | 'TOO_MANY_COMMANDS'
  | 'CLOSED'
  | 'DUPLICATE_ID'
  | 'UNKNOWN';

/**
 * The store did not answer, refused, or answered too late. The request is told 503. `reason` says why, for programs;
 * the message says it for people, with what to do. `instanceof` goes by the code, since a framework has its own class
 * for such an error.
 */
export class SessionStoreUnavailableError extends SessionError {
  override readonly name = 'SessionStoreUnavailableError';
  readonly code = 'SESSION_STORE_UNAVAILABLE';
  /** Why, for programs. */
  readonly reason: StoreUnavailableReason;

  constructor(
    message: string,
    options: ErrorOptions & { readonly reason?: StoreUnavailableReason | undefined } = {},
  ) {
    super(message, options);
    this.reason = options.reason ?? 'UNKNOWN';
  }

  static override [Symbol.hasInstance](value: unknown): boolean {
    return hasCode(value, 'SESSION_STORE_UNAVAILABLE');
  }
}

/** A record was written by a newer version of this package. It is left as it is; the request is told 503. */
export class SessionFormatError extends SessionError {
  override readonly name = 'SessionFormatError';
  readonly code = 'SESSION_FORMAT_UNSUPPORTED';

  /** See {@link SessionStoreUnavailableError}. */
  static override [Symbol.hasInstance](value: unknown): boolean {
    return hasCode(value, 'SESSION_FORMAT_UNSUPPORTED');
  }
}

/** The session was destroyed earlier through the same object, and no new one can begin there: it is outside a request, or not awaited. */
export class SessionDestroyedError extends SessionError {
  override readonly name = 'SessionDestroyedError';
  readonly code = 'SESSION_DESTROYED';
}

/** The session ended meanwhile: it was destroyed, expired or renewed by somebody else. */
export class SessionGoneError extends SessionError {
  override readonly name = 'SessionGoneError';
  readonly code = 'SESSION_GONE';

  /** See {@link SessionStoreUnavailableError}. */
  static override [Symbol.hasInstance](value: unknown): boolean {
    return hasCode(value, 'SESSION_GONE');
  }
}

/** A new session was first written to after the response's headers had left: its cookie cannot be sent any more. */
export class SessionHeadersSentError extends SessionError {
  override readonly name = 'SessionHeadersSentError';
  readonly code = 'SESSION_HEADERS_SENT';
}

/** A session would exceed a limit. Nothing was sent to the store, the stored value is intact. */
export class SessionLimitError extends SessionError {
  override readonly name = 'SessionLimitError';
  readonly code = 'SESSION_LIMIT';
}

/** An attribute was given the name of a member of HttpSession. */
export class SessionReservedMemberError extends SessionError {
  override readonly name = 'SessionReservedMemberError';
  readonly code = 'SESSION_RESERVED_MEMBER';
}

/**
 * A value cannot be stored: `update()` returned it, or it was assigned, or made so later, where UNSTORABLE is `error`.
 * The message holds nothing of the value. Nothing was written.
 */
export class SessionUnstorableValueError extends SessionError {
  override readonly name = 'SessionUnstorableValueError';
  readonly code = 'SESSION_UNSTORABLE_VALUE';
  /** Where inside the value, as in `.items[0].owner`; empty: the value itself. */
  readonly path: string;

  constructor(message: string, options: ErrorOptions & { readonly path?: string | undefined } = {}) {
    super(message, options);
    this.path = options.path ?? '';
  }
}

/**
 * The user has as many sessions as REDIS_SESSION_MAX_SESSIONS_PER_USER allows, and the policy is `reject`: nobody was logged in,
 * and the session of the request is as it was. The client gets 409. `instanceof` goes by the code.
 */
export class SessionCountError extends SessionError {
  override readonly name = 'SessionCountError';
  readonly code = 'SESSION_COUNT';
  /** How many sessions a user may have. */
  readonly limit: number;

  constructor(message: string, { limit, ...options }: ErrorOptions & { readonly limit: number }) {
    super(message, options);
    this.limit = limit;
  }

  static override [Symbol.hasInstance](value: unknown): boolean {
    return hasCode(value, 'SESSION_COUNT');
  }
}

/** `update()` gave up after losing too many races. */
export class SessionUpdateConflictError extends SessionError {
  override readonly name = 'SessionUpdateConflictError';
  readonly code = 'SESSION_UPDATE_CONFLICT';
}

/** The API was used in a way that cannot work. The message says how to use it. */
export class SessionUsageError extends SessionError {
  override readonly name = 'SessionUsageError';
  readonly code = 'SESSION_USAGE';
}
