import { LRUCache } from 'lru-cache';
import type {
  CompareAndSetOutcome,
  LoadOutcome,
  NewSession,
  NotThere,
  SessionChange,
  SessionRecord,
  SessionRenewal,
  SessionStore,
  StoreHealth,
  Unreadable,
  WriteOutcome,
  Written,
} from '../core/store.js';
import type { SessionId } from '../core/token.js';
import type { Quarantine } from './quarantine.js';
import { LOCK_BYTES, SEAL_BYTES, ValueKey, type KeyRing, type Unlocked } from './key-ring.js';

/** Begins the fields that are ours; an attribute's name that begins with it is stored with a second one. */
const OWN = '#';
const KEY_FIELD = '#key';
/** Ends the codec's name, so that a node without encryption says that it cannot read the record, and leaves it alone. */
const CODEC_SUFFIX = '_aesgcm';
/** Keys of sessions that are kept at hand between a load and the writes after it; others are loaded again. */
const MAX_KEYS = 10_000;
/** Lost races with writers of the same value after which a compare-and-set is a conflict. */
const MAX_ATTEMPTS = 3;

/** What encryption adds to a session, for the store that keeps its limits. */
export const ENCRYPTION_OVERHEAD = {
  attributes: 1,
  bytes: KEY_FIELD.length + LOCK_BYTES - SEAL_BYTES,
  bytesOfEach: SEAL_BYTES,
};

/** What the writes of a session need. */
interface SessionKey extends Unlocked {
  /** As stored. */
  readonly codec: string;
}

/**
 * Encrypts what another store holds of a session: attributes and principal, AES-256-GCM.
 *
 * Each session has a random key of its own, which encrypts each value bound to the attribute's name; that key is stored
 * with the session, locked by the key ring and bound to the session's id. So no value can be moved to another
 * attribute or session, and no record to another id; an id change locks the one key anew and rewrites no value.
 * Everything is verified at load: a record with one wrong bit is unreadable as a whole, before anybody acts on part
 * of it, and is set aside. A record that is not encrypted, or by keys that this node does not have, is unreadable too,
 * and is left alone.
 *
 * Not covered: names of attributes, times, sizes, and that somebody who can write to Redis removes a value or puts
 * an older one of the same attribute of the same session back.
 */
export class EncryptedStore implements SessionStore {
  readonly #store: SessionStore & Quarantine;
  readonly #ring: KeyRing;
  readonly #keys = new LRUCache<string, SessionKey>({ max: MAX_KEYS });
  /** The stored form of bytes that were handed out or taken in: what a compare-and-set has to compare. */
  readonly #sealed = new WeakMap<Uint8Array, Uint8Array>();

  constructor(store: SessionStore & Quarantine, ring: KeyRing) {
    this.#store = store;
    this.#ring = ring;
  }

  async load(id: SessionId): Promise<LoadOutcome> {
    const outcome = await this.#store.load(id);
    if (outcome.status !== 'found') return outcome;
    const record = this.#open(id, outcome.record);
    if ('attributes' in record) return { ...outcome, record };
    // Of a key that is not known here, another node may know more, or the operator, who changed the keys.
    if (record.damaged === true) await this.#store.setAside(id);
    return record;
  }

  async create(id: SessionId, session: NewSession): Promise<Written> {
    const sessionKey = { key: ValueKey.random(), current: true, codec: session.codec + CODEC_SUFFIX };
    const attributes = this.#sealAll(sessionKey.key, session.attributes);
    attributes.set(KEY_FIELD, this.#lock(id, sessionKey));
    const { principal } = session;
    const written = await this.#store.create(id, {
      ...session,
      attributes,
      codec: sessionKey.codec,
      principal: principal === undefined ? undefined : sealPrincipal(sessionKey.key, principal),
    });
    this.#keys.set(id, sessionKey);
    return written;
  }

  async save(id: SessionId, change: SessionChange): Promise<WriteOutcome> {
    const sessionKey = await this.#keyOf(id);
    if ('status' in sessionKey) return sessionKey;
    const sealed = this.#sealChange(sessionKey.key, change);
    // A retired key leaves the record with the next save.
    if (!sessionKey.current) sealed.set.set(KEY_FIELD, this.#lock(id, sessionKey));
    const outcome = await this.#store.save(id, sealed);
    if (outcome.status === 'written') this.#keys.set(id, { ...sessionKey, current: true });
    return outcome;
  }

  async renew(id: SessionId, renewal: SessionRenewal): Promise<WriteOutcome> {
    const sessionKey = await this.#keyOf(id);
    if ('status' in sessionKey) return sessionKey;
    const { newId, login } = renewal;
    const sealed = this.#sealChange(sessionKey.key, renewal);
    sealed.set.set(KEY_FIELD, this.#lock(newId, sessionKey));
    const outcome = await this.#store.renew(id, {
      ...sealed,
      newId,
      login: login && { ...login, principal: sealPrincipal(sessionKey.key, login.principal) },
    });
    if (outcome.status === 'written') {
      this.#keys.delete(id);
      this.#keys.set(newId, { ...sessionKey, current: true });
    }
    return outcome;
  }

  async compareAndSet(
    id: SessionId,
    name: string,
    expected: Uint8Array | undefined,
    next: Uint8Array | undefined,
    authenticated: boolean,
  ): Promise<CompareAndSetOutcome> {
    const sessionKey = await this.#keyOf(id);
    if ('status' in sessionKey) return sessionKey;
    const { key } = sessionKey;
    const sealedNext = next === undefined ? undefined : this.#seal(key, name, next);
    let stored = expected === undefined ? undefined : this.#sealed.get(expected);
    for (let attempt = 1; ; attempt += 1) {
      const outcome =
        expected === undefined || stored !== undefined
          ? await this.#store.compareAndSet(id, fieldOf(name), stored, sealedNext, authenticated)
          : await this.#read(id, name);
      if (outcome.status !== 'conflict') return outcome;
      if (outcome.actual === undefined) return outcome;
      const actual = this.#openValue(key, name, outcome.actual);
      // Tampered with under the request's hands: there is no session to write to.
      if (actual === undefined) return { status: 'absent' };
      // The same value may have been written again meanwhile, under another nonce.
      const same = expected !== undefined && Buffer.compare(actual, expected) === 0;
      if (!same || attempt === MAX_ATTEMPTS) return { status: 'conflict', actual };
      stored = outcome.actual;
    }
  }

  async destroy(id: SessionId): Promise<void> {
    await this.#store.destroy(id);
    this.#keys.delete(id);
  }

  health(): Promise<StoreHealth> {
    return this.#store.health();
  }

  async close(): Promise<void> {
    this.#keys.clear();
    await this.#store.close();
  }

  /** What is stored under a name, as a compare-and-set that lost would tell it. */
  async #read(id: SessionId, name: string): Promise<CompareAndSetOutcome> {
    const outcome = await this.#store.load(id);
    if (outcome.status === 'found') {
      return { status: 'conflict', actual: outcome.record.attributes.get(fieldOf(name)) };
    }
    return outcome.status === 'ended' ? outcome : { status: 'absent' };
  }

  async #keyOf(id: SessionId): Promise<SessionKey | NotThere> {
    const known = this.#keys.get(id);
    if (known !== undefined) return known;
    const outcome = await this.load(id);
    if (outcome.status === 'ended') return outcome;
    return this.#keys.get(id) ?? { status: 'absent' };
  }

  /** The record in plain, or why it cannot be had. */
  #open(id: SessionId, record: SessionRecord): SessionRecord | Unreadable {
    const { codec } = record;
    const locked = record.attributes.get(KEY_FIELD);
    if (locked === undefined || !codec.endsWith(CODEC_SUFFIX)) return unreadable('it is not encrypted');
    const unlocked = this.#ring.unlock(locked, contextOf(id, codec));
    if (unlocked === undefined) return unreadable('no encryption key of this node fits it');
    const attributes = new Map<string, Uint8Array>();
    for (const [field, sealed] of record.attributes) {
      if (field === KEY_FIELD) continue;
      const name = nameOf(field);
      const plain = this.#openValue(unlocked.key, name, sealed);
      if (plain === undefined) return damaged('an encrypted value is not the one that was written there');
      attributes.set(name, plain);
    }
    const principal =
      record.principal === undefined ? undefined : openPrincipal(unlocked.key, record.principal);
    if (principal === undefined && record.principal !== undefined)
      return damaged('its principal is not the one that logged in');
    this.#keys.set(id, { ...unlocked, codec });
    return { ...record, attributes, codec: codec.slice(0, -CODEC_SUFFIX.length), principal };
  }

  #sealChange(key: ValueKey, change: SessionChange): SessionChange & { set: Map<string, Uint8Array> } {
    const { maxInactiveInterval, authenticated, remove } = change;
    return {
      set: this.#sealAll(key, change.set),
      remove: remove.map(fieldOf),
      maxInactiveInterval,
      authenticated,
    };
  }

  #sealAll(key: ValueKey, values: ReadonlyMap<string, Uint8Array>): Map<string, Uint8Array> {
    return new Map([...values].map(([name, plain]) => [fieldOf(name), this.#seal(key, name, plain)]));
  }

  #seal(key: ValueKey, name: string, plain: Uint8Array): Uint8Array {
    const sealed = key.seal(plain, attributeContext(name));
    this.#sealed.set(plain, sealed);
    return sealed;
  }

  #openValue(key: ValueKey, name: string, sealed: Uint8Array): Uint8Array | undefined {
    const plain = key.open(sealed, attributeContext(name));
    if (plain !== undefined) this.#sealed.set(plain, sealed);
    return plain;
  }

  #lock(id: SessionId, { key, codec }: SessionKey): Uint8Array {
    return this.#ring.lock(key, contextOf(id, codec));
  }
}

function unreadable(reason: string): Unreadable {
  return { status: 'unreadable', reason };
}

/** Its own key fits it, so it is a record of this session. */
function damaged(reason: string): Unreadable {
  return { status: 'unreadable', reason, damaged: true };
}

/** The codec belongs in: bytes of one codec must not be read by another. */
function contextOf(id: SessionId, codec: string): string {
  return `session ${id} ${codec}`;
}

function attributeContext(name: string): string {
  return `attribute ${name}`;
}

function fieldOf(name: string): string {
  return name.startsWith(OWN) ? OWN + name : name;
}

function nameOf(field: string): string {
  return field.startsWith(OWN) ? field.slice(OWN.length) : field;
}

const PRINCIPAL_CONTEXT = 'principal';

/** Stores keep a principal as text. */
function sealPrincipal(key: ValueKey, principal: string): string {
  return key.seal(Buffer.from(principal), PRINCIPAL_CONTEXT).toString('base64');
}

function openPrincipal(key: ValueKey, sealed: string): string | undefined {
  return key.open(Buffer.from(sealed, 'base64'), PRINCIPAL_CONTEXT)?.toString();
}
