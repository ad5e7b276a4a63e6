import type { Found, Written } from './store.js';

/** The times of a session, epoch milliseconds of its store's clock; the interval in seconds. */
export interface SessionTimes {
  readonly createdAt: number;
  /** The use before this request. */
  readonly lastAccessedAt: number;
  /** The latest use: this request's load, or a write since. Idle life counts from here. */
  readonly accessedAt: number;
  /** Seconds; 0 or less: no idle timeout. */
  readonly maxInactiveInterval: number;
  readonly deadline: number | undefined;
}

/** When a session with these times ends if it is not used again; undefined: never, or not in times that a Date can hold. */
export function expiryOf(times: SessionTimes): Date | undefined {
  const idle = times.maxInactiveInterval > 0 ? times.accessedAt + times.maxInactiveInterval * 1000 : Infinity;
  const end = new Date(Math.min(idle, times.deadline ?? Infinity));
  return Number.isNaN(end.getTime()) ? undefined : end;
}

/**
 * How long a record of a session that never ends is kept, in milliseconds: ten years. No record is ever
 * without an expiry, so that nothing can fill a store for good.
 */
export const NEVER_MS = 10 * 365 * 24 * 60 * 60 * 1000;

/** The times of a session that begins now. `maxInactiveInterval` and `absoluteTimeout` in seconds, 0: none. */
export function newTimes(
  now: number,
  {
    maxInactiveInterval,
    absoluteTimeout,
  }: { readonly maxInactiveInterval: number; readonly absoluteTimeout: number },
): SessionTimes {
  const deadline = absoluteTimeout > 0 ? now + absoluteTimeout * 1000 : undefined;
  return { createdAt: now, lastAccessedAt: now, accessedAt: now, maxInactiveInterval, deadline };
}

/** Times after a write. Written out, since many requests need it and a spread takes V8 several times as long. */
export function timesAfter(before: SessionTimes, { now, absoluteDeadline }: Written): SessionTimes {
  const { createdAt, lastAccessedAt, maxInactiveInterval } = before;
  return { createdAt, lastAccessedAt, accessedAt: now, maxInactiveInterval, deadline: absoluteDeadline };
}

/** The times of a session as a store has just handed it out. */
export function timesOf({ record, now }: Found): SessionTimes {
  return {
    createdAt: record.createdAt,
    lastAccessedAt: record.lastAccessedAt,
    accessedAt: now,
    maxInactiveInterval: record.maxInactiveInterval,
    deadline: record.absoluteDeadline,
  };
}
