import type {
  CompareAndSetOutcome,
  DestroyOptions,
  DestroyOutcome,
  Found,
  LoadOptions,
  LoadOutcome,
  NewSession,
  Quarantine,
  SessionChange,
  SessionRecord,
  SessionRenewal,
  SessionStore,
  StoreHealth,
  WriteOutcome,
} from '../../core/store.js';
import { TOMBSTONE_MS } from '../../core/store.js';
import { SessionFormatError, SessionStoreUnavailableError } from '../../core/errors.js';
import type { SessionLimits } from '../../core/limits.js';
import type { JointEntry } from '../../core/session-index.js';
import type { SessionId } from '../../core/token.js';
import type { Argument, RedisExecutor } from '../../redis/executor.js';
import { healthOf } from './health.js';
import { opaque } from './opaque.js';
import { RecordLimits, type SessionOverhead } from './record-limits.js';
import {
  cookieField,
  fieldOf,
  FROM_FIELD,
  idIn,
  indexField,
  keptField,
  keyOf,
  LOOK_FIELDS,
  readRecord,
  withFields,
  withPairs,
  type OwnField,
  isTouchDue,
} from './record.js';
import { headArguments, lifeMs } from './record-head.js';
import type { MessageSender } from './session-messages.js';
import { tooLate } from '../../redis/failure.js';
import { SCRIPT_STATUS, type Script } from '../../redis/script.js';
import { CREATE, CREATE_LISTED } from './create-scripts.js';
import { ASIDE_MS, asideOf, isWrongType, ListScripts, type StrangeList } from './list-scripts.js';
import { COMPARE_AND_SET, DESTROY, RENEW, RENEW_LISTED, SAVE, QUARANTINE, TELL, TOUCH } from './scripts.js';
import { asPattern, scanned } from '../../redis/scan.js';

/** What of the settings concerns the records. */
export interface RedisStoreOptions {
  /** What every key begins with, e.g. `shop:session:`. */
  readonly keyPrefix: string;
  readonly topology: string;
  /** Uses closer together than this are not noted, and records live so much longer; 0: each is. See scripts.ts. */
  readonly touchIntervalMs: number;
  /** Life of the record of a session that is neither authenticated nor kept, in seconds; undefined: as of any other. */
  readonly anonymousCopySeconds?: number | undefined;
  /** How long an end stays known where nodes may hold copies in memory, in milliseconds; elsewhere {@link TOMBSTONE_MS}. */
  readonly tombstoneMs: number;
  /** Of one session; undefined: none. */
  readonly limits?: SessionLimits | undefined;
  /** Where other nodes are told of beginnings and ends; undefined: nowhere. */
  readonly messages?: MessageSender | undefined;
  /** What another store adds to a session on its way here, which does not count; undefined: nothing. */
  readonly overhead?: SessionOverhead | undefined;
  /** Hears of users' lists that are written with sessions, and hold something else; undefined: nobody does. */
  readonly strangeList?: StrangeList | undefined;
}

/** No other nodes. */
const SILENT: readonly Argument[] = ['', ''];
/** How a script with a new id says that this has been ended beforehand. */
const NEW_ID_ENDED = -6;
/** Steps along the ids of a session that is being ended: a session changes its id a few times a minute at most. */
const MOST_STEPS = 100;

/** What of a change is in fields of ours. */
type OwnChange = Pick<SessionChange, 'cookie' | 'indexed' | 'kept'>;

/**
 * Sessions in Redis: a hash each, a field per attribute, every write one atomic script on one slot.
 * See scripts.ts for what each of them promises.
 */
export class RedisStore implements SessionStore, Quarantine {
  readonly #commands: RedisExecutor;
  readonly #options: RedisStoreOptions;
  readonly #release: () => Promise<void>;
  readonly #limits: RecordLimits;
  readonly #lists: ListScripts;

  /** @param release What `close()` does; nothing for a client that is not ours. */
  constructor(commands: RedisExecutor, options: RedisStoreOptions, release: () => Promise<void>) {
    this.#commands = commands;
    this.#options = options;
    this.#release = release;
    this.#limits = new RecordLimits(options.limits, options.overhead);
    this.#lists = new ListScripts(commands, options.strangeList);
  }

  async load(id: SessionId, { touch = true, only }: LoadOptions = {}): Promise<LoadOutcome> {
    let outcome: LoadOutcome;
    let isTouchDue = false;
    try {
      const fields = touch || only === undefined ? undefined : [...LOOK_FIELDS, ...only.map(fieldOf)];
      const [reply, now = Date.now()] = await this.#commands.load(this.#key(id), fields);
      outcome = readRecord(id, reply, now);
      // Of a record whose absolute deadline has passed, a touch is the end.
      isTouchDue = outcome.status === 'found' ? this.#isTouchDue(outcome) : isLeftOver(outcome, reply);
    } catch (error) {
      if (!isWrongType(error)) throw error;
      outcome = { status: 'unreadable', reason: 'its key holds no hash' };
    }
    if (outcome.status === 'unreadable') await this.quarantine(id, outcome.damaged === true);
    // In the background: what a request asks for does not depend on it, and where writes fail, reads must go on.
    if (touch && isTouchDue) this.touch(id).catch(noop);
    return outcome;
  }

  async touch(id: SessionId): Promise<void> {
    await this.#commands.run(TOUCH, [this.#key(id)], [this.#options.touchIntervalMs]);
  }

  #isTouchDue({ record, now }: Found): boolean {
    const { touchIntervalMs, anonymousCopySeconds } = this.#options;
    const copySeconds = isLasting(record) ? undefined : anonymousCopySeconds;
    return isTouchDue(record, now, touchIntervalMs, copySeconds);
  }

  async create(id: SessionId, session: NewSession): Promise<WriteOutcome> {
    const { absoluteTimeout, authenticatedAt, indexed, entry, from, cookie, kept } = session;
    // The script knows better when the index was told of it.
    const owed = this.#own(id, { cookie, kept });
    const own = owed instanceof Promise ? await owed : owed;
    if (from !== undefined) own.push([FROM_FIELD, from]);
    const times = { absoluteTimeout, authenticatedAt, indexed, entry, own };
    const outcome = await this.#create(id, session, times, this.#tells);
    if (outcome.status === 'written' || (from !== undefined && outcome.status === 'absent')) return outcome;
    if (outcome.status === 'ended') return { ...outcome, newIdEnded: true };
    throw new SessionStoreUnavailableError(
      `Redis at ${this.#commands.endpoint.address} holds a record under the id of a new session (${id}). Ids are 256 random ` +
        'bits, so the randomness or the server is not sound. Nothing was overwritten.',
      { reason: 'DUPLICATE_ID' },
    );
  }

  /** Writes a session that another store had as it is, unless a record or a tombstone is there already. */
  restore(id: SessionId, session: SessionRecord): Promise<WriteOutcome> {
    const { createdAt, absoluteDeadline, authenticatedAt, cookieMaxAge, cookieSentAt } = session;
    const own = cookieSentAt === undefined ? [] : [cookieField(cookieMaxAge, cookieSentAt)];
    return this.#create(id, session, { createdAt, absoluteDeadline, authenticatedAt, own }, SILENT);
  }

  async save(id: SessionId, change: SessionChange): Promise<WriteOutcome> {
    const owed = this.#own(id, change);
    const own = owed instanceof Promise ? await owed : owed;
    const lasting = isLasting(change);
    const terms = { idle: change.maxInactiveInterval, lasting, copy: this.#copy(lasting) };
    const head = headArguments(change.mark, terms, this.#options.touchIntervalMs);
    const args = withFields([...head, ...this.#limits.args], change, own);
    return this.#outcome((await this.#commands.run(SAVE, [this.#key(id)], args)) as unknown[]);
  }

  async renew(id: SessionId, renewal: SessionRenewal): Promise<WriteOutcome> {
    const { login, newId, entry, graceSeconds = 0, unlinked = false } = renewal;
    const own = await this.#own(id, renewal);
    const args = withFields(
      [
        ...(entry === undefined ? [] : [entry.lifeMs, entry.device as Buffer, entry.replaces ?? '']),
        this.#options.touchIntervalMs,
        ...this.#tells,
        ...this.#changeArguments(renewal),
        TOMBSTONE_MS,
        this.#options.tombstoneMs,
        login === undefined ? graceSeconds * 1000 : 0,
        login === undefined ? '' : opaque(login.principal),
        login !== undefined && login.absoluteTimeout > 0 ? login.absoluteTimeout : 0,
      ],
      renewal,
      own,
    );
    if (unlinked) args.push(FROM_FIELD);
    const keys = [this.#key(id), this.#key(newId)];
    const reply =
      entry === undefined
        ? await this.#commands.run(RENEW, keys, args)
        : await this.#lists.run(RENEW_LISTED, [...keys, entry.list], args, [entry.list]);
    return this.#outcome(reply as unknown[]);
  }

  async compareAndSet(
    id: SessionId,
    name: string,
    expected: Uint8Array | undefined,
    next: Uint8Array | undefined,
    authenticated: boolean,
  ): Promise<CompareAndSetOutcome> {
    const args = [
      flag(authenticated),
      this.#copy(authenticated),
      ...this.#limits.args,
      flag(expected !== undefined),
      expected === undefined ? '' : opaque(expected),
      flag(next !== undefined),
      fieldOf(name),
    ];
    if (next !== undefined) args.push(opaque(next));
    const reply = await this.#run(COMPARE_AND_SET, [this.#key(id)], args);
    if (reply[0] === SCRIPT_STATUS.conflict)
      return { status: 'conflict', actual: (reply[1] as Buffer | null) ?? undefined };
    return this.#outcome(reply);
  }

  async destroy(id: SessionId, options: DestroyOptions = {}): Promise<DestroyOutcome> {
    const { reserved = false, followLogins = true, why = 'destroyed' } = options;
    const { keyPrefix, anonymousCopySeconds, tombstoneMs } = this.#options;
    const copiesMs = anonymousCopySeconds === undefined ? 0 : tombstoneMs;
    const args = [
      ...this.#tells,
      keyPrefix,
      TOMBSTONE_MS,
      copiesMs,
      reserved ? TOMBSTONE_MS : 0,
      flag(followLogins),
      why,
    ];
    let keys = [this.#key(id)];
    for (let tries = 0; tries < MOST_STEPS; tries += 1) {
      const reply = await this.#run(DESTROY, keys, args);
      if (Number(reply[0]) === SCRIPT_STATUS.late) throw tooLate(this.#commands, 'a write');
      const [found, next] = [Number(reply[2]), reply[3]];
      if (next === undefined) {
        if (found > 0) return { status: 'removed', renewed: found === 2 };
        return { status: found < 0 ? 'ended' : 'absent' };
      }
      keys = [...keys.slice(0, Number(reply[4])), this.#key((next as Buffer).toString() as SessionId)];
    }
    throw new SessionStoreUnavailableError(
      `The id of a session changed ${MOST_STEPS} times while it was being ended, and it is not ended. Try it again.`,
    );
  }

  /**
   * Tells the other nodes of a session that is not known here: that somebody has asked for its end, or that this node has
   * ended what it held of it. Whoever asked for an end is answered when the question has left for all nodes: Redis may answer
   * the one who publishes before it writes to those who listen, but turns to a second command only when it has done both.
   */
  async tell(type: 'unknown' | 'destroyed', id: SessionId): Promise<void> {
    const { messages } = this.#options;
    if (messages === undefined) return;
    const key = this.#key(id);
    await this.#commands.run(TELL, [key], [messages.channel, `${messages.node} ${type} ${id}`]);
    if (type === 'unknown') await this.#commands.timeAt(key);
  }

  async *ids(): AsyncIterable<SessionId> {
    const { keyPrefix } = this.#options;
    for await (const key of scanned(this.#commands, `${asPattern(keyPrefix)}{*`)) {
      const id = idIn(keyPrefix, key);
      if (id !== undefined) yield id;
    }
  }

  /** Kept for a day. @param damaged False: only if the record turns out not to be this session's. */
  async quarantine(id: SessionId, damaged = true): Promise<void> {
    const key = this.#key(id);
    const args = [ASIDE_MS, flag(damaged)];
    await this.#commands.run(QUARANTINE, [key, asideOf(key)], args).catch(() => undefined);
  }

  health(): Promise<StoreHealth> {
    return healthOf(this.#commands, this.#options);
  }

  close(): Promise<void> {
    return this.#release();
  }

  #create(
    id: SessionId,
    session: NewSession | SessionRecord,
    times: {
      absoluteTimeout?: number;
      createdAt?: number;
      absoluteDeadline?: number | undefined;
      authenticatedAt?: number | undefined;
      indexed?: boolean | undefined;
      entry?: JointEntry | undefined;
      own: readonly OwnField[];
    },
    tells: readonly Argument[],
  ): Promise<WriteOutcome> {
    const { absoluteTimeout = 0, createdAt = 0, absoluteDeadline = 0, authenticatedAt = 0 } = times;
    const { indexed = false, own } = times;
    const { codec, principal, maxInactiveInterval: idle } = session;
    const existed = createdAt !== 0 || absoluteDeadline !== 0 || authenticatedAt !== 0;
    const lasting = isLasting(session);
    const copy = this.#copy(lasting);
    const { entry } = times;
    const args: Argument[] = [
      ...(entry === undefined ? [] : [entry.lifeMs, entry.device as Buffer]),
      ...tells,
      codec,
      principal === undefined ? '' : opaque(principal),
      idle,
      `${copy} ${flag(lasting)} ${flag(copy > 0)}`,
      lifeMs(idle, copy, this.#options.touchIntervalMs),
      Math.max(absoluteTimeout, 0),
      existed ? `${createdAt} ${absoluteDeadline} ${authenticatedAt}` : '',
      flag(indexed),
    ];
    withPairs(args, session.attributes, own);
    const key = this.#key(id);
    const reply =
      entry === undefined
        ? this.#commands.run(CREATE, [key], args)
        : this.#lists.run(CREATE_LISTED, [key, entry.list], args, [entry.list]);
    return reply.then((values) => this.#outcome(values as unknown[]));
  }

  #changeArguments(change: SessionChange): Argument[] {
    const lasting = isLasting(change);
    return [change.maxInactiveInterval ?? '', flag(lasting), this.#copy(lasting), ...this.#limits.args];
  }

  /** Fields of ours that a write comes with. A promise only where there is a time in them. */
  #own(id: SessionId, change: OwnChange): OwnField[] | Promise<OwnField[]> {
    const isTimed = change.cookie?.sent === true || change.indexed === true;
    // The server's, as all times of a record are.
    if (isTimed)
      return this.#commands.timeAt(this.#key(id)).then((now) => ownFields(change, Math.floor(now)));
    return ownFields(change, 0);
  }

  /** What a script is told of the other nodes. */
  get #tells(): readonly Argument[] {
    const { messages } = this.#options;
    return messages === undefined ? SILENT : [messages.channel, messages.node];
  }

  #copy(lasting: boolean): number {
    return lasting ? 0 : (this.#options.anonymousCopySeconds ?? 0);
  }

  #run(script: Script, keys: readonly string[], args: readonly Argument[]): Promise<unknown[]> {
    return this.#commands.run(script, keys, [this.#options.touchIntervalMs, ...args]) as Promise<unknown[]>;
  }

  #outcome(reply: readonly unknown[]): WriteOutcome {
    const [status, now, deadline] = [Number(reply[0]), Number(reply[1]), Number(reply[2])];
    if (status === SCRIPT_STATUS.late) throw tooLate(this.#commands, 'a write');
    if (status === SCRIPT_STATUS.written)
      return { status: 'written', now, absoluteDeadline: deadline > 0 ? deadline : undefined };
    if (status === SCRIPT_STATUS.format) {
      throw new SessionFormatError(
        'The record of a session is of another format than this node writes. Nothing was written. ' +
          'Finish the roll-out of the newer version.',
      );
    }
    if (status === NEW_ID_ENDED) return { status: 'ended', newIdEnded: true };
    if (status === SCRIPT_STATUS.limit) throw this.#limits.refusal(now, deadline);
    if (status !== SCRIPT_STATUS.ended) return { status: 'absent' };
    if (reply.length === 1) return { status: 'ended' };
    const next = (reply[1] as Buffer).toString();
    if (next === '') return { status: 'ended', byLogin: true };
    return { status: 'ended', movedTo: next as SessionId, inGrace: reply[2] === 1 };
  }

  #key(id: SessionId): string {
    return keyOf(this.#options.keyPrefix, id);
  }
}

/** Whether a session is stored for its whole idle life. */
function isLasting({ authenticated, kept }: Pick<SessionChange, 'authenticated' | 'kept'>): boolean {
  return authenticated || kept === true;
}

function ownFields({ cookie, indexed, kept }: OwnChange, now: number): OwnField[] {
  const own: OwnField[] = kept === undefined ? [] : [keptField(kept)];
  if (cookie !== undefined) own.push(cookieField(cookie.maxAge, cookie.sent ? now : 0));
  if (indexed === true) own.push(indexField(now));
  return own;
}

function isLeftOver({ status }: LoadOutcome, reply: readonly Buffer[]): boolean {
  return status === 'absent' && reply.length > 0;
}

function noop(): void {
  // A session whose use was not noted lives a little shorter.
}

function flag(value: boolean): 0 | 1 {
  return value ? 1 : 0;
}
