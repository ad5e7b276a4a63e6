import type { SessionRecord } from '../../core/store.js';

/** Uses that are closer together than this part of a record's idle life need not be noted, however long the touch interval is. */
export const UNNOTED_SHARE = 10;

/** Whether a use of a loaded record is to be noted; as the script TOUCH decides it, which nodes may race for. */
export function isTouchDue(
  { lastAccessedAt, maxInactiveInterval }: SessionRecord,
  now: number,
  touchIntervalMs: number,
  copySeconds: number | undefined,
): boolean {
  const idleMs = maxInactiveInterval > 0 ? maxInactiveInterval * 1000 : Infinity;
  const lifeMs = Math.min(idleMs, copySeconds === undefined ? Infinity : copySeconds * 1000);
  return now - lastAccessedAt >= Math.min(touchIntervalMs, Math.floor(lifeMs / UNNOTED_SHARE));
}
