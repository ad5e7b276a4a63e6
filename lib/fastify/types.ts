import type { HttpSession, SessionAttributes } from '../core/members.js';
import type { ViewCookie, ViewCookieData } from '../views/cookie-view.js';
import type { SessionCallback } from '../views/view-interface.js';

/** The session's cookie, with the names and units of @fastify/session. */
export type FastifySessionCookie = ViewCookie;

/** A session's cookie as a plain object. */
export type FastifySessionCookieData = ViewCookieData;

/**
 * The members of `request.session`: those of @fastify/session. Each method that has a callback returns a promise without one.
 * `T`: the attributes.
 */
export interface FastifySessionMembers<T extends object = SessionAttributes> {
  /** The session's public name. Not what the cookie holds: it opens nothing, and is safe in logs. */
  readonly sessionId: string;
  /** The cookie; what is assigned gives it its `originalMaxAge`. */
  cookie: FastifySessionCookie;
  /** Whether `touch()` has been called. */
  readonly touched: boolean;
  /** An attribute. */
  get<K extends keyof T>(this: void, key: K): T[K] | undefined;
  /** Sets an attribute; undefined removes it. */
  set<K extends keyof T>(this: void, key: K, value: T[K] | undefined): void;
  /**
   * Sets the cookie's `maxAge` (milliseconds) or `expires` for this session. The other options are one for all sessions: giving one
   * another value than it has throws.
   */
  options(this: void, options: Partial<FastifySessionCookieData> & { maxAge?: number | null }): void;
  /**
   * Ends the session; `request.session` is a new one from then on, with the attributes that are named. A user whom it names, or who
   * is put into it until the response leaves, is logged in: a new token, in Redis before the response.
   */
  regenerate(this: void, ignoreFields?: readonly string[]): Promise<void>;
  regenerate(this: void, callback: SessionCallback): void;
  regenerate(this: void, ignoreFields: readonly string[], callback: SessionCallback): void;
  /** Ends the session; `request.session` is null from then on. */
  destroy(this: void): Promise<void>;
  destroy(this: void, callback: SessionCallback): void;
  /** Reads the session anew and drops what was not saved; `request.session` is another object from then on. */
  reload(this: void): Promise<void>;
  reload(this: void, callback: SessionCallback): void;
  /** Saves now. Where the session names a user who is not logged in, that is the login: a new token, and the old one is dead. */
  save(this: void): Promise<void>;
  save(this: void, callback: SessionCallback): void;
  /** Starts the cookie's life anew. Not needed: each request does. */
  touch(this: void): void;
  /** Whether it has changes that are not saved. */
  isModified(this: void): boolean;
  /** Whether `save()` has saved it in this request. */
  isSaved(this: void): boolean;
}

/** What `request.session` has of HttpSession beside @fastify/session's own members. */
type SharedMembers = Omit<HttpSession<object>, 'save' | 'reload' | 'destroy'>;

/**
 * `request.session`: attributes are plain properties, beside the members of @fastify/session and those of HttpSession whose names
 * are not @fastify/session's: `principal`, `authenticate()`, `keep()` and so on.
 */
export type FastifySession<T extends object = SessionAttributes> = T &
  FastifySessionMembers<T> &
  SharedMembers;

/** A session in which any attribute may be. */
export type AnyFastifySession = FastifySession<Record<string, unknown>>;

/** How {@link fastifySession} is to behave. `T`: the attributes that the functions look at. */
export interface FastifySessionOptions<T extends object = Record<string, unknown>> {
  /**
   * Who is logged in by what the session holds; undefined or null: nobody. Default: `passport`, where @fastify/passport notes what its
   * user serializer makes of the user, where that is a string or a number. Where it makes objects: `(session) => session.passport?.id`,
   * with `fastifySession<{ passport?: User }>`.
   */
  principal?: ((session: FastifySession<T>) => string | number | null | undefined) | undefined;
  /**
   * Which guests' sessions are kept as if somebody were logged in, of those that were written to by way of `request.session`.
   * Default: all, as with @fastify/session, since what its plugins store (an OAuth state, a CSRF secret, a flash message) is to be
   * there on whichever node the next request meets. False: as without this plugin.
   */
  keep?: boolean | ((session: FastifySession<T>) => boolean) | undefined;
}
