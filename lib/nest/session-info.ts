import type { SessionDevice } from '../core/session-index.js';
import { expiryOf, timesOf } from '../core/times.js';
import type { ListedSession } from '../core/every-session.js';

/** A session as lists show it. Names no token, and looking at one is no use of it. */
export interface SessionInfo {
  /** The public one: for `peek`, `open`, `destroy`. */
  readonly id: string;
  /** Who is logged in; undefined: nobody, and the application's `isAuthenticated` counts it as logged in. */
  readonly principal: string | undefined;
  /** When it began, as a guest perhaps. */
  readonly createdAt: Date;
  /** When that login was; undefined: there was none. */
  readonly authenticatedAt: Date | undefined;
  /** To within REDIS_SESSION_TOUCH_INTERVAL. */
  readonly lastAccessedAt: Date;
  /** When it ends if it is not used again; undefined: never. */
  readonly expiresAt: Date | undefined;
  /** Where it was logged in; undefined: not kept, or not known. */
  readonly device: SessionDevice | undefined;
  /** Whether it is the one that was said to be the current one. */
  readonly current: boolean;
}

export function sessionInfo({ id, found, device }: ListedSession, current: string | undefined): SessionInfo {
  const { principal, createdAt, authenticatedAt, lastAccessedAt } = found.record;
  return {
    id,
    principal,
    createdAt: new Date(createdAt),
    authenticatedAt: authenticatedAt === undefined ? undefined : new Date(authenticatedAt),
    lastAccessedAt: new Date(lastAccessedAt),
    expiresAt: expiryOf({ ...timesOf(found), accessedAt: lastAccessedAt }),
    device,
    current: id === current,
  };
}
