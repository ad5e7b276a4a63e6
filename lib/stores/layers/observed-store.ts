import {
  operationChannels,
  traced,
  type SessionOperationMessage,
  type SessionStoreKind,
} from '../../core/diagnostics.js';
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

const { load, touch, save, renew, destroy } = operationChannels;

/**
 * Tells of what is asked of a store: on `node:diagnostics_channel` of each operation, where somebody listens (see
 * {@link operationChannels}), and of each failure before whoever asked hears of it. Health checks tell theirs themselves.
 */
export class ObservedStore extends StoreLayer {
  readonly #kind: SessionStoreKind;
  readonly #failed: ((error: unknown) => void) | undefined;

  /** @param failed Told of each failure; must not throw. Undefined: failures are not reported, as of a store that cannot fail. */
  constructor(below: LayeredStore, kind: SessionStoreKind, failed?: (error: unknown) => void) {
    super(below);
    this.#kind = kind;
    this.#failed = failed;
  }

  override load(id: SessionId, options?: LoadOptions): Promise<LoadOutcome> {
    return this.#observed(load, 'load', id, () => this.below.load(id, options));
  }

  override touch(id: SessionId): Promise<void> {
    return this.#observed(touch, 'touch', id, () => this.below.touch(id));
  }

  override create(id: SessionId, session: NewSession): Promise<WriteOutcome> {
    return this.#observed(save, 'create', id, () => this.below.create(id, session));
  }

  override save(id: SessionId, change: SessionChange): Promise<WriteOutcome> {
    return this.#observed(save, 'save', id, () => this.below.save(id, change));
  }

  override renew(id: SessionId, renewal: SessionRenewal): Promise<WriteOutcome> {
    return this.#observed(renew, 'renew', id, () => this.below.renew(id, renewal));
  }

  override compareAndSet(
    id: SessionId,
    name: string,
    expected: Uint8Array | undefined,
    next: Uint8Array | undefined,
    authenticated: boolean,
  ): Promise<CompareAndSetOutcome> {
    return this.#observed(save, 'compareAndSet', id, () =>
      this.below.compareAndSet(id, name, expected, next, authenticated),
    );
  }

  override destroy(id: SessionId, options?: DestroyOptions): Promise<DestroyOutcome> {
    return this.#observed(destroy, 'destroy', id, () => this.below.destroy(id, options));
  }

  override endCopies(id: SessionId): Promise<void> {
    return this.#watched(super.endCopies(id));
  }

  override async *ids(): AsyncIterable<SessionId> {
    try {
      yield* this.below.ids();
    } catch (error) {
      this.#failed?.(error);
      throw error;
    }
  }

  #observed<T>(
    on: (typeof operationChannels)[keyof typeof operationChannels],
    operation: SessionOperationMessage['operation'],
    id: SessionId,
    run: () => Promise<T>,
  ): Promise<T> {
    if (!on.hasSubscribers) return this.#watched(run());
    return traced(on, operation, this.#kind, id, () => this.#watched(run()));
  }

  /** Beside the call, not around it: nobody waits for one promise more. */
  #watched<T>(call: Promise<T>): Promise<T> {
    if (this.#failed !== undefined) call.catch(this.#failed);
    return call;
  }
}
