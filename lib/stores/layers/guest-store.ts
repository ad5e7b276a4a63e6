import type {
  CompareAndSetOutcome,
  DestroyOptions,
  DestroyOutcome,
  LoadOptions,
  LoadOutcome,
  NewSession,
  NotThere,
  Quarantine,
  SessionChange,
  SessionRecord,
  SessionRenewal,
  SessionStore,
  WriteOutcome,
  Written,
} from '../../core/store.js';
import type { SessionId } from '../../core/token.js';
import { isLasting, type LocalCopies, type Visit } from './local-copies.js';
import { recordOf } from '../memory-store.js';
import { StoreLayer } from './store-layer.js';

/** A store that all nodes share, and that can take a record back. */
export interface SharedStore extends SessionStore, Quarantine {
  /** Writes a record as it is, unless one or a tombstone is there already. */
  restore(id: SessionId, record: SessionRecord): Promise<WriteOutcome>;

  /**
   * Tells the other nodes of a session that the store does not know: that somebody has asked for its end, or that this node has
   * ended what it held of it.
   */
  tell?(type: 'unknown' | 'destroyed', id: SessionId): Promise<void>;
}

/** Races with other nodes about the same copy after which a write is given up as lost. */
const MAX_ATTEMPTS = 5;

/**
 * Keeps sessions that are not authenticated in this process, with a short-lived copy in Redis so that the other
 * nodes can serve the requests around a login; authenticated ones live in Redis alone.
 *
 * Redis is always asked first. The local copy serves only when the shared one has expired, and it never deletes
 * or overwrites that: it is put back only where nothing is. What ends early (login, logout) leaves a tombstone in
 * Redis that outlives every local copy, so no node brings a session back from its own memory: see {@link LocalCopies}.
 */
export class GuestStore extends StoreLayer<SharedStore> {
  readonly #copies: LocalCopies;

  constructor(shared: SharedStore, copies: LocalCopies) {
    super(shared);
    this.#copies = copies;
  }

  override async load(id: SessionId, { touch = true, only }: LoadOptions = {}): Promise<LoadOutcome> {
    const visit = this.#copies.visit(id);
    try {
      const outcome = await this.below.load(id, { touch, only });
      switch (outcome.status) {
        case 'found':
          if (touch) visit.loaded(outcome.record, outcome.now);
          return outcome;
        case 'absent': {
          // By the shared clock, as all times of a record are.
          const now = outcome.now ?? Date.now();
          const record = touch ? visit.served(now) : visit.copy;
          return record === undefined ? outcome : { status: 'found', record, now };
        }
        case 'ended':
        case 'unreadable':
          visit.ended();
          return outcome;
      }
    } finally {
      visit.done();
    }
  }

  /** A whole load, because only that tells whether the session is served from the local copy. */
  override async touch(id: SessionId): Promise<void> {
    await this.load(id);
  }

  override create(id: SessionId, session: NewSession): Promise<WriteOutcome> {
    return isLasting(session) ? this.#createShared(id, session) : this.#createGuest(id, session);
  }

  async #createGuest(id: SessionId, session: NewSession): Promise<WriteOutcome> {
    const visit = this.#copies.visit(id);
    try {
      const written = await this.below.create(id, session);
      if (written.status === 'written')
        visit.created(recordOf(session, written.now, written.absoluteDeadline), written.now);
      return written;
    } finally {
      visit.done();
    }
  }

  /** A session that lives in Redis alone, of which this node keeps no copy. */
  async #createShared(id: SessionId, session: NewSession): Promise<WriteOutcome> {
    const written = await this.below.create(id, session);
    if (written.status === 'written') this.#copies.end(id);
    return written;
  }

  override save(id: SessionId, change: SessionChange): Promise<WriteOutcome> {
    return this.#write(
      id,
      () => this.below.save(id, change),
      (visit, now) => visit.wrote(change, now),
    );
  }

  override renew(id: SessionId, renewal: SessionRenewal): Promise<WriteOutcome> {
    return this.#write(
      id,
      () => this.below.renew(id, renewal),
      (visit, now) => visit.renewed(renewal, now),
    );
  }

  override compareAndSet(
    id: SessionId,
    name: string,
    expected: Uint8Array | undefined,
    next: Uint8Array | undefined,
    authenticated: boolean,
  ): Promise<CompareAndSetOutcome> {
    const set = new Map(next === undefined ? [] : [[name, next]]);
    const change = { set, remove: next === undefined ? [name] : [], authenticated };
    return this.#write(
      id,
      () => this.below.compareAndSet(id, name, expected, next, authenticated),
      (visit, now) => visit.wrote(change, now),
    );
  }

  override async destroy(id: SessionId, options?: DestroyOptions): Promise<DestroyOutcome> {
    const visit = this.#copies.visit(id);
    try {
      const outcome = await this.below.destroy(id, options);
      const held = visit.copy !== undefined;
      visit.ended();
      if (outcome.status !== 'absent' || !held) return outcome;
      // The shared copy had expired, and the session lived here.
      await this.below.tell?.('destroyed', id);
      return { status: 'removed', renewed: false };
    } finally {
      visit.done();
    }
  }

  /**
   * Where the shared copy has expired, a node that does not hold the local one knows nothing of the session. Whoever holds it
   * is asked to end it, which leaves the tombstone that an end leaves; for an id that somebody has made up nothing is written.
   */
  override async endCopies(id: SessionId): Promise<void> {
    if (this.#copies.has(id)) await this.destroy(id);
    else await this.below.tell?.('unknown', id);
  }

  /**
   * Another node has asked for the end of a session that it does not know. Resolves to whether this one has ended it. The local
   * copy is dropped before Redis is asked: the browser that has logged out there may send its next request here.
   */
  async endIfHeld(id: SessionId): Promise<boolean> {
    if (!this.#copies.has(id)) return false;
    this.#copies.end(id);
    const { status } = await this.below.destroy(id);
    if (status === 'absent') await this.below.tell?.('destroyed', id);
    return status !== 'ended';
  }

  /** Another node has ended it. */
  ended(id: SessionId): void {
    this.#copies.end(id);
  }

  /** Ends may have been missed: what is kept here may be of sessions that have ended. */
  forgetCopies(): void {
    this.#copies.clear();
  }

  override async quarantine(id: SessionId): Promise<void> {
    const visit = this.#copies.visit(id);
    try {
      await this.below.quarantine(id);
      visit.ended();
    } finally {
      visit.done();
    }
  }

  override async close(): Promise<void> {
    await this.#copies.close();
    await this.below.close();
  }

  /** Writes to the shared copy; where it has expired, puts the local one back first. */
  async #write<T extends Written | { readonly status: 'conflict' }>(
    id: SessionId,
    write: () => Promise<T | NotThere>,
    written: (visit: Visit, now: number) => void,
  ): Promise<T | NotThere> {
    const visit = this.#copies.visit(id);
    try {
      for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt += 1) {
        const outcome = await write();
        if (outcome.status === 'written') written(visit, outcome.now);
        if (outcome.status === 'ended') visit.ended();
        if (outcome.status !== 'absent') return outcome;
        const { copy } = visit;
        if (copy === undefined) return outcome;
        // 'absent' here means that another node was faster and the shared copy is there again.
        const restored = await this.below.restore(id, copy);
        if (restored.status === 'ended') {
          visit.ended();
          return restored;
        }
      }
      return { status: 'absent' };
    } finally {
      visit.done();
    }
  }
}
