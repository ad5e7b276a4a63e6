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
  abstract readonly code: SessionErrorCode;

  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
  }
}

function hasCode(value: unknown, code: SessionErrorCode): boolean {
  return value instanceof Error && 'code' in value && value.code === code;
}

/** One or more settings are wrong. Thrown once at boot; the message lists every fault. */
export class SessionConfigError extends SessionError {
  readonly code = 'SESSION_CONFIG';
}

/**
 * The store did not answer, refused, or answered too late. The request is told 503. `instanceof` goes by the code, since a
 * framework has its own class for such an error.
 */
export class SessionStoreUnavailableError extends SessionError {
  readonly code = 'SESSION_STORE_UNAVAILABLE';

  static override [Symbol.hasInstance](value: unknown): boolean {
    return hasCode(value, 'SESSION_STORE_UNAVAILABLE');
  }
}

/** A record was written by a newer version of this package. It is left as it is; the request is told 503. */
export class SessionFormatError extends SessionError {
  readonly code = 'SESSION_FORMAT_UNSUPPORTED';

  /** See {@link SessionStoreUnavailableError}. */
  static override [Symbol.hasInstance](value: unknown): boolean {
    return hasCode(value, 'SESSION_FORMAT_UNSUPPORTED');
  }
}

/** The session was destroyed earlier through the same object, and no new one can begin there: it is outside a request, or not awaited. */
export class SessionDestroyedError extends SessionError {
  readonly code = 'SESSION_DESTROYED';
}

/** The session ended meanwhile: it was destroyed, expired or renewed by somebody else. */
export class SessionGoneError extends SessionError {
  readonly code = 'SESSION_GONE';

  /** See {@link SessionStoreUnavailableError}. */
  static override [Symbol.hasInstance](value: unknown): boolean {
    return hasCode(value, 'SESSION_GONE');
  }
}

/** A new session was first written to after the response's headers had left: its cookie cannot be sent any more. */
export class SessionHeadersSentError extends SessionError {
  readonly code = 'SESSION_HEADERS_SENT';
}

/** A session would exceed a limit. Nothing was sent to the store, the stored value is intact. */
export class SessionLimitError extends SessionError {
  readonly code = 'SESSION_LIMIT';
}

/** An attribute was given the name of a member of HttpSession. */
export class SessionReservedMemberError extends SessionError {
  readonly code = 'SESSION_RESERVED_MEMBER';
}

/**
 * A value cannot be stored: `update()` returned it, or it was assigned, or made so later, where UNSTORABLE is `error`.
 * The message holds nothing of the value. Nothing was written.
 */
export class SessionUnstorableValueError extends SessionError {
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
  readonly code = 'SESSION_UPDATE_CONFLICT';
}

/** The API was used in a way that cannot work. The message says how to use it. */
export class SessionUsageError extends SessionError {
  readonly code = 'SESSION_USAGE';
}
