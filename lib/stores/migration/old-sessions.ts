import { LRUCache } from 'lru-cache';
import type { LinkUse, OldLink, OldOutcome, OldSessions, OldStanding } from '../../core/old-sessions.js';
import type { RedisExecutor } from '../../redis/executor.js';
import { tooLate } from '../../redis/failure.js';
import { SCRIPT_STATUS } from '../../redis/script.js';
import { passportUser, principalIn, readOldRecord, type OldRecordRules } from './old-record.js';
import { END_OLD, LEAVE_OLD, READ_OLD, USE_OLD } from './scripts.js';

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
}

/** What a node has read of an old record. */
interface KnownRecord {
  readonly digest: string;
  readonly principal: string | undefined;
}

/** For how long an end is known, so that a late save by an old node is undone. Each time that one is met, this begins anew. */
const END_KNOWN_MS = 30 * 24 * 60 * 60 * 1000;
/** Factor by which an old record may be larger than one of ours: JSON takes more bytes. */
const JSON_FACTOR = 2;
const REMEMBERED = 1000;
/** Old records of which a node knows whom they name. Others are read again when their sessions are used. */
const MAX_KNOWN = 10_000;

/** Sessions of another library, in Redis. See docs/migration.md for what makes the takeover one step. */
export class RedisOldSessions implements OldSessions {
  readonly #commands: RedisExecutor;
  readonly #options: RedisOldSessionsOptions;
  /** Sessions that cannot be taken over, and were reported. */
  readonly #told = new LRUCache<string, true>({ max: REMEMBERED });
  /** By name. An old record that is still the same is not sent, and not read, a second time. */
  readonly #known = new LRUCache<string, KnownRecord>({ max: MAX_KNOWN });

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
    const { maxSessionBytes, idleTimeoutSeconds } = this.#options;
    const most = maxSessionBytes * JSON_FACTOR;
    const reply = (await this.#commands.run(READ_OLD, place.keys, [most, endKnownMs])) as unknown[];
    switch (Number(reply[0])) {
      case 0:
        return { status: 'gone' };
      case 2:
        return { status: 'taken', turn: Number(reply[1]) };
      case -1:
        return { status: 'unreadable', reason: 'its key holds no text' };
      case -2:
        return { status: 'unreadable', reason: `its record is larger than ${most} bytes` };
    }
    const [leftMs = 0, now = 0, turn = 0, until = 0] = reply.slice(2).map(Number);
    const text = (reply[1] as Buffer).toString();
    const outcome = readOldRecord(text, { leftMs, now, turn, until }, rulesOf(place.library));
    if (outcome.status !== 'live') return outcome;
    const { record } = outcome;
    const { idleSeconds, cookieMaxAge } = record;
    // Its life is what the browser was told in its cookie; else what Redis has left of it, and no less than our idle life.
    if (cookieMaxAge !== undefined || idleSeconds === undefined || idleSeconds >= idleTimeoutSeconds)
      return outcome;
    return { ...outcome, record: { ...record, idleSeconds: idleTimeoutSeconds } };
  }

  isNews(name: string): boolean {
    if (this.#told.has(name)) return false;
    this.#told.set(name, true);
    return true;
  }

  /**
   * To be called when a session is loaded that took an old one's place. Undefined: the settings no longer name its library, so
   * that nothing is known of the old one.
   */
  async use({ name, turn }: OldLink, { lifeMs, until }: LinkUse): Promise<OldStanding | undefined> {
    const place = this.#placeOf(name);
    if (place === undefined) return undefined;
    let known = this.#known.get(name);
    const args = [Math.round(lifeMs), turn, until ?? 0, known?.digest ?? '', END_KNOWN_MS];
    const [stands, text, digest] = (await this.#commands.run(USE_OLD, place.keys, args)) as unknown[];
    if (Number(stands) !== 1) return { stands: false };
    if (text !== undefined || known === undefined) {
      const principal = principalIn(String(text), rulesOf(place.library));
      known = { digest: String(digest), principal };
      this.#known.set(name, known);
    }
    return { stands: true, principal: known.principal };
  }

  /** The old record names another user: the session of ours that stands for it is to end, and the next is another. */
  async leave({ name, turn }: OldLink): Promise<void> {
    const place = this.#placeOf(name);
    if (place !== undefined) await this.#commands.run(LEAVE_OLD, place.keys, [turn, END_KNOWN_MS]);
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

function rulesOf({ honoursExpiry, principal = passportUser }: OldLibrary): OldRecordRules {
  return { honoursExpiry, principal };
}

/** The key of a mark: in the slot of the old key, which its own braces choose or else all of it. */
export function markOf(keyPrefix: string, oldKey: string): string {
  return `${keyPrefix}taken:${/\{[^}]+\}/.test(oldKey) ? oldKey : `{${oldKey}}`}`;
}
