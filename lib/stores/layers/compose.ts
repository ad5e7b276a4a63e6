import type { SessionStoreKind } from '../../core/diagnostics.js';
import type { SessionStore } from '../../core/store.js';
import type { MemoryStore } from '../memory-store.js';
import { EncryptedStore } from './encrypted-store.js';
import { LinkedStore, type LinkedSessions, type LinkEnded } from './linked-store.js';
import { GuestStore, type SharedStore } from './guest-store.js';
import { KeyRing } from './key-ring.js';
import { LocalCopies, type LocalCopyRules } from './local-copies.js';
import { ObservedStore } from './observed-store.js';
import type { LayeredStore } from './store-layer.js';

/** What stands before any store. */
interface OuterLayers {
  /** Base64, newest first; empty: nothing is encrypted. */
  readonly encryptionKeys: readonly string[];
  /** Sessions of another library that ours take the place of; undefined: there are none. */
  readonly old?: { readonly sessions: LinkedSessions; readonly ended: LinkEnded } | undefined;
  /** Told of each failure of the store. Must not throw. */
  readonly failed: (error: unknown) => void;
}

/** Which layers stand before a store that all nodes share. */
export interface StoreLayers extends OuterLayers {
  /** Where sessions of guests are kept in this process; undefined: they are stored like any other. */
  readonly guests: (LocalCopyRules & { readonly memory: MemoryStore }) | undefined;
}

/** A store with its layers. */
interface LayeredStores {
  readonly store: SessionStore;
  /** The layer that keeps sessions of guests in this process. */
  readonly guests: GuestStore | undefined;
}

/** Puts the layers before a store that all nodes share. */
export function withLayers(shared: SharedStore, layers: StoreLayers): LayeredStores {
  // Copies in this process hold what Redis holds: what is encrypted there is encrypted here.
  const guests =
    layers.guests && new GuestStore(shared, new LocalCopies(layers.guests.memory, layers.guests));
  return { store: withOuterLayers(guests ?? shared, 'redis', layers), guests };
}

/** Puts before a store what any has before it, each layer before the one above it in this function. */
export function withOuterLayers(
  below: LayeredStore,
  kind: SessionStoreKind,
  { encryptionKeys, old, failed }: OuterLayers,
): SessionStore {
  let store = below;
  if (encryptionKeys.length > 0)
    store = new EncryptedStore(store, new KeyRing(encryptionKeys.map((key) => Buffer.from(key, 'base64'))));
  if (old !== undefined) store = new LinkedStore(store, old.sessions, old.ended);
  // Last, so that failures of each layer are seen, and what an operation takes is all that it takes.
  return new ObservedStore(store, kind, failed);
}
