import type { SessionCookieView } from './cookie-view.js';

/** How a method of a session tells that it is done: without an argument, or with what went wrong. */
export type SessionCallback = (error?: unknown) => void;

/** One object that the framework's `session` is, for those who make its members. */
export interface ShownSession {
  /** What the application has of it. */
  readonly view: object;
  readonly id: string;
  /** The framework's request. */
  readonly request: object;
  readonly cookie: SessionCookieView;
  /** It has changes that are not saved. */
  readonly isModified: boolean;
  /** It has been saved by a method of this object. */
  readonly isSaved: boolean;
  /**
   * @param keep Names of attributes that the new session has as well; others are not in it.
   * @param keepLife Whether its cookie lives as long as this one's.
   */
  regenerate(keep?: readonly string[], keepLife?: boolean): Promise<void>;
  destroy(): Promise<void>;
  reload(): Promise<void>;
  /** Where the session names a user who is not logged in, that is the login. */
  save(): Promise<void>;
  /** Refuses what is no function, at once, where it can still be caught. @throws SessionUsageError */
  assertCallback(callback: unknown): void;
  /** Does it, and tells the callback that it is done or what went wrong; without a callback the promise it returns. */
  answer(work: () => Promise<void>, callback: SessionCallback | undefined): unknown;
}

/** What the interfaces of express-session and of @fastify/session do not have in common, and how messages call things. */
export interface ViewInterface {
  /** What the application has called: `expressSession`. */
  readonly plugin: string;
  /** The session: `req.session`. */
  readonly session: string;
  /** Passport's way to log in: `req.login()`. */
  readonly logIn: string;
  /** Where Passport notes the user that is logged in. */
  readonly passportUser: { readonly path: string; of(session: object): unknown };
  /** Members that are read, beside `cookie` and the methods. They cannot be attributes. */
  readonly members: ReadonlyMap<string, (view: ShownSession) => unknown>;
  /** Names of methods. An application may put its own in the place of one. */
  readonly methods: ReadonlySet<string>;
  /** The methods of one object. */
  methodsOf(view: ShownSession): Readonly<Record<string, unknown>>;
  /**
   * What `regenerate()` begins and the request then puts a user into is logged in at the end of the request: nobody calls
   * `save()` there. False: a login needs that.
   */
  readonly logsInAtEnd: boolean;
}
