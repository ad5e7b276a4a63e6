import type { IncomingMessage } from 'node:http';
import type { HttpSession, SessionAttributes } from '../core/members.js';
import type { ViewCookie, ViewCookieData } from '../views/cookie-view.js';
import type { SessionCallback } from '../views/view-interface.js';

export type { SessionCallback };

/** The session's cookie, with the names and units of express-session. */
export type ExpressSessionCookie = ViewCookie;

/** A session's cookie as a plain object. */
export type ExpressSessionCookieData = ViewCookieData;

/** The members of `req.session`: those of express-session. Each method takes a callback or, without one, returns a promise. */
export interface ExpressSessionMembers {
  /** The session's public name. Not what the cookie holds: it opens nothing, and is safe in logs. */
  readonly id: string;
  /** The request that it belongs to. */
  readonly req: IncomingMessage;
  /** The cookie; what is assigned gives it its `originalMaxAge`. */
  cookie: ExpressSessionCookie;
  /** Ends the session; `req.session` is a new, empty one from then on. */
  regenerate(this: void): Promise<void>;
  regenerate(this: void, callback: SessionCallback): this;
  /** Ends the session; there is no `req.session` from then on. */
  destroy(this: void): Promise<void>;
  destroy(this: void, callback: SessionCallback): this;
  /** Reads the session anew and drops what was not saved; `req.session` is another object from then on. */
  reload(this: void): Promise<void>;
  reload(this: void, callback: SessionCallback): this;
  /** Saves now. Where the session names a user who is not logged in, that is the login: a new token, and the old one is dead. */
  save(this: void): Promise<void>;
  save(this: void, callback: SessionCallback): this;
  /** Starts the cookie's life anew. Not needed: each request does. */
  touch(this: void, callback?: SessionCallback): this;
  /** The same. */
  resetMaxAge(this: void, callback?: SessionCallback): this;
}

/** What `req.session` has of HttpSession beside express-session's own members. */
type SharedMembers = Omit<HttpSession<object>, 'id' | 'save' | 'reload' | 'destroy'>;

/**
 * `req.session`: attributes are plain properties, beside the members of express-session and those of HttpSession whose names
 * are not express-session's: `principal`, `authenticate()`, `keep()` and so on.
 */
export type ExpressSession<T extends object = SessionAttributes> = T & ExpressSessionMembers & SharedMembers;

/** A session in which any attribute may be. */
export type AnyExpressSession = ExpressSession<Record<string, unknown>>;

/** How {@link expressSession} is to behave. `T`: the attributes that the functions look at. */
export interface ExpressSessionOptions<T extends object = Record<string, unknown>> {
  /**
   * Who is logged in by what the session holds; undefined or null: nobody. Default: `passport.user`, where that is a string or a
   * number. Where Passport serializes users to objects: `(session) => session.passport?.user?.id`, with
   * `expressSession<{ passport?: { user?: User } }>`.
   */
  principal?: ((session: ExpressSession<T>) => string | number | null | undefined) | undefined;
  /**
   * Which guests' sessions are kept as if somebody were logged in, of those that were written to by way of `req.session`. Default:
   * all, as with express-session, since what its plugins store (an OAuth state, a CSRF secret, a flash message) is to be there
   * on whichever node the next request meets. False: as without this middleware.
   */
  keep?: boolean | ((session: ExpressSession<T>) => boolean) | undefined;
}
