import { createHmac, hash, hkdfSync } from 'node:crypto';
import {
  type IndexAdded,
  type IndexAddition,
  type IndexEntry,
  type IndexName,
  type IndexReading,
  type JointAddition,
  type JointEntry,
  type SessionDevice,
  type SessionIndex,
} from '../../core/session-index.js';
import { isSessionId, type SessionId } from '../../core/token.js';
import type { Argument, RedisExecutor } from '../../redis/executor.js';
import { tooLate } from '../../redis/failure.js';
import { asPattern, scanned } from '../../redis/scan.js';
import { SCRIPT_STATUS, type Script } from '../../redis/script.js';
import { ValueKey } from '../layers/key-ring.js';
import { ADD_ENTRY, END_ENTRIES, ENTER_ENTRY, REMOVE_ENTRIES, STANDS } from './index-scripts.js';
import { isWrongType, ListScripts, type StrangeList } from './list-scripts.js';
import { opaque } from './opaque.js';

/** What of the settings concerns the index. */
interface RedisIndexOptions {
  /** What every key begins with, as that of the records. */
  readonly keyPrefix: string;
  /** The operator's keys, newest first: users are named by an HMAC, and devices sealed. None: by a hash, in plain. */
  readonly encryptionKeys?: readonly Uint8Array[] | undefined;
  /** Whether a script may touch a list and a record at once: see {@link isOnePlace}. Asked for each session. Default: no. */
  readonly isWithRecords?: (() => boolean) | undefined;
  /** Hears of lists that hold something else; undefined: nobody does. */
  readonly strangeList?: StrangeList | undefined;
}

/**
 * For how long "whoever logged in until now is to be logged out" is kept: as long as a browser keeps a cookie at most. Of
 * concern only to sessions that the index has not heard of until then, which are those of 0.1.
 */
const END_NOTED_MS = 400 * 24 * 60 * 60 * 1000;
/** 132 bits. */
const NAME_LENGTH = 22;
/** Ids in one command. */
const MOST_IDS = 500;

const ENTRY = /^(\d+) (\d+) (\d+) (\S+) ?(.*)$/s;
/** What a damaged entry counts as: see index-scripts.ts. */
const DAMAGED = ['', 'Infinity', '0', '0', '-'] as const;

/** What is derived from one of the operator's keys. */
interface DerivedKeys {
  readonly name: Uint8Array;
  readonly device: ValueKey;
}

/**
 * The index in Redis: a hash for each user, under a key that does not tell who that is, and a note beside it where all of a
 * user's sessions were ended. See index-scripts.ts.
 */
export class RedisSessionIndex implements SessionIndex {
  readonly #commands: RedisExecutor;
  readonly #lists: ListScripts;
  readonly #prefix: string;
  readonly #keys: readonly DerivedKeys[];
  readonly #isWithRecords: () => boolean;

  constructor(commands: RedisExecutor, options: RedisIndexOptions) {
    const { keyPrefix, encryptionKeys = [], isWithRecords = () => false } = options;
    this.#commands = commands;
    this.#lists = new ListScripts(commands, options.strangeList);
    this.#isWithRecords = isWithRecords;
    this.#prefix = `${keyPrefix}user:`;
    this.#keys = encryptionKeys.map((key) => ({
      name: derived(key, 'principal'),
      device: new ValueKey(derived(key, 'device')),
    }));
  }

  namesOf(principal: string): readonly IndexName[] {
    const hashes =
      this.#keys.length === 0
        ? [hash('sha256', principal, 'base64url')]
        : this.#keys.map(({ name }) => createHmac('sha256', name).update(principal).digest('base64url'));
    return hashes.map((whole) => whole.slice(0, NAME_LENGTH) as IndexName);
  }

  joint(principal: string, addition: JointAddition): JointEntry | undefined {
    if (!this.#isWithRecords()) return undefined;
    const { lifeMs, device, replaces, keepsLogin = false } = addition;
    const [name] = this.namesOf(principal) as [IndexName];
    return {
      list: this.#key(name),
      lifeMs: Math.round(lifeMs),
      device: this.#stored(device),
      replaces: replaces === undefined ? undefined : keepsLogin ? 'login' : 'entry',
    };
  }

  async add(principal: string, id: SessionId, addition: IndexAddition): Promise<IndexAdded> {
    const { lifeMs, replaces, keepsLogin = false, device, limit = 0, evict = false } = addition;
    const [name] = this.namesOf(principal) as [IndexName];
    const args: Argument[] = [id, Math.round(lifeMs), this.#stored(device)];
    if (replaces !== undefined || limit > 0)
      args.push(replaces ?? '', keepsLogin ? 1 : 0, limit, evict ? 1 : 0);
    const [status, now, rest] = await this.#run(ADD_ENTRY, [this.#key(name)], args);
    if (status === 0) return { status: 'full', reading: this.#reading(now, rest) };
    return { status: 'added', beyond: rest.map(String) as SessionId[] };
  }

  async enter(
    principal: string,
    id: SessionId,
    { lifeMs, loginAt }: { readonly lifeMs: number; readonly loginAt: number },
  ): Promise<'entered' | 'ended'> {
    const [name] = this.namesOf(principal) as [IndexName];
    const [status] = await this.#run(ENTER_ENTRY, this.#keysOf(name), [id, Math.round(lifeMs), loginAt]);
    return status === 0 ? 'ended' : 'entered';
  }

  async read(name: IndexName, only?: readonly SessionId[]): Promise<IndexReading> {
    const key = this.#key(name);
    try {
      const [reply, now = Date.now()] = await this.#commands.load(key, only);
      return this.#reading(now, reply);
    } catch (error) {
      if (!isWrongType(error)) throw error;
      // Read as what it is, no list: where the server refuses to move it, reads go on.
      await this.#lists.setAside([key]);
      return { now: Date.now(), entries: [] };
    }
  }

  async stands(name: IndexName, id: SessionId): Promise<boolean> {
    return Number(await this.#lists.run(STANDS, this.#keysOf(name), [id])) === 1;
  }

  async end(name: IndexName): Promise<IndexReading> {
    const [, now, all] = await this.#run(END_ENTRIES, this.#keysOf(name), [END_NOTED_MS]);
    return this.#reading(now, all);
  }

  async remove(name: IndexName, ids: readonly SessionId[], minimumAgeMs = 0): Promise<void> {
    for (let at = 0; at < ids.length; at += MOST_IDS)
      await this.#run(REMOVE_ENTRIES, [this.#key(name)], [minimumAgeMs, ...ids.slice(at, at + MOST_IDS)]);
  }

  async *names(): AsyncIterable<IndexName> {
    const [before, after] = [`${this.#prefix}{`, '}'];
    for await (const key of scanned(this.#commands, `${asPattern(before)}*`)) {
      const name = key.slice(before.length, -after.length);
      if (key.endsWith(after) && name.length === NAME_LENGTH) yield name as IndexName;
    }
  }

  #key(name: IndexName): string {
    return `${this.#prefix}{${name}}`;
  }

  /** Of the list and of its note. */
  #keysOf(name: IndexName): readonly string[] {
    const list = this.#key(name);
    return [list, `${list}:ended`];
  }

  async #run(
    script: Script,
    keys: readonly string[],
    args: readonly Argument[],
  ): Promise<[status: number, now: number, rest: Buffer[]]> {
    const reply = (await this.#lists.run(script, keys, args)) as [number, number, Buffer[]?];
    const [status, now, rest = []] = reply;
    if (Number(status) !== SCRIPT_STATUS.late) return [Number(status), Number(now), rest];
    throw tooLate(this.#commands, "a write of the index of users' sessions");
  }

  #reading(now: number, fields: readonly Buffer[]): IndexReading {
    const entries: IndexEntry[] = [];
    for (let at = 0; at + 1 < fields.length; at += 2) {
      const field = String(fields[at]);
      // Own fields, and those of whoever else writes there.
      if (!isSessionId(field)) continue;
      const entry = this.#entry(field, String(fields[at + 1]), now);
      if (entry !== undefined) entries.push(entry);
    }
    return { now, entries };
  }

  /** Undefined: its life is over. */
  #entry(id: SessionId, value: string, now: number): IndexEntry | undefined {
    const [, until, added, login, replaces, device = ''] = ENTRY.exec(value) ?? DAMAGED;
    if (Number(until) <= now) return undefined;
    return {
      id,
      addedAt: Number(added),
      loginAt: Number(login),
      replaces: replaces === '-' ? undefined : (replaces as SessionId),
      device: device === '' ? undefined : this.#open(device),
    };
  }

  /** A device as an entry holds it; empty: none. */
  #stored(device: SessionDevice | undefined): Buffer | string {
    return device === undefined ? '' : opaque(this.#seal(device));
  }

  #seal(device: SessionDevice): string {
    const text = Buffer.from(JSON.stringify([device.address ?? '', device.userAgent ?? '']));
    const [first] = this.#keys;
    return (first === undefined ? text : first.device.seal(text, DEVICE_CONTEXT)).toString('base64url');
  }

  /** Undefined for what this node cannot read. */
  #open(stored: string): SessionDevice | undefined {
    const bytes = Buffer.from(stored, 'base64url');
    const texts =
      this.#keys.length === 0 ? [bytes] : this.#keys.map(({ device }) => device.open(bytes, DEVICE_CONTEXT));
    try {
      const [address, userAgent] = JSON.parse(String(texts.find((text) => text !== undefined))) as string[];
      return { address: address || undefined, userAgent: userAgent || undefined };
    } catch {
      return undefined;
    }
  }
}

/** An id change takes the device along as it is, so that it is not bound to the id. */
const DEVICE_CONTEXT = 'device';

function derived(key: Uint8Array, use: string): Uint8Array {
  return new Uint8Array(hkdfSync('sha256', key, '', `nestjs-redis-session index ${use}`, 32));
}
