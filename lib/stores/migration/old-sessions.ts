import { LRUCache } from 'lru-cache';
import type { OldOutcome, OldSessions } from '../../core/old-sessions.js';
import type { RedisExecutor } from '../../redis/executor.js';
import { tooLate } from '../../redis/failure.js';
import { SCRIPT_STATUS } from '../../redis/script.js';
import { passportUser, readOldRecord, type OldRecordRules } from './old-record.js';
import { END_OLD, READ_OLD, USE_OLD } from './scripts.js';

/** Where a library that an application moves away from keeps its sessions, in the same Redis and database. */
export interface OldLibrary extends Pick<OldRecordRules, 'honoursExpiry'> {
  /** What its sessions are called by. */
  readonly library: string;
  /** What its keys begin with; its session ids follow. */
  readonly prefix: string;
  /** Default: `passport.user`. */
  readonly principal?: OldRecordRules['principal'] | undefined;
}

interface RedisOldSessionsOptions {
  readonly libraries: readonly OldLibrary[];
  /** The prefix of our keys, and so of the marks. */
  readonly keyPrefix: string;
  /** Most bytes of a session of ours. */
  readonly maxSessionBytes: number;
  /** Idle life of our sessions, in seconds. No session that is taken over gets less. */
  readonly idleTimeoutSeconds: number;
  /** Epoch milliseconds. */
  readonly now: () => number;
}

/** For how long a late save by an old node is undone. Each time that one is met, this begins anew. */
const END_KNOWN_MS = 30 * 24 * 60 * 60 * 1000;
/** Factor by which an old record may be larger than one of ours: JSON takes more bytes. */
const JSON_FACTOR = 2;
const REMEMBERED = 1000;

/** Sessions of another library, in Redis. See docs/migration.md for what makes the takeover one step. */
export class RedisOldSessions implements OldSessions {
  readonly #commands: RedisExecutor;
  readonly #options: RedisOldSessionsOptions;
  /** Sessions that cannot be taken over, and were reported. */
  readonly #told = new LRUCache<string, true>({ max: REMEMBERED });

  constructor(commands: RedisExecutor, options: RedisOldSessionsOptions) {
    this.#commands = commands;
    this.#options = options;
  }

  read(name: string): Promise<OldOutcome> {
    return this.#read(name, END_KNOWN_MS);
  }

  /** What {@link read} would answer. Changes nothing. */
  look(name: string): Promise<OldOutcome> {
    return this.#read(name, 0);
  }

  async #read(name: string, endKnownMs: number): Promise<OldOutcome> {
    const place = this.#placeOf(name);
    if (place === undefined) return { status: 'gone' };
    const { maxSessionBytes, idleTimeoutSeconds, now } = this.#options;
    const most = maxSessionBytes * JSON_FACTOR;
    const reply = (await this.#commands.run(READ_OLD, place.keys, [most, endKnownMs])) as unknown[];
    switch (Number(reply[0])) {
      case 0:
        return { status: 'gone' };
      case 2:
        return { status: 'taken' };
      case -1:
        return { status: 'unreadable', reason: 'its key holds no text' };
      case -2:
        return { status: 'unreadable', reason: `its record is larger than ${most} bytes` };
    }
    const { honoursExpiry, principal = passportUser } = place.library;
    const rules = { honoursExpiry, principal, now };
    const outcome = readOldRecord((reply[1] as Buffer).toString(), Number(reply[2]), rules);
    if (outcome.status !== 'live') return outcome;
    const { record } = outcome;
    const { idleSeconds, cookieMaxAge } = record;
    // Its life is what the browser was told in its cookie; else what Redis has left of it, and no less than our idle life.
    if (cookieMaxAge !== undefined || idleSeconds === undefined || idleSeconds >= idleTimeoutSeconds)
      return outcome;
    return { status: 'live', record: { ...record, idleSeconds: idleTimeoutSeconds } };
  }

  isNews(name: string): boolean {
    if (this.#told.has(name)) return false;
    this.#told.set(name, true);
    return true;
  }

  /**
   * To be called when a session is loaded that took an old one's place. Resolves to false if the old one has ended, and to true
   * also where the settings no longer name its library.
   * @param lifeMs How long it is to live from now on; 0: it is only looked at.
   */
  async use(name: string, lifeMs: number): Promise<boolean> {
    const place = this.#placeOf(name);
    if (place === undefined) return true;
    return Number(await this.#commands.run(USE_OLD, place.keys, [Math.round(lifeMs)])) === 1;
  }

  /** Ends an old session on both sides. */
  async end(name: string): Promise<void> {
    const place = this.#placeOf(name);
    if (place === undefined) return;
    const [status] = (await this.#commands.run(END_OLD, place.keys, [END_KNOWN_MS])) as unknown[];
    if (Number(status) === SCRIPT_STATUS.late)
      throw tooLate(this.#commands, 'the end of a session of the library before');
  }

  #placeOf(name: string): { library: OldLibrary; keys: [string, string] } | undefined {
    const at = name.indexOf(' ');
    const library = this.#options.libraries.find((each) => each.library === name.slice(0, at));
    if (library === undefined) return undefined;
    const key = library.prefix + name.slice(at + 1);
    return { library, keys: [key, markOf(this.#options.keyPrefix, key)] };
  }
}

/** The key of a mark: in the slot of the old key, which its own braces choose or else all of it. */
export function markOf(keyPrefix: string, oldKey: string): string {
  return `${keyPrefix}taken:${/\{[^}]+\}/.test(oldKey) ? oldKey : `{${oldKey}}`}`;
}
