import { createHash } from 'node:crypto';

/** A Lua script, which Redis knows by its hash once it has run. */
export interface Script {
  readonly lua: string;
  readonly sha1: string;
  /** Whether it does nothing after ARGV[1], by the clock of the server that runs it. */
  readonly hasDeadline: boolean;
  /** Whether its reply is the time of the server that ran it, in epoch milliseconds. */
  readonly tellsTime: boolean;
  /** Whether a run that was refused in the middle may be followed by another one, which then does the rest. */
  readonly isRepeatable: boolean;
}

/** How the reply of a script with a deadline begins; the server's time follows on `written` and `late`. */
export const SCRIPT_STATUS = {
  written: 1,
  absent: 0,
  ended: -1,
  conflict: -2,
  late: -3,
  format: -4,
  limit: -5,
} as const;

export function scriptOf(
  lua: string,
  { hasDeadline = false, tellsTime = false, isRepeatable = false } = {},
): Script {
  const sha1 = createHash('sha1').update(lua).digest('hex');
  return { lua, sha1, hasDeadline, tellsTime, isRepeatable };
}

/** The first lines of a script that needs the time: `now` as a number and `this` as text, in epoch milliseconds. */
export const NOW = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local this = string.format('%d', now)`;

/**
 * Tells what time it is for the server of a key.
 * KEYS any.
 * Reply: now.
 */
export const TIME_OF = scriptOf(`${NOW}\nreturn now\n`, { tellsTime: true });

/**
 * Writes something that every replica gets to see, and leaves nothing: a point in the stream of writes behind all that
 * went before it. Redis counts for WAIT what a connection has written, and the end of a session that has ended already
 * writes nothing. Refused by a Redis that is full.
 * KEYS a key that nobody uses.
 */
export const MARK_POINT = scriptOf(`
redis.call('HSET', KEYS[1], '@point', 1)
return redis.call('DEL', KEYS[1])
`);
