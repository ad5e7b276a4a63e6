import type {
  CompareAndSetOutcome,
  DestroyOptions,
  DestroyOutcome,
  LoadOptions,
  LoadOutcome,
  NewSession,
  SessionChange,
  SessionRenewal,
  WriteOutcome,
} from '../../core/store.js';
import type { SessionId } from '../../core/token.js';
import { StoreLayer, type LayeredStore } from './store-layer.js';

/** Tells of each failure of another store before whoever asked hears of it. Health checks tell theirs themselves. */
export class ObservedStore extends StoreLayer {
  readonly #failed: (error: unknown) => void;

  /** @param failed Must not throw. */
  constructor(below: LayeredStore, failed: (error: unknown) => void) {
    super(below);
    this.#failed = failed;
  }

  override load(id: SessionId, options?: LoadOptions): Promise<LoadOutcome> {
    return this.#observed(this.below.load(id, options));
  }

  override touch(id: SessionId): Promise<void> {
    return this.#observed(this.below.touch(id));
  }

  override create(id: SessionId, session: NewSession): Promise<WriteOutcome> {
    return this.#observed(this.below.create(id, session));
  }

  override save(id: SessionId, change: SessionChange): Promise<WriteOutcome> {
    return this.#observed(this.below.save(id, change));
  }

  override renew(id: SessionId, renewal: SessionRenewal): Promise<WriteOutcome> {
    return this.#observed(this.below.renew(id, renewal));
  }

  override compareAndSet(
    id: SessionId,
    name: string,
    expected: Uint8Array | undefined,
    next: Uint8Array | undefined,
    authenticated: boolean,
  ): Promise<CompareAndSetOutcome> {
    return this.#observed(this.below.compareAndSet(id, name, expected, next, authenticated));
  }

  override destroy(id: SessionId, options?: DestroyOptions): Promise<DestroyOutcome> {
    return this.#observed(this.below.destroy(id, options));
  }

  override endCopies(id: SessionId): Promise<void> {
    return this.#observed(super.endCopies(id));
  }

  override async *ids(): AsyncIterable<SessionId> {
    try {
      yield* this.below.ids();
    } catch (error) {
      this.#failed(error);
      throw error;
    }
  }

  /** Beside the call, not around it: nobody waits for one promise more. */
  #observed<T>(call: Promise<T>): Promise<T> {
    call.catch(this.#failed);
    return call;
  }
}
