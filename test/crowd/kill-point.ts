import { Redis, type Command } from 'ioredis';
import { writeSync } from 'node:fs';
import type { Script } from '../../lib/redis/script.js';
import { CREATE, CREATE_LISTED } from '../../lib/stores/redis/create-scripts.js';
import * as ofLists from '../../lib/stores/redis/index-scripts.js';
import * as ofRecords from '../../lib/stores/redis/scripts.js';

/** The writes that logins, id changes and ends are made of. */
const SCRIPTS: Readonly<Record<string, Script>> = {
  ADD: ofLists.ADD_ENTRY,
  ENTER: ofLists.ENTER_ENTRY,
  END: ofLists.END_ENTRIES,
  REMOVE: ofLists.REMOVE_ENTRIES,
  CREATE,
  CREATE_LISTED,
  SAVE: ofRecords.SAVE,
  RENEW: ofRecords.RENEW,
  RENEW_LISTED: ofRecords.RENEW_LISTED,
  DESTROY: ofRecords.DESTROY,
};

/** When the process dies: it is not sent, it is on its way, or it was answered and nothing has been made of that. */
const MOMENTS = ['before', 'during', 'after'] as const;
/** It may be any of so many next runs. */
const MOST_RUNS = 12;

/** Where a node dies: "before ADD". */
export type KillPoint = string;

/** @param of Names of scripts. Default: all. */
export function killPoints(of: readonly string[] = Object.keys(SCRIPTS)): KillPoint[] {
  return of.flatMap((name) => MOMENTS.map((moment) => `${moment} ${name}`));
}

/**
 * Has this process die (kill -9) at a command, at random one of its next runs. Says on standard output where, just before it
 * does.
 * @returns Calls it off.
 */
export function armKillPoint(point: KillPoint, random: () => number): () => void {
  const [moment = '', name = ''] = point.split(' ');
  // Only what has not been used for a while is entered.
  let left = 1 + Math.floor(random() * (name === 'ENTER' ? 1 : MOST_RUNS));
  let isArmed = true;
  const die = (): void => {
    if (!isArmed) return;
    // Of this file descriptor nothing is left in a buffer.
    writeSync(1, `dies ${point}\n`);
    process.kill(process.pid, 'SIGKILL');
  };
  const send = Reflect.get(Redis.prototype, 'sendCommand') as (this: Redis, ...args: unknown[]) => unknown;
  Redis.prototype.sendCommand = function (command: Command, ...rest): unknown {
    const isIt = isArmed && command.name === 'evalsha' && command.args[0] === SCRIPTS[name]?.sha1;
    if (!isIt || (left -= 1) > 0) return send.call(this, command, ...rest);
    if (moment === 'before') die();
    const sent = send.call(this, command, ...rest);
    if (moment === 'after') command.promise.then(die, die);
    // A turn later it has left this process; whether Redis has got to it nobody knows.
    if (moment === 'during') setImmediate(() => setImmediate(die));
    return sent;
  };
  return () => void (isArmed = false);
}
