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
  SessionStore,
  StoreHealth,
  WriteOutcome,
  Written,
} from '../../core/store.js';
import type { SessionId } from '../../core/token.js';
import type { LocalCopies, Visit } from './local-copies.js';
import { cookieOf } from '../memory-store.js';
import type { Quarantine } from '../quarantine.js';
import type { RedisStore } from '../redis/redis-store.js';

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
export class GuestStore implements SessionStore, Quarantine {
  readonly #shared: RedisStore;
  readonly #copies: LocalCopies;

  constructor(shared: RedisStore, copies: LocalCopies) {
    this.#shared = shared;
    this.#copies = copies;
  }

  load(id: SessionId, { touch = true, only }: LoadOptions = {}): Promise<LoadOutcome> {
    return this.#visiting(id, async (visit) => {
      const outcome = await this.#shared.load(id, { touch, only });
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
    });
  }

  /** A load, which knows whether it is the copy here that is in use. */
  async touch(id: SessionId): Promise<void> {
    await this.load(id);
  }

  create(id: SessionId, session: NewSession): Promise<WriteOutcome> {
    return this.#visiting(id, async (visit) => {
      const written = await this.#shared.create(id, session);
      if (written.status === 'written') visit.created(recordOf(session, written), written.now);
      return written;
    });
  }

  save(id: SessionId, change: SessionChange): Promise<WriteOutcome> {
    return this.#visiting(id, async (visit) => {
      const outcome = await this.#onShared(id, visit, () => this.#shared.save(id, change));
      if (outcome.status === 'written') visit.wrote(change, outcome.now);
      return outcome;
    });
  }

  renew(id: SessionId, renewal: SessionRenewal): Promise<WriteOutcome> {
    return this.#visiting(id, async (visit) => {
      const outcome = await this.#onShared(id, visit, () => this.#shared.renew(id, renewal));
      if (outcome.status === 'written') visit.renewed(renewal, outcome.now);
      return outcome;
    });
  }

  compareAndSet(
    id: SessionId,
    name: string,
    expected: Uint8Array | undefined,
    next: Uint8Array | undefined,
    authenticated: boolean,
  ): Promise<CompareAndSetOutcome> {
    return this.#visiting(id, async (visit) => {
      const outcome = await this.#onShared(id, visit, () =>
        this.#shared.compareAndSet(id, name, expected, next, authenticated),
      );
      if (outcome.status === 'written') {
        const set = new Map(next === undefined ? [] : [[name, next]]);
        visit.wrote({ set, remove: next === undefined ? [name] : [], authenticated }, outcome.now);
      }
      return outcome;
    });
  }

  destroy(id: SessionId, options?: DestroyOptions): Promise<DestroyOutcome> {
    return this.#visiting(id, async (visit) => {
      const outcome = await this.#shared.destroy(id, options);
      const held = visit.copy !== undefined;
      visit.ended();
      if (outcome.status !== 'absent' || !held) return outcome;
      // The shared copy had expired, and the session lived here.
      await this.#shared.tell('destroyed', id);
      return { status: 'removed', renewed: false };
    });
  }

  /**
   * Where the shared copy has expired, a node that does not hold the local one knows nothing of the session. Whoever holds it
   * is asked to end it, which leaves the tombstone that an end leaves; for an id that somebody has made up nothing is written.
   */
  async endCopies(id: SessionId): Promise<void> {
    if (this.#copies.has(id)) await this.destroy(id);
    else await this.#shared.tell('unknown', id);
  }

  /** Another node has asked for the end of a session that it does not know. Resolves to whether this one has ended it. */
  async endIfHeld(id: SessionId): Promise<boolean> {
    return this.#copies.has(id) && (await this.destroy(id)).status === 'removed';
  }

  /** Another node has ended it. */
  ended(id: SessionId): void {
    this.#copies.end(id);
  }

  /** Ends may have been missed: what is kept here may be of sessions that have ended. */
  forgetCopies(): void {
    this.#copies.clear();
  }

  ids(): AsyncIterable<SessionId> {
    return this.#shared.ids();
  }

  quarantine(id: SessionId): Promise<void> {
    return this.#visiting(id, async (visit) => {
      await this.#shared.quarantine(id);
      visit.ended();
    });
  }

  health(): Promise<StoreHealth> {
    return this.#shared.health();
  }

  async close(): Promise<void> {
    await this.#copies.close();
    await this.#shared.close();
  }

  async #visiting<T>(id: SessionId, work: (visit: Visit) => Promise<T>): Promise<T> {
    const visit = this.#copies.visit(id);
    try {
      return await work(visit);
    } finally {
      visit.done();
    }
  }

  /** Writes to the shared copy; where it has expired, puts the local one back first. */
  async #onShared<T extends { status: string }>(
    id: SessionId,
    visit: Visit,
    write: () => Promise<T | NotThere>,
  ): Promise<T | NotThere> {
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt += 1) {
      const outcome = await write();
      if (outcome.status === 'ended') visit.ended();
      if (outcome.status !== 'absent') return outcome;
      const { copy } = visit;
      if (copy === undefined) return outcome;
      // 'absent' here means that another node was faster and the shared copy is there again.
      const restored = await this.#shared.restore(id, copy);
      if (restored.status === 'ended') {
        visit.ended();
        return restored;
      }
    }
    return { status: 'absent' };
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
