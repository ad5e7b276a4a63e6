import { Logger } from '@nestjs/common';
import type { ResolvedSettings } from '../config/settings.js';
import type { SessionStore } from '../core/store.js';
import { AnonymousTrafficStore } from '../stores/anonymous-store.js';
import { ENCRYPTION_OVERHEAD, EncryptedStore } from '../stores/encrypted-store.js';
import { KeyRing } from '../stores/key-ring.js';
import { MemoryStore } from '../stores/memory-store.js';
import type { Quarantine } from '../stores/quarantine.js';
import { RedisStore } from '../stores/redis-store.js';
import { WatchedStore } from '../stores/watched-store.js';
import { FailureLog, type FailureClock } from './failure-log.js';
import { createRedisLink } from './redis-link.js';

/**
 * How long a session's end stays known under its old id where no node keeps copies: as long as a request that was
 * under way may still take.
 */
const ENDED_MARKER_MS = 60_000;

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
    return { store: memoryStore(settings, ENDED_MARKER_MS), connect: () => Promise.resolve() };
  }
  const { redis, keyPrefix, anonymousTraffic } = settings;
  const link = createRedisLink(redis, keyPrefix);
  // Where nodes keep anonymous sessions in memory, an end must stay known for as long as such a copy can live.
  const endedMarkerMs = anonymousTraffic
    ? ENDED_MARKER_MS
    : Math.max(ENDED_MARKER_MS, settings.idleTimeoutSeconds * 1000);
  const shared = new RedisStore(
    link.executor,
    {
      keyPrefix,
      topology: link.topology,
      touchIntervalMs: settings.touchIntervalSeconds * 1000,
      anonymousCopySeconds: anonymousTraffic ? undefined : settings.undefinedSessionTypeTimeoutSeconds,
      endedMarkerMs,
      limits: settings,
      overhead: settings.encryptionKeys.length > 0 ? ENCRYPTION_OVERHEAD : undefined,
    },
    () => link.close(),
  );
  const store = anonymousTraffic
    ? shared
    : new AnonymousTrafficStore(shared, memoryStore(settings, endedMarkerMs));
  const failures = new FailureLog(new Logger('SessionStore'), FAILURE_CLOCK);
  const { confirmEnds } = link;
  return {
    store: new WatchedStore(encrypted(store, settings.encryptionKeys), failures.note),
    confirmEnds: confirmEnds && (() => confirmEnds().catch(failures.note)),
    connect: async () => {
      if (!(await link.connect())) return;
      // Tells what time it is for Redis; without that, the first write has no deadline.
      await shared.health().catch(() => undefined);
    },
  };
}

function encrypted(store: SessionStore & Quarantine, keys: readonly string[]): SessionStore {
  if (keys.length === 0) return store;
  return new EncryptedStore(store, new KeyRing(keys.map((key) => Buffer.from(key, 'base64'))));
}

function memoryStore(settings: ResolvedSettings, endedMarkerMs: number): MemoryStore {
  return new MemoryStore({ ...settings.memory, limits: settings, endedMarkerMs, now: settings.now });
}
