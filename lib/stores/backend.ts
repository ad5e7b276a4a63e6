import { TOMBSTONE_MS, type SessionStore } from '../core/store.js';
import type { SessionLimits } from '../core/limits.js';
import { realTimer } from '../core/clock.js';
import type { AvailabilityLog } from '../redis/availability.js';
import { createRedisLink, type RedisLinkOptions } from '../redis/link.js';
import { withLayers } from './layers/compose.js';
import { ENCRYPTION_OVERHEAD } from './layers/encrypted-store.js';
import { FailureLog } from './layers/failure-log.js';
import { MemoryStore } from './memory-store.js';
import { RedisStore } from './redis/redis-store.js';
import { rehearse } from './redis/rehearsal.js';
import { DESTROY } from './redis/scripts.js';

/** What of the settings decides where sessions live. */
export interface BackendOptions extends SessionLimits {
  /** False: in this process. */
  readonly enabled: boolean;
  readonly redis: RedisLinkOptions;
  readonly keyPrefix: string;
  readonly idleTimeoutSeconds: number;
  readonly touchIntervalSeconds: number;
  /** Whether sessions of guests are stored in Redis like any other. */
  readonly storeGuests: boolean;
  /** Life of the copy of a guest's session in Redis otherwise. */
  readonly guestCopySeconds: number;
  /** Base64; the first encrypts. Empty: nothing is encrypted. */
  readonly encryptionKeys: readonly string[];
  readonly memory: { readonly maxSessions: number; readonly maxBytes: number };
  /** Epoch milliseconds. */
  readonly now: () => number;
}

/** The store of a module and what has to be done before its first use. */
export interface SessionBackend {
  readonly store: SessionStore;
  /**
   * Resolves once Redis has done what requests will ask of it, which may take for ever where the settings say to wait for
   * it; rejects where they say that it must be there. Nothing for memory.
   */
  connect(): Promise<void>;
  /** See SessionEnvironment.confirmEnds. */
  readonly confirmEnds?: (() => Promise<void>) | undefined;
}

/** Builds what the settings ask for. Nothing is connected yet. @param logOf Makes a log of a context. */
export function createBackend(
  settings: BackendOptions,
  logOf: (context: string) => AvailabilityLog,
): SessionBackend {
  if (!settings.enabled) {
    return { store: memoryStore(settings), connect: () => Promise.resolve() };
  }
  const { redis, keyPrefix, storeGuests } = settings;
  const link = createRedisLink(redis, { keyPrefix, end: DESTROY }, logOf('RedisConnection'));
  const copyLifeMs = Math.max(TOMBSTONE_MS, settings.idleTimeoutSeconds * 1000);
  const options = {
    keyPrefix,
    topology: link.topology,
    touchIntervalMs: settings.touchIntervalSeconds * 1000,
    anonymousCopySeconds: storeGuests ? undefined : settings.guestCopySeconds,
    // Longer than any copy that has not heard of the end: see LocalCopies.
    tombstoneMs: storeGuests ? TOMBSTONE_MS : copyLifeMs + TOMBSTONE_MS,
    limits: settings,
    overhead: settings.encryptionKeys.length > 0 ? ENCRYPTION_OVERHEAD : undefined,
  };
  const shared = new RedisStore(link.executor, options, () => link.close());
  const failures = new FailureLog(logOf('SessionStore'), realTimer);
  const { confirmEnds } = link;
  return {
    store: withLayers(shared, {
      guests: storeGuests
        ? undefined
        : { memory: memoryStore(settings), lifeMs: copyLifeMs, now: settings.now },
      encryptionKeys: settings.encryptionKeys,
      failed: failures.note,
    }),
    confirmEnds:
      confirmEnds &&
      (() =>
        confirmEnds().catch((error: unknown) => {
          failures.note(error);
          throw error;
        })),
    connect: async () => void (await link.connect((executor) => rehearse(executor, options))),
  };
}

function memoryStore(settings: BackendOptions): MemoryStore {
  return new MemoryStore({
    ...settings.memory,
    limits: settings,
    tombstoneMs: TOMBSTONE_MS,
    now: settings.now,
  });
}
