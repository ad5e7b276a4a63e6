import type {
  CompareAndSetOutcome,
  LoadOutcome,
  NewSession,
  SessionChange,
  SessionRecord,
  SessionRenewal,
  SessionStore,
  StoreHealth,
  WriteOutcome,
  Written,
} from '../core/store.js';
import { SessionFormatError, SessionStoreUnavailableError } from '../core/errors.js';
import type { SessionLimits } from '../core/session-size.js';
import { tagOf, type SessionId } from '../core/token.js';
import { RedisClock } from './redis-clock.js';
import type { Argument, RedisExecutor } from './redis-executor.js';
import { opaque } from './opaque.js';
import type { Quarantine } from './quarantine.js';
import { RecordLimits, type SessionOverhead } from './record-limits.js';
import { fieldOf, readRecord } from './redis-record.js';
import { COMPARE_AND_SET, CREATE, DESTROY, RENEW, SAVE, SET_ASIDE, TOUCH, type Script } from './scripts.js';

/** What of the settings concerns the records. */
export interface RedisStoreOptions {
  /** What every key begins with, e.g. `shop:session:`. */
  readonly keyPrefix: string;
  readonly topology: string;
  /** Uses closer together than this are not noted; 0: each is. */
  readonly touchIntervalMs: number;
  /** Life of the record of a session that is not authenticated, in seconds; undefined: as of any other. */
  readonly anonymousCopySeconds?: number | undefined;
  /** How long a session's end stays known under its old id, in milliseconds. */
  readonly endedMarkerMs: number;
  /** Of one session; undefined: none. */
  readonly limits?: SessionLimits | undefined;
  /** What another store adds to a session on its way here, which does not count; undefined: nothing. */
  readonly overhead?: SessionOverhead | undefined;
}

/** Redis gives a write up before we do, though clocks are read in whole milliseconds and timers may run a little early. */
const DEADLINE_MARGIN_MS = 5;

/** How long an unreadable record is kept for a look at it. */
const ASIDE_LIFE_MS = 86_400_000;

/** A record that another store hands over, to be kept as it is. */
export type RestoredSession = SessionRecord;

/**
 * Sessions in Redis: a hash each, a field per attribute, every write one atomic script on one slot.
 * See scripts.ts for what each of them promises.
 */
export class RedisStore implements SessionStore, Quarantine {
  readonly #commands: RedisExecutor;
  readonly #options: RedisStoreOptions;
  readonly #clock = new RedisClock();
  readonly #release: () => Promise<void>;
  readonly #limits: RecordLimits;

  /** @param release What `close()` does; nothing for a client that is not ours. */
  constructor(commands: RedisExecutor, options: RedisStoreOptions, release: () => Promise<void>) {
    this.#commands = commands;
    this.#options = options;
    this.#release = release;
    this.#limits = new RecordLimits(options.limits, options.overhead);
  }

  async load(id: SessionId): Promise<LoadOutcome> {
    let outcome: LoadOutcome;
    try {
      const [reply, touchedAt] = await this.#commands.loadAndTouch(
        this.#key(id),
        TOUCH,
        this.#options.touchIntervalMs,
      );
      if (touchedAt !== undefined) this.#clock.observe(touchedAt);
      outcome = readRecord(id, reply, touchedAt ?? this.now());
    } catch (error) {
      if (!(error instanceof SessionStoreUnavailableError && error.message.includes('WRONGTYPE')))
        throw error;
      outcome = { status: 'unreadable', reason: 'its key holds no hash' };
    }
    if (outcome.status === 'unreadable') await this.setAside(id, outcome.damaged === true);
    return outcome;
  }

  async create(id: SessionId, session: NewSession): Promise<Written> {
    const outcome = await this.#create(id, session, { absoluteTimeout: session.absoluteTimeout });
    if (outcome.status === 'written') return outcome;
    throw new SessionStoreUnavailableError(
      `Redis at ${this.#commands.address} holds a record under the id of a new session (${id}). Ids are 256 random ` +
        'bits, so the randomness or the server is not sound. Nothing was overwritten.',
    );
  }

  /** Writes a session that another store had as it is, unless a record or a marker is there already. */
  restore(id: SessionId, session: RestoredSession): Promise<WriteOutcome> {
    return this.#create(id, session, session);
  }

  save(id: SessionId, change: SessionChange): Promise<WriteOutcome> {
    return this.#write(SAVE, [this.#key(id)], withFields(this.#changeArguments(change), change));
  }

  renew(id: SessionId, renewal: SessionRenewal): Promise<WriteOutcome> {
    const { login, newId } = renewal;
    return this.#write(
      RENEW,
      [this.#key(id), this.#key(newId)],
      withFields(
        [
          ...this.#changeArguments(renewal),
          this.#options.endedMarkerMs,
          login === undefined ? '' : opaque(login.principal),
          login !== undefined && login.absoluteTimeout > 0 ? login.absoluteTimeout : 0,
        ],
        renewal,
      ),
    );
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
    if (reply[0] === -2) return { status: 'conflict', actual: (reply[1] as Buffer | null) ?? undefined };
    return this.#outcome(reply);
  }

  async destroy(id: SessionId): Promise<void> {
    // A marker is left only where nodes may hold copies of anonymous sessions in memory.
    const markerMs = this.#options.anonymousCopySeconds === undefined ? 0 : this.#options.endedMarkerMs;
    await this.#commands.run(DESTROY, [this.#key(id)], [this.#options.keyPrefix, markerMs]);
  }

  /** Kept for a day. @param damaged False: only if the record turns out not to be this session's. */
  async setAside(id: SessionId, damaged = true): Promise<void> {
    const key = this.#key(id);
    const args = [ASIDE_LIFE_MS, flag(damaged)];
    await this.#commands.run(SET_ASIDE, [key, `${key}:unreadable`], args).catch(() => undefined);
  }

  async health(): Promise<StoreHealth> {
    const start = performance.now();
    const [reply, time] = await Promise.all([this.#commands.call('ROLE'), this.#commands.call('TIME')]);
    // Asked at boot, so that even the first write has a deadline.
    this.#clock.observe(millisecondsOf(time));
    const latencyMs = Math.round((performance.now() - start) * 100) / 100;
    const role = Array.isArray(reply) ? String(reply[0]) : undefined;
    return { kind: 'redis', topology: this.#options.topology, role, latencyMs };
  }

  close(): Promise<void> {
    return this.#release();
  }

  /** What time it is for Redis, epoch milliseconds: by its latest answer, and before the first by this node's clock. */
  now(): number {
    return this.#clock.now() ?? Date.now();
  }

  #create(
    id: SessionId,
    session: NewSession | RestoredSession,
    times: {
      absoluteTimeout?: number;
      createdAt?: number;
      absoluteDeadline?: number | undefined;
      authenticatedAt?: number | undefined;
    },
  ): Promise<WriteOutcome> {
    const { absoluteTimeout } = times;
    return this.#write(
      CREATE,
      [this.#key(id)],
      withFields(
        [
          session.codec,
          session.maxInactiveInterval,
          absoluteTimeout !== undefined && absoluteTimeout > 0 ? absoluteTimeout : 0,
          session.principal === undefined ? '' : opaque(session.principal),
          flag(session.authenticated),
          this.#copy(session.authenticated),
          times.createdAt ?? 0,
          times.absoluteDeadline ?? 0,
          times.authenticatedAt ?? 0,
        ],
        { set: session.attributes, remove: [] },
      ),
    );
  }

  #changeArguments(change: SessionChange): Argument[] {
    const { maxInactiveInterval, authenticated } = change;
    return [maxInactiveInterval ?? '', flag(authenticated), this.#copy(authenticated), ...this.#limits.args];
  }

  #copy(authenticated: boolean): Argument {
    return authenticated ? 0 : (this.#options.anonymousCopySeconds ?? 0);
  }

  async #write(script: Script, keys: readonly string[], args: readonly Argument[]): Promise<WriteOutcome> {
    return this.#outcome(await this.#run(script, keys, args));
  }

  #run(script: Script, keys: readonly string[], args: readonly Argument[]): Promise<unknown[]> {
    const now = this.#clock.now();
    const deadline = now === undefined ? 0 : now + this.#commands.timeoutMs - DEADLINE_MARGIN_MS;
    return this.#commands.run(script, keys, [deadline, ...args]) as Promise<unknown[]>;
  }

  #outcome(reply: readonly unknown[]): WriteOutcome {
    const [status, now, deadline] = [Number(reply[0]), Number(reply[1]), Number(reply[2])];
    if (status === 1) {
      this.#clock.observe(now);
      return { status: 'written', now, absoluteDeadline: deadline > 0 ? deadline : undefined };
    }
    if (status === -3) {
      // After a failover the clock may be another: what was late by it must not make the next write late too.
      this.#clock.observe(now);
      throw new SessionStoreUnavailableError(
        `Redis at ${this.#commands.address} got to a write later than ${this.#commands.timeoutMs} ms after it was sent ` +
          'and did not apply it. Check its load, or raise REDIS_SESSION_TIMEOUT.',
      );
    }
    if (status === -4) {
      throw new SessionFormatError(
        'The record of a session is of another format than this node writes. Nothing was written. ' +
          'Finish the roll-out of the newer version.',
      );
    }
    if (status === -5) throw this.#limits.refusal(now, deadline);
    return { status: status === -1 ? 'ended' : 'absent' };
  }

  #key(id: SessionId): string {
    const tag = tagOf(id);
    return `${this.#options.keyPrefix}{${tag}}${id.slice(tag.length)}`;
  }
}

/** The reply of TIME: seconds, and microseconds. */
function millisecondsOf(reply: unknown): number {
  const [seconds, micros] = (reply as unknown[]).map(Number) as [number, number];
  return seconds * 1000 + Math.floor(micros / 1000);
}

/** Puts a change's attributes behind the arguments that a script has of its own. */
function withFields(args: Argument[], change: Pick<SessionChange, 'set' | 'remove'>): Argument[] {
  args.push(change.set.size);
  for (const [name, bytes] of change.set) args.push(fieldOf(name), opaque(bytes));
  for (const name of change.remove) args.push(fieldOf(name));
  return args;
}

function flag(value: boolean): Argument {
  return value ? 1 : 0;
}
