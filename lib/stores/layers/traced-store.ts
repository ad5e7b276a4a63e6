import { operationChannels, traced, type SessionStoreKind } from '../../core/diagnostics.js';
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
 * Tells of what requests and jobs ask of a store on `node:diagnostics_channel`: see {@link operationChannels}. Where nobody
 * listens, each call goes on as it is.
 */
export class TracedStore extends StoreLayer {
  readonly #kind: SessionStoreKind;

  constructor(below: LayeredStore, kind: SessionStoreKind) {
    super(below);
    this.#kind = kind;
  }

  override load(id: SessionId, options?: LoadOptions): Promise<LoadOutcome> {
    if (!load.hasSubscribers) return this.below.load(id, options);
    return traced(load, 'load', this.#kind, id, () => this.below.load(id, options));
  }

  override touch(id: SessionId): Promise<void> {
    if (!touch.hasSubscribers) return this.below.touch(id);
    return traced(touch, 'touch', this.#kind, id, () => this.below.touch(id));
  }

  override create(id: SessionId, session: NewSession): Promise<WriteOutcome> {
    if (!save.hasSubscribers) return this.below.create(id, session);
    return traced(save, 'create', this.#kind, id, () => this.below.create(id, session));
  }

  override save(id: SessionId, change: SessionChange): Promise<WriteOutcome> {
    if (!save.hasSubscribers) return this.below.save(id, change);
    return traced(save, 'save', this.#kind, id, () => this.below.save(id, change));
  }

  override renew(id: SessionId, renewal: SessionRenewal): Promise<WriteOutcome> {
    if (!renew.hasSubscribers) return this.below.renew(id, renewal);
    return traced(renew, 'renew', this.#kind, id, () => this.below.renew(id, renewal));
  }

  override compareAndSet(
    id: SessionId,
    name: string,
    expected: Uint8Array | undefined,
    next: Uint8Array | undefined,
    authenticated: boolean,
  ): Promise<CompareAndSetOutcome> {
    const run = (): Promise<CompareAndSetOutcome> =>
      this.below.compareAndSet(id, name, expected, next, authenticated);
    return save.hasSubscribers ? traced(save, 'compareAndSet', this.#kind, id, run) : run();
  }

  override destroy(id: SessionId, options?: DestroyOptions): Promise<DestroyOutcome> {
    if (!destroy.hasSubscribers) return this.below.destroy(id, options);
    return traced(destroy, 'destroy', this.#kind, id, () => this.below.destroy(id, options));
  }
}
