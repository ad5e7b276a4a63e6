/** Attributes of a session. Empty here: an application augments it to type `HttpSession` everywhere at once. */
// eslint-disable-next-line @typescript-eslint/no-empty-object-type -- an interface, because only those can be augmented
export interface SessionAttributes {}

/** How somebody logs in. */
export interface AuthenticateOptions {
  /**
   * Whether the session keeps its attributes. Default: those of a guest, and of the same principal, are kept; those of
   * another principal are dropped, since they are none of the new one's business. What the request itself has
   * assigned before is kept in any case.
   */
  keepAttributes?: boolean | undefined;
  /**
   * "Remember me": seconds that the session lives without being used, and that the browser keeps its cookie (at most 400
   * days), each time it is used. An absolute timeout still holds. Default: as before, or for another principal as the
   * settings say.
   */
  rememberFor?: number | undefined;
}

/** How an id is changed. */
export interface RegenerateOptions {
  /**
   * For how many seconds requests with the old token are still served, as the same session: those that a page has sent
   * while its id rotates. 0 to 3600, default 0. Whoever has stolen the old token is served as well: leave none where
   * the change is to lock somebody out. A logout or a login ends it.
   */
  graceSeconds?: number | undefined;
}

/** The members of every session. Their names cannot be used for attributes. */
export interface SessionMembers<T extends object = SessionAttributes> {
  /** The session's public name: a hash of the token in the cookie. Safe in logs, lists and URLs. */
  readonly id: string;
  /** Whether the session began with this request: the client does not know it yet. */
  readonly isNew: boolean;
  /** When the session was created. */
  readonly createdAt: Date;
  /** When the client used the session last before this request (servlet API); for a new session, when it began. */
  readonly lastAccessedAt: Date;
  /** When it ends if it is not used again; undefined if it never does. */
  readonly expiresAt: Date | undefined;
  /**
   * Seconds the session lives without being used. Settable; saved with the session.
   * 0 or less: it never ends for idleness (servlet API), the absolute timeout still holds.
   */
  maxInactiveInterval: number;
  /**
   * Seconds that the browser keeps the cookie, at most 34560000 (400 days). Settable; saved with the session, and sent again
   * on use, at most once per tenth of it, so that an active user keeps it. Undefined: as REDIS_SESSION_COOKIE_MAX_AGE.
   */
  cookieMaxAge: number | undefined;
  /** Who is logged in, or undefined. Set by `authenticate()`. */
  readonly principal: string | undefined;
  /** When that was, by the store's clock; undefined: nobody is logged in. See `@RequireRecentLogin()`. */
  readonly authenticatedAt: Date | undefined;
  /**
   * Logs in: new token and id, the old token dead, all of it in Redis when the promise resolves. Attributes are kept
   * unless they are another principal's, whose session ends with this, or `keepAttributes` says otherwise.
   * @param principal Who: a non-empty string, or a number, which is kept as a string.
   * @throws SessionHeadersSentError when the response's headers have left, since the cookie could not be sent.
   */
  authenticate(principal: string | number, options?: AuthenticateOptions): Promise<void>;
  /**
   * New token and id, attributes kept, the old ones dead, at once or after a grace. Where another request has just changed
   * the id, that counts for this one too, unless it is to end that one's grace.
   * @throws SessionGoneError when the session ended meanwhile.
   */
  regenerateId(options?: RegenerateOptions): Promise<void>;
  /**
   * Saves at once, in or outside a request, whatever the policies.
   * @throws SessionGoneError when the session ended meanwhile: it is not brought back.
   */
  save(): Promise<void>;
  /** Saves at the end of the request, whether or not a change was seen. */
  markDirty(): void;
  /**
   * Changes one attribute atomically across all nodes: `fn` gets the stored value and returns the new one
   * (undefined removes it); it runs again when another request was faster. Resolves to the new value. In one process
   * updates of an attribute take turns; one whose function takes longer than 5 s keeps the others waiting no longer. What
   * the request assigns to the attribute meanwhile comes after it. An object that was read before is not the attribute's value
   * any more: what is changed inside it is not stored, which the log tells of.
   * @throws SessionUpdateConflictError after too many lost races.
   * @throws SessionUsageError inside the function of another update of the same attribute, and when a function does not
   * settle within 30 s.
   * @throws SessionReservedMemberError for the name of a member, as an assignment does.
   * @throws SessionUnstorableValueError when the function returns what cannot be stored.
   */
  update<K extends keyof T & string>(
    key: K,
    fn: (current: T[K] | undefined) => T[K] | undefined | Promise<T[K] | undefined>,
  ): Promise<T[K] | undefined>;
  /** Drops what was not saved and reads the session again. @throws SessionGoneError when it ended meanwhile. */
  reload(): Promise<void>;
  /**
   * Logs out: the session is removed from the store when the promise resolves, and the cookie with the response. What the
   * same request does after that is done to a new, empty session: a farewell message, a login as somebody else.
   * Outside a request none can begin, and writing throws SessionDestroyedError.
   */
  destroy(): Promise<void>;
  /**
   * Keeps a guest's session as if somebody were logged in: stored in Redis for its whole idle life, with its cookie, even if
   * it is empty. For what hangs on it beyond a few seconds, on whichever node: the state of an OAuth login, a cart, a key of a
   * rate limit. Otherwise a guest's session lives in this process, with a short-lived copy in Redis. Saved with the
   * session, at the end of the request. Changes nothing for a session that is logged in. Bots can have as many
   * sessions as there are requests that call this.
   * @throws SessionHeadersSentError for a new session when the response's headers have left.
   */
  keep(): void;
  /**
   * A token for a form's hidden field `_csrf`, or for a script's header `x-csrf-token`, that `CsrfGuard` checks. Bound to the
   * session: a login or an id change makes earlier ones worthless. Differs each time; all of a session are valid
   * side by side. A new session is stored and gets its cookie, since the token could not be checked otherwise.
   * @throws SessionUsageError outside a request.
   * @throws SessionHeadersSentError for a new session when the response's headers have left.
   */
  csrfToken(): string;
}

/**
 * A session: attributes are plain properties, next to the members of {@link SessionMembers}.
 * `Object.keys`, `in` and `JSON.stringify` see attributes and nothing else.
 */
export type HttpSession<T extends object = SessionAttributes> = T & SessionMembers<T>;

const MEMBERS = {
  id: true,
  isNew: true,
  createdAt: true,
  lastAccessedAt: true,
  expiresAt: true,
  maxInactiveInterval: true,
  cookieMaxAge: true,
  principal: true,
  authenticatedAt: true,
  authenticate: true,
  regenerateId: true,
  save: true,
  markDirty: true,
  update: true,
  reload: true,
  destroy: true,
  keep: true,
  csrfToken: true,
} satisfies Record<keyof SessionMembers, true>;

/** Names that no attribute can have. */
export const RESERVED_MEMBERS: ReadonlySet<string> = new Set(Object.keys(MEMBERS));
