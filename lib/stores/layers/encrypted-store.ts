import { LRUCache } from 'lru-cache';
import type {
  CompareAndSetOutcome,
  DestroyOptions,
  DestroyOutcome,
  LoadOptions,
  LoadOutcome,
  NewSession,
  NotThere,
  SessionChange,
  SessionRecord,
  SessionRenewal,
  Unreadable,
  WriteOutcome,
} from '../../core/store.js';
import type { SessionId } from '../../core/token.js';
import { LOCK_BYTES, SEAL_BYTES, type KeyRing, type ValueKey } from './key-ring.js';
import { damaged, KEY_FIELD, SessionLocks, UNFINISHED, type SessionKey } from './session-locks.js';
import { StoreLayer, type LayeredStore } from './store-layer.js';

/** Keys of sessions that are kept at hand between a load and the writes after it; others are loaded again. */
const MAX_KEYS = 10_000;
/** What encryption adds to a session, for the store that keeps its limits. */
export const ENCRYPTION_OVERHEAD = {
  attributes: 1,
  bytes: KEY_FIELD.length + LOCK_BYTES - SEAL_BYTES,
  bytesOfEach: SEAL_BYTES,
};

/** A renewal that is a login. */
type LoginRenewal = SessionRenewal & { readonly login: NonNullable<SessionRenewal['login']> };

/** Lost races with writers of the same value after which a compare-and-set is a conflict. */
const MAX_ATTEMPTS = 3;

/**
 * Encrypts what another store holds of a session: attributes and principal, AES-256-GCM.
 *
 * Each session has a random key of its own, a new one from each login on, which encrypts each value bound to the attribute's
 * name; that key is stored with the session, locked by the key ring and bound to the session's id, who logged in, when, and the
 * codec. Everything is verified at load: a record with one wrong bit is unreadable as a whole, before anybody acts on part
 * of it, and is put into quarantine. A record that is not encrypted, or by keys that this node does not have, is unreadable too,
 * and is left alone.
 *
 * Who can read and write Redis, has seen all that was ever in it, and knows none of the operator's keys, cannot:
 * - read a value or a principal;
 * - make a session that of another principal, or log somebody in, or move the time of a login;
 * - move a value to another attribute or session, or into a session a value from before its last login, be it of a
 *   guest's, of an earlier login, or of somebody else who logged in over it;
 * - have a record accepted that is not encrypted.
 *
 * Who can do that can still: see names of attributes, sizes and times; remove a value or a session; put an older value of the
 * same attribute from the same login back; bring back a session that has ended, for who has kept its token; change when a
 * session was created and used, and how long it lives. Sessions that 0.1 has written are bound to a login from
 * their next login or id change on.
 *
 * A login is two writes more, since its time is the store's to tell: between them the record is nobody's, and its token is
 * known to nobody. An id change without a login locks the same key anew and rewrites no value.
 */
export class EncryptedStore extends StoreLayer {
  readonly #locks: SessionLocks;
  readonly #keys = new LRUCache<string, SessionKey>({ max: MAX_KEYS });
  /** The stored form of bytes that were handed out or taken in: what a compare-and-set has to compare. */
  readonly #sealed = new WeakMap<Uint8Array, Uint8Array>();

  constructor(below: LayeredStore, ring: KeyRing) {
    super(below);
    this.#locks = new SessionLocks(ring);
  }

  override async load(id: SessionId, options: LoadOptions = {}): Promise<LoadOutcome> {
    const only = options.only && [KEY_FIELD, ...options.only.map(fieldOf)];
    const outcome = await this.below.load(id, { ...options, only });
    if (outcome.status !== 'found') return outcome;
    const record = this.#open(id, outcome.record);
    if ('attributes' in record) return { ...outcome, record };
    // Of a key that is not known here, another node may know more, or the operator, who changed the keys.
    if (record.damaged === true) await this.quarantine(id);
    return record;
  }

  override async create(id: SessionId, session: NewSession): Promise<WriteOutcome> {
    const { principal } = session;
    const fresh = this.#locks.fresh(session.codec);
    const sealed = principal === undefined ? undefined : sealPrincipal(fresh.key, principal);
    const guest = { ...fresh, login: undefined };
    const attributes = this.#sealAll(fresh.key, session.attributes);
    const { authenticatedAt: at } = session;
    // The time of a login is the store's to tell, but for one that was before this write.
    const known = sealed !== undefined && at !== undefined;
    const finished = known ? { ...fresh, login: { principal: sealed, at } } : guest;
    attributes.set(KEY_FIELD, sealed === undefined || known ? this.#locks.lock(id, finished) : UNFINISHED);
    const written = await this.below.create(id, {
      ...session,
      attributes,
      codec: fresh.codec,
      principal: sealed,
    });
    if (written.status !== 'written') return written;
    if (sealed === undefined || known) this.#keys.set(id, finished);
    else await this.#finish(id, { ...fresh, login: { principal: sealed, at: written.now } }, session);
    return written;
  }

  override async save(id: SessionId, change: SessionChange): Promise<WriteOutcome> {
    const sessionKey = await this.#keyOf(id);
    if ('status' in sessionKey) return sessionKey;
    const sealed = this.#sealChange(sessionKey.key, change);
    // A retired key leaves the record with the next save.
    if (!sessionKey.current) sealed.set.set(KEY_FIELD, this.#locks.lock(id, sessionKey));
    const outcome = await this.below.save(id, sealed);
    if (outcome.status === 'written') this.#keys.set(id, { ...sessionKey, current: true });
    return outcome;
  }

  override async renew(id: SessionId, renewal: SessionRenewal): Promise<WriteOutcome> {
    const sessionKey = await this.#keyOf(id);
    if ('status' in sessionKey) return sessionKey;
    const { newId, login } = renewal;
    if (login !== undefined) return this.#renewByLogin(id, { ...renewal, login }, sessionKey);
    const next = { ...sessionKey, current: true, isBound: true };
    const sealed = this.#sealChange(next.key, renewal);
    sealed.set.set(KEY_FIELD, this.#locks.lock(newId, next));
    const outcome = await this.below.renew(id, sealed);
    if (outcome.status === 'written') {
      this.#keys.delete(id);
      this.#keys.set(newId, next);
    }
    return outcome;
  }

  /** With a new key: what was written before the login opens nothing after it, but for what the record held then. */
  async #renewByLogin(id: SessionId, renewal: LoginRenewal, before: SessionKey): Promise<WriteOutcome> {
    const { newId, login } = renewal;
    const fresh = this.#locks.fresh(this.#locks.codecOf(before));
    const principal = sealPrincipal(fresh.key, login.principal);
    const sealed = this.#sealChange(fresh.key, renewal);
    sealed.set.set(KEY_FIELD, UNFINISHED);
    const outcome = await this.below.renew(id, { ...sealed, login: { ...login, principal } });
    if (outcome.status !== 'written') return outcome;
    this.#keys.delete(id);
    // Nobody writes to it meanwhile: its id is not known yet.
    const moved = await this.below.load(newId);
    if (moved.status !== 'found') return outcome;
    const kept = new Map<string, Uint8Array>();
    for (const [field, stored] of moved.record.attributes) {
      const name = nameOf(field);
      if (field === KEY_FIELD || fresh.key.open(stored, attributeContext(name)) !== undefined) continue;
      const plain = before.key.open(stored, attributeContext(name));
      if (plain === undefined) {
        await this.quarantine(newId);
        return { status: 'absent' };
      }
      kept.set(name, plain);
    }
    const { authenticated } = renewal;
    await this.#finish(newId, { ...fresh, login: { principal, at: outcome.now } }, { authenticated }, kept);
    return outcome;
  }

  /** Makes the record of a login readable. One that has ended meanwhile is left to whoever ended it. */
  async #finish(
    id: SessionId,
    sessionKey: SessionKey,
    { authenticated }: Pick<SessionChange, 'authenticated'>,
    values: ReadonlyMap<string, Uint8Array> = new Map(),
  ): Promise<void> {
    const set = this.#sealAll(sessionKey.key, values);
    set.set(KEY_FIELD, this.#locks.lock(id, sessionKey));
    const outcome = await this.below.save(id, { set, remove: [], authenticated });
    if (outcome.status === 'written') this.#keys.set(id, sessionKey);
  }

  override async compareAndSet(
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
          ? await this.below.compareAndSet(id, fieldOf(name), stored, sealedNext, authenticated)
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

  override async destroy(id: SessionId, options?: DestroyOptions): Promise<DestroyOutcome> {
    const outcome = await this.below.destroy(id, options);
    this.#keys.delete(id);
    return outcome;
  }

  override async close(): Promise<void> {
    this.#keys.clear();
    await this.below.close();
  }

  /** What is stored under a name, as a compare-and-set that lost would tell it. */
  async #read(id: SessionId, name: string): Promise<CompareAndSetOutcome> {
    const outcome = await this.below.load(id);
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
    const sessionKey = this.#locks.unlock(id, record);
    if ('status' in sessionKey) return sessionKey;
    const { key } = sessionKey;
    const attributes = new Map<string, Uint8Array>();
    for (const [field, sealed] of record.attributes) {
      if (field === KEY_FIELD) continue;
      const name = nameOf(field);
      const plain = this.#openValue(key, name, sealed);
      if (plain === undefined) return damaged('an encrypted value is not the one that was written there');
      attributes.set(name, plain);
    }
    const principal = record.principal === undefined ? undefined : openPrincipal(key, record.principal);
    if (principal === undefined && record.principal !== undefined)
      return damaged('its principal is not the one that logged in');
    this.#keys.set(id, sessionKey);
    return { ...record, attributes, codec: this.#locks.codecOf(sessionKey), principal };
  }

  #sealChange<T extends SessionChange>(key: ValueKey, change: T): T & { set: Map<string, Uint8Array> } {
    return { ...change, set: this.#sealAll(key, change.set), remove: change.remove.map(fieldOf) };
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
}

/** Begins the fields that are ours; an attribute's name that begins with it is stored with a second one. */
const OWN = '#';

/** What the value of an attribute is bound to. */
function attributeContext(name: string): string {
  return `attribute ${name}`;
}

/** The field that holds an attribute. */
function fieldOf(name: string): string {
  return name.startsWith(OWN) ? OWN + name : name;
}

/** The attribute that a field holds. */
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
