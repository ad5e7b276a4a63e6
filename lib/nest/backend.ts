import { Logger } from '@nestjs/common';
import type { ResolvedSettings } from '../config/settings.js';
import type { SessionEvent, SessionEvents } from '../core/events.js';
import type { SessionIndex } from '../core/session-index.js';
import { TOMBSTONE_MS, type SessionStore } from '../core/store.js';
import { Subscriber, subscriberFactory } from '../redis/subscriber.js';
import { withLayers } from '../stores/layers/compose.js';
import { ENCRYPTION_OVERHEAD } from '../stores/layers/encrypted-store.js';
import { MemorySessionIndex } from '../stores/memory-index.js';
import { MemoryStore } from '../stores/memory-store.js';
import { newNodeName, NodeMessages } from '../stores/redis/node-messages.js';
import { RedisSessionIndex } from '../stores/redis/redis-index.js';
import { RedisStore } from '../stores/redis/redis-store.js';
import { channelOf } from '../stores/redis/session-messages.js';
import { FailureLog, type FailureClock } from './failure-log.js';
import { createRedisLink } from './redis-link.js';

const FAILURE_CLOCK: FailureClock = {
  // Does not keep the process alive.
  after: (milliseconds, call) => void setTimeout(call, milliseconds).unref(),
};

/** The store of a module and what has to be done before its first use. */
export interface SessionBackend {
  readonly store: SessionStore;
  readonly index: SessionIndex;
  /** Is told of this node's own events. */
  readonly note: (event: SessionEvent) => void;
  /**
   * Resolves once Redis has answered, which may take for ever where the settings say to wait for it; rejects where
   * they say that it must be there. Nothing for memory.
   */
  connect(): Promise<void>;
  /** See SessionEnvironment.confirmEnds. */
  readonly confirmEnds?: (() => Promise<void>) | undefined;
}

/**
 * Builds what the settings ask for. Nothing is connected yet.
 * @param events Where it is told what other nodes tell.
 */
export function createBackend(settings: ResolvedSettings, events: SessionEvents): SessionBackend {
  if (!settings.enabled) {
    return {
      store: memoryStore(settings),
      index: new MemorySessionIndex(settings.now),
      note: () => undefined,
      connect: () => Promise.resolve(),
    };
  }
  const { redis, keyPrefix, storeGuests } = settings;
  const link = createRedisLink(redis, keyPrefix);
  const copyLifeMs = Math.max(TOMBSTONE_MS, settings.idleTimeoutSeconds * 1000);
  const sender = { channel: channelOf(keyPrefix), node: newNodeName() };
  const shared = new RedisStore(
    link.executor,
    {
      keyPrefix,
      messages: sender,
      topology: link.topology,
      touchIntervalMs: settings.touchIntervalSeconds * 1000,
      anonymousCopySeconds: storeGuests ? undefined : settings.guestCopySeconds,
      // Longer than any copy that has not heard of the end: see LocalCopies.
      tombstoneMs: storeGuests ? TOMBSTONE_MS : copyLifeMs + TOMBSTONE_MS,
      limits: settings,
      overhead: settings.encryptionKeys.length > 0 ? ENCRYPTION_OVERHEAD : undefined,
    },
    async () => {
      subscriber.close();
      await link.close();
    },
  );
  const failures = new FailureLog(new Logger('SessionStore'), FAILURE_CLOCK);
  const { confirmEnds } = link;
  const { encryptionKeys } = settings;
  const { store, guests } = withLayers(shared, {
    guests: storeGuests
      ? undefined
      : { memory: memoryStore(settings), lifeMs: copyLifeMs, now: settings.now },
    encryptionKeys,
    failed: failures.note,
  });
  const messages = new NodeMessages(sender, {
    keyPrefix,
    database: redis.database,
    sealed: encryptionKeys.length > 0,
    guests,
    events,
    log: new Logger('SessionEvents'),
  });
  const subscriber = new Subscriber(
    subscriberFactory(redis, redis.client),
    messages.subscriptions,
    redis.timeoutMs,
    messages,
  );
  return {
    store,
    index: new RedisSessionIndex(link.executor, {
      keyPrefix,
      encryptionKeys: encryptionKeys.map((key) => Buffer.from(key, 'base64')),
    }),
    note: (event) => messages.note(event),
    confirmEnds:
      confirmEnds &&
      (() =>
        confirmEnds().catch((error: unknown) => {
          failures.note(error);
          throw error;
        })),
    connect: async () => {
      if (await link.connect()) await subscriber.start();
    },
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
