import { createHash } from 'node:crypto';

/** A Lua script, which Redis knows by its hash once it has run. */
export interface Script {
  readonly lua: string;
  readonly sha1: string;
  /** Whether it does nothing after ARGV[1], by the clock of the server that runs it. */
  readonly hasDeadline: boolean;
}

/** How the reply of a write begins; the server's time follows on `written` and `late`. */
export const SCRIPT_STATUS = {
  written: 1,
  absent: 0,
  ended: -1,
  conflict: -2,
  late: -3,
  format: -4,
  limit: -5,
} as const;

export function scriptOf(lua: string, hasDeadline: boolean): Script {
  return { lua, sha1: createHash('sha1').update(lua).digest('hex'), hasDeadline };
}
