import type { SessionToken } from './token.js';

/** A session of another library, as the signed cookie of a request names it. */
export interface OldSession {
  /** Its name among all old sessions: what {@link OldSessions} is asked with. No secret more than the key of its record. */
  readonly name: string;
  /**
   * The token of the session that takes its place. It is made of the old id and the application's secret, so that all nodes
   * and requests that take over the same session write the same record, and one of them does.
   * @param turn How often it was left before: see {@link OldLink}.
   */
  tokenOf(turn: number): SessionToken;
}

/** What ties a session of ours to the old one whose place it took. */
export interface OldLink {
  /** See {@link OldSession.name}. */
  readonly name: string;
  /**
   * How many sessions of ours stood for the old one before. An old session that goes from one user to another, without a new id,
   * has one for each.
   */
  readonly turn: number;
  /** Whether the old record named nobody when it was taken over. */
  readonly wasGuest: boolean;
}

/** A link as a record holds it: no part of a name has a space. */
export function textOfLink({ name, turn, wasGuest }: OldLink): string {
  return `${name} ${turn} ${wasGuest ? 'guest' : 'user'}`;
}

/** Reads what {@link textOfLink} has made. */
export function linkIn(text: string): OldLink {
  const [library = '', id = '', turn = '0', who] = text.split(' ');
  return { name: `${library} ${id}`, turn: Number(turn), wasGuest: who === 'guest' };
}

/** How a session of ours is used that took an old one's place. */
export interface LinkUse {
  /** How long it is to live from now on, in milliseconds; 0: it is only looked at. */
  readonly lifeMs: number;
  /** When it ends whatever happens, epoch milliseconds; undefined: never. */
  readonly until: number | undefined;
}

/** Whether an old session still stands, and who its record names; undefined: a guest. */
export type OldStanding =
  { readonly stands: true; readonly principal: string | undefined } | { readonly stands: false };

/** What an old session's record holds. */
export interface OldRecord {
  readonly attributes: ReadonlyMap<string, unknown>;
  /** Who is logged in; undefined: a guest. */
  readonly principal: string | undefined;
  /** Seconds of idle life that it has left; undefined: it does not say. */
  readonly idleSeconds: number | undefined;
  /** Seconds that the browser was told to keep its cookie; undefined: as long as it runs. */
  readonly cookieMaxAge: number | undefined;
  /** Of one that is taken over again, since ours has run out: seconds to the absolute end of ours. Undefined: it begins now. */
  readonly absoluteSeconds?: number | undefined;
}

/**
 * What is there under an old session's name. `taken`: a session took its place, and lives, maybe under another id by now.
 * `gone`: no record, or it was ended on either side. `turn`: see {@link OldLink}.
 */
export type OldOutcome =
  | { readonly status: 'live'; readonly record: OldRecord; readonly turn: number }
  | { readonly status: 'taken'; readonly turn: number }
  | { readonly status: 'gone' }
  | { readonly status: 'unreadable'; readonly reason: string };

/** Sessions that another library keeps in the same Redis, and that are taken over one by one. */
export interface OldSessions {
  read(name: string): Promise<OldOutcome>;
  /** Whether it has not been told yet, on this node, that this one cannot be taken over. */
  isNews(name: string): boolean;
}
