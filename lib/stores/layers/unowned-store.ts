import { StoreLayer } from './store-layer.js';

/** A store that somebody else has opened and closes: it may serve several applications, one after the other or at once. */
export class UnownedStore extends StoreLayer {
  override close(): Promise<void> {
    return Promise.resolve();
  }
}
