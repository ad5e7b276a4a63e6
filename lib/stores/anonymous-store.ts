import type {
  CompareAndSetOutcome,
  DestroyOutcome,
  LoadOutcome,
  NewSession,
  NotThere,
  SessionChange,
  SessionRecord,
  SessionRenewal,
  SessionStore,
  StoreHealth,
  WriteOutcome,
  Written,
} from '../core/store.js';
import type { SessionId } from '../core/token.js';
import { changed, cookieOf, type MemoryStore } from './memory-store.js';
import type { Quarantine } from './quarantine.js';
import type { RedisStore } from './redis-store.js';

/** Races with other nodes about the same copy after which a write is given up as lost. */
const MAX_ATTEMPTS = 5;

/**
 * Keeps sessions that are not authenticated in this process, with a short-lived copy in Redis so that the other
 * nodes can serve the requests around a login; authenticated ones live in Redis alone.
 *
 * Redis is always asked first. The local copy serves only when the shared one has expired, and it never deletes
 * or overwrites that: it is put back only where nothing is. What ends early (login, logout) leaves a marker in
 * Redis that outlives every local copy, so no node brings a session back from its own memory.
 */
export class AnonymousTrafficStore implements SessionStore, Quarantine {
  readonly #shared: RedisStore;
  readonly #local: MemoryStore;

  constructor(shared: RedisStore, local: MemoryStore) {
    this.#shared = shared;
    this.#local = local;
  }

  async load(id: SessionId): Promise<LoadOutcome> {
    const outcome = await this.#shared.load(id);
    switch (outcome.status) {
      case 'found':
        if (outcome.record.authenticated) this.#local.forget(id);
        else this.#local.keep(id, outcome.record, outcome.now);
        return outcome;
      case 'absent':
        return this.#loadLocal(id);
      case 'ended':
      case 'unreadable':
        this.#local.forget(id);
        return outcome;
    }
  }

  async create(id: SessionId, session: NewSession): Promise<Written> {
    const written = await this.#shared.create(id, session);
    if (!session.authenticated) this.#local.keep(id, recordOf(session, written), written.now);
    return written;
  }

  async save(id: SessionId, change: SessionChange): Promise<WriteOutcome> {
    const outcome = await this.#onShared(id, () => this.#shared.save(id, change));
    if (outcome.status === 'written') this.#follow(id, change, outcome.now);
    return outcome;
  }

  async renew(id: SessionId, renewal: SessionRenewal): Promise<WriteOutcome> {
    const outcome = await this.#onShared(id, () => this.#shared.renew(id, renewal));
    if (outcome.status !== 'written') return outcome;
    const record = this.#local.peek(id);
    this.#local.forget(id);
    if (record !== undefined && !renewal.authenticated) {
      this.#local.keep(renewal.newId, changed(record, renewal, outcome.now), outcome.now);
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
    const outcome = await this.#onShared(id, () =>
      this.#shared.compareAndSet(id, name, expected, next, authenticated),
    );
    if (outcome.status === 'written') {
      const set = new Map(next === undefined ? [] : [[name, next]]);
      this.#follow(id, { set, remove: next === undefined ? [name] : [], authenticated }, outcome.now);
    }
    return outcome;
  }

  async destroy(id: SessionId): Promise<DestroyOutcome> {
    const outcome = await this.#shared.destroy(id);
    const held = this.#local.peek(id) !== undefined;
    this.#local.forget(id);
    // The shared copy had expired, and the session lived here.
    return outcome.status === 'absent' && held ? { status: 'removed', renewed: false } : outcome;
  }

  async setAside(id: SessionId): Promise<void> {
    await this.#shared.setAside(id);
    this.#local.forget(id);
  }

  health(): Promise<StoreHealth> {
    return this.#shared.health();
  }

  async close(): Promise<void> {
    await this.#local.close();
    await this.#shared.close();
  }

  /** Writes to the shared copy; where it has expired, puts the local one back first. */
  async #onShared<T extends { status: string }>(
    id: SessionId,
    write: () => Promise<T | NotThere>,
  ): Promise<T | NotThere> {
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt += 1) {
      const outcome = await write();
      if (outcome.status === 'ended') this.#local.forget(id);
      if (outcome.status !== 'absent') return outcome;
      const record = this.#local.peek(id);
      if (record === undefined) return outcome;
      // 'absent' here means that another node was faster and the shared copy is there again.
      const restored = await this.#shared.restore(id, record);
      if (restored.status === 'ended') {
        this.#local.forget(id);
        return restored;
      }
    }
    return { status: 'absent' };
  }

  #follow(id: SessionId, change: SessionChange, now: number): void {
    const record = this.#local.peek(id);
    if (record === undefined) return;
    if (record.authenticated || change.authenticated) this.#local.forget(id);
    else this.#local.keep(id, changed(record, change, now), now);
  }

  /** By the shared clock, as all times of a record are. */
  #loadLocal(id: SessionId): LoadOutcome {
    const record = this.#local.peek(id);
    if (record === undefined) return { status: 'absent' };
    const now = this.#shared.now();
    this.#local.keep(id, { ...record, lastAccessedAt: now }, now);
    return { status: 'found', record, now };
  }
}

/** A new session that was not authenticated when it was written, as it would be loaded. */
function recordOf(session: NewSession, written: Written): SessionRecord {
  const { attributes, codec, maxInactiveInterval, principal, authenticated, cookie } = session;
  return {
    attributes,
    codec,
    maxInactiveInterval,
    principal,
    authenticated,
    createdAt: written.now,
    lastAccessedAt: written.now,
    absoluteDeadline: written.absoluteDeadline,
    authenticatedAt: principal === undefined ? undefined : written.now,
    ...cookieOf(cookie, written.now),
  };
}
