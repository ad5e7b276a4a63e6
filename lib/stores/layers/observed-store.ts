import type {
  CompareAndSetOutcome,
  DestroyOptions,
  DestroyOutcome,
  LoadOptions,
  LoadOutcome,
  NewSession,
  SessionChange,
  SessionRenewal,
  SessionStore,
  StoreHealth,
  WriteOutcome,
} from '../../core/store.js';
import type { SessionId } from '../../core/token.js';

/** Another store, each failure of which is told on its way to the caller; but those of health checks, which tell themselves. */
export class ObservedStore implements SessionStore {
  readonly #store: SessionStore;
  readonly #failed: (error: unknown) => never;

  /** @param failed Is told of an error, and throws it. */
  constructor(store: SessionStore, failed: (error: unknown) => never) {
    this.#store = store;
    this.#failed = failed;
  }

  load(id: SessionId, options?: LoadOptions): Promise<LoadOutcome> {
    return this.#store.load(id, options).catch(this.#failed);
  }

  touch(id: SessionId): Promise<void> {
    return this.#store.touch(id).catch(this.#failed);
  }

  create(id: SessionId, session: NewSession): Promise<WriteOutcome> {
    return this.#store.create(id, session).catch(this.#failed);
  }

  save(id: SessionId, change: SessionChange): Promise<WriteOutcome> {
    return this.#store.save(id, change).catch(this.#failed);
  }

  renew(id: SessionId, renewal: SessionRenewal): Promise<WriteOutcome> {
    return this.#store.renew(id, renewal).catch(this.#failed);
  }

  compareAndSet(
    id: SessionId,
    name: string,
    expected: Uint8Array | undefined,
    next: Uint8Array | undefined,
    authenticated: boolean,
  ): Promise<CompareAndSetOutcome> {
    return this.#store.compareAndSet(id, name, expected, next, authenticated).catch(this.#failed);
  }

  destroy(id: SessionId, options?: DestroyOptions): Promise<DestroyOutcome> {
    return this.#store.destroy(id, options).catch(this.#failed);
  }

  async endCopies(id: SessionId): Promise<void> {
    await this.#store.endCopies?.(id).catch(this.#failed);
  }

  async *ids(): AsyncIterable<SessionId> {
    try {
      yield* this.#store.ids();
    } catch (error) {
      this.#failed(error);
    }
  }

  health(): Promise<StoreHealth> {
    return this.#store.health();
  }

  close(): Promise<void> {
    return this.#store.close();
  }
}
