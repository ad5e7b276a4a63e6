import { CREATE, CREATE_LISTED } from '../../../lib/stores/redis/create-scripts.js';
import {
  COMPARE_AND_SET,
  DESTROY,
  RENEW,
  RENEW_LISTED,
  SAVE,
  TOUCH,
} from '../../../lib/stores/redis/scripts.js';
import {
  ADD_ENTRY,
  END_ENTRIES,
  ENTER_ENTRY,
  REMOVE_ENTRIES,
} from '../../../lib/stores/redis/index-scripts.js';
import { TIME_OF } from '../../../lib/redis/script.js';
import { type Command, type CommandWatch } from '../../support/commands.js';

const SCRIPTS = {
  create: CREATE,
  /** With their entries in the index of users' sessions. */
  createListed: CREATE_LISTED,
  renewListed: RENEW_LISTED,
  save: SAVE,
  renew: RENEW,
  compareAndSet: COMPARE_AND_SET,
  destroy: DESTROY,
  /** Of the index of users' sessions. */
  name: ADD_ENTRY,
  enter: ENTER_ENTRY,
  endAll: END_ENTRIES,
  forget: REMOVE_ENTRIES,
  /** What time it is for a server that was not asked yet, in the round trip of the first load. */
  time: TIME_OF,
};

/** What the server was asked, in the words of the store: `load`, `touch`, `create`, `save`, … in order. */
export async function takeTraffic(watch: CommandWatch): Promise<string[]> {
  return trafficIn(await watch.take());
}

/** The same without what every request with a session does: only what writes. */
export async function takeWrites(watch: CommandWatch): Promise<string[]> {
  return (await takeTraffic(watch)).filter((name) => !['load', 'touch', 'time'].includes(name));
}

function trafficIn(commands: readonly Command[]): string[] {
  // A server that does not know a script yet refuses its hash, and then gets its text: one use of the script.
  const taught = commands.filter(({ name }) => name === 'EVAL').map(({ args }) => argumentsOf(args));
  return commands.flatMap(({ name, args }) => {
    if (name === 'HGETALL') return ['load'];
    if (name !== 'EVALSHA' && name !== 'EVAL') return [name];
    if (name === 'EVALSHA') {
      const at = taught.indexOf(argumentsOf(args));
      if (at >= 0) {
        taught.splice(at, 1);
        return [];
      }
    }
    return [scriptNamed(args[0] ?? '')];
  });
}

function argumentsOf(args: readonly string[]): string {
  return JSON.stringify(args.slice(1));
}

function scriptNamed(text: string): string {
  if (text === TOUCH.sha1 || text === TOUCH.lua) return 'touch';
  const found = Object.entries(SCRIPTS).find(([, { sha1, lua }]) => sha1 === text || lua === text);
  return found?.[0] ?? 'unknown script';
}
