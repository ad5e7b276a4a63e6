import { Logger } from '@nestjs/common';
import type { ResolvedSettings } from '../config/settings.js';
import { TOMBSTONE_MS, type SessionStore } from '../core/store.js';
import { withLayers } from '../stores/layers/compose.js';
import { ENCRYPTION_OVERHEAD } from '../stores/layers/encrypted-store.js';
import { MemoryStore } from '../stores/memory-store.js';
import { RedisStore } from '../stores/redis/redis-store.js';
import { FailureLog, type FailureClock } from './failure-log.js';
import { createRedisLink } from './redis-link.js';

const FAILURE_CLOCK: FailureClock = {
  // Does not keep the process alive.
  after: (milliseconds, call) => void setTimeout(call, milliseconds).unref(),
};

/** The store of a module and what has to be done before its first use. */
export interface SessionBackend {
  readonly store: SessionStore;
  /**
   * Resolves once Redis has answered, which may take for ever where the settings say to wait for it; rejects where
   * they say that it must be there. Nothing for memory.
   */
  connect(): Promise<void>;
  /** See SessionEnvironment.confirmEnds. */
  readonly confirmEnds?: (() => Promise<void>) | undefined;
}

/** Builds what the settings ask for. Nothing is connected yet. */
export function createBackend(settings: ResolvedSettings): SessionBackend {
  if (!settings.enabled) {
    return { store: memoryStore(settings), connect: () => Promise.resolve() };
  }
  const { redis, keyPrefix, storeGuests } = settings;
  const link = createRedisLink(redis, keyPrefix);
  const copyLifeMs = Math.max(TOMBSTONE_MS, settings.idleTimeoutSeconds * 1000);
  const shared = new RedisStore(
    link.executor,
    {
      keyPrefix,
      topology: link.topology,
      touchIntervalMs: settings.touchIntervalSeconds * 1000,
      anonymousCopySeconds: storeGuests ? undefined : settings.guestCopySeconds,
      // Longer than any copy that has not heard of the end: see LocalCopies.
      tombstoneMs: storeGuests ? TOMBSTONE_MS : copyLifeMs + TOMBSTONE_MS,
      limits: settings,
      overhead: settings.encryptionKeys.length > 0 ? ENCRYPTION_OVERHEAD : undefined,
    },
    () => link.close(),
  );
  const failures = new FailureLog(new Logger('SessionStore'), FAILURE_CLOCK);
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
    connect: async () => void (await link.connect()),
  };
}

function memoryStore(settings: ResolvedSettings): MemoryStore {
  return new MemoryStore({
    ...settings.memory,
    limits: settings,
    tombstoneMs: TOMBSTONE_MS,
    now: settings.now,
  });
}
