import type { SessionToken } from './token.js';

/** A session of another library, as the signed cookie of a request names it. */
export interface OldSession {
  /** Its name among all old sessions: what {@link OldSessions} is asked with. No secret more than the key of its record. */
  readonly name: string;
  /**
   * The token of the session that takes its place. It is made of the old id and the application's secret, so that all nodes
   * and requests that take over the same session write the same record, and one of them does.
   */
  readonly token: SessionToken;
}

/** What an old session's record holds. */
export interface OldRecord {
  readonly attributes: ReadonlyMap<string, unknown>;
  /** Who is logged in; undefined: a guest. */
  readonly principal: string | undefined;
  /** Seconds of idle life that it has left; undefined: it does not say. */
  readonly idleSeconds: number | undefined;
  /** Seconds that the browser was told to keep its cookie; undefined: as long as it runs. */
  readonly cookieMaxAge: number | undefined;
}

/**
 * What is there under an old session's name. `taken`: a session took its place, and lives, maybe under another id by now.
 * `gone`: no record, or it was ended on either side.
 */
export type OldOutcome =
  | { readonly status: 'live'; readonly record: OldRecord }
  | { readonly status: 'taken' | 'gone' }
  | { readonly status: 'unreadable'; readonly reason: string };

/** Sessions that another library keeps in the same Redis, and that are taken over one by one. */
export interface OldSessions {
  read(name: string): Promise<OldOutcome>;
  /** Whether it has not been told yet, on this node, that this one cannot be taken over. */
  isNews(name: string): boolean;
}
