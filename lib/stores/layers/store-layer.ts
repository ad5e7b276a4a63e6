import type {
  CompareAndSetOutcome,
  DestroyOptions,
  DestroyOutcome,
  LoadOptions,
  LoadOutcome,
  NewSession,
  Quarantine,
  SessionChange,
  SessionRenewal,
  SessionStore,
  StoreHealth,
  WriteOutcome,
} from '../../core/store.js';
import type { SessionId } from '../../core/token.js';

/** What a layer stands on: any store. One that cannot put a damaged record away keeps it where it is. */
export type LayeredStore = SessionStore & Partial<Quarantine>;

/** A store in front of another, with the same promises. Every call goes on as it is, but for what a layer overrides. */
export abstract class StoreLayer<Below extends LayeredStore = LayeredStore>
  implements SessionStore, Quarantine
{
  protected readonly below: Below;

  constructor(below: Below) {
    this.below = below;
  }

  load(id: SessionId, options?: LoadOptions): Promise<LoadOutcome> {
    return this.below.load(id, options);
  }

  touch(id: SessionId): Promise<void> {
    return this.below.touch(id);
  }

  create(id: SessionId, session: NewSession): Promise<WriteOutcome> {
    return this.below.create(id, session);
  }

  save(id: SessionId, change: SessionChange): Promise<WriteOutcome> {
    return this.below.save(id, change);
  }

  renew(id: SessionId, renewal: SessionRenewal): Promise<WriteOutcome> {
    return this.below.renew(id, renewal);
  }

  compareAndSet(
    id: SessionId,
    name: string,
    expected: Uint8Array | undefined,
    next: Uint8Array | undefined,
    authenticated: boolean,
  ): Promise<CompareAndSetOutcome> {
    return this.below.compareAndSet(id, name, expected, next, authenticated);
  }

  destroy(id: SessionId, options?: DestroyOptions): Promise<DestroyOutcome> {
    return this.below.destroy(id, options);
  }

  endCopies(id: SessionId): Promise<void> {
    return this.below.endCopies?.(id) ?? Promise.resolve();
  }

  ids(): AsyncIterable<SessionId> {
    return this.below.ids();
  }

  quarantine(id: SessionId): Promise<void> {
    return this.below.quarantine?.(id) ?? Promise.resolve();
  }

  health(): Promise<StoreHealth> {
    return this.below.health();
  }

  close(): Promise<void> {
    return this.below.close();
  }
}

/** A store that somebody else has opened and closes: it may serve several applications, one after the other or at once. */
export class UnownedStore extends StoreLayer {
  override close(): Promise<void> {
    return Promise.resolve();
  }
}
