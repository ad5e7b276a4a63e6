import type { SessionEvent, SessionEvents } from '../core/events.js';
import type { SessionIndex } from '../core/session-index.js';
import { TOMBSTONE_MS, type SessionStore } from '../core/store.js';
import type { OldSessions } from '../core/old-sessions.js';
import type { SessionLimits } from '../core/limits.js';
import type { SessionId } from '../core/token.js';
import { realTimer } from '../core/clock.js';
import type { AvailabilityLog } from '../redis/availability.js';
import { createRedisLink, type RedisLinkOptions } from '../redis/link.js';
import { Subscriber, subscriberFactory } from '../redis/subscriber.js';
import { withLayers, withOuterLayers } from './layers/compose.js';
import { ENCRYPTION_OVERHEAD } from './layers/encrypted-store.js';
import { FailureLog } from './layers/failure-log.js';
import { UnownedStore } from './layers/store-layer.js';
import { rehearseTakeover } from './migration/rehearsal.js';
import { ObservedStore } from './layers/observed-store.js';
import { RedisOldSessions, type OldLibrary } from './migration/old-sessions.js';
import { MemorySessionIndex } from './memory-index.js';
import { MemoryStore } from './memory-store.js';
import { isOnePlace } from './redis/one-place.js';
import { logOfStrangeLists } from './redis/list-scripts.js';
import { newNodeName, NodeMessages } from './redis/node-messages.js';
import { RedisSessionIndex } from './redis/redis-index.js';
import { RedisStore } from './redis/redis-store.js';
import { rehearse } from './redis/rehearsal.js';
import { DESTROY } from './redis/scripts.js';
import { channelOf } from './redis/session-messages.js';

/** What of the settings decides where sessions live. */
interface BackendOptions extends SessionLimits {
  /** The application's own; undefined: ours. */
  readonly store: SessionStore | undefined;
  /** Where there is none of its own: in Redis; false: in this process. */
  readonly usesRedis: boolean;
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
  /** Libraries whose sessions are taken over; undefined: none. */
  readonly oldLibraries?: readonly OldLibrary[] | undefined;
  /** Epoch milliseconds. */
  readonly now: () => number;
}

/** The store of a module and what has to be done before its first use. */
export interface SessionBackend {
  readonly store: SessionStore;
  readonly index: SessionIndex;
  /** Sessions of other libraries; undefined: none are taken over. */
  readonly oldSessions?: OldSessions | undefined;
  /** Is told of this node's own events. */
  readonly note: (event: SessionEvent) => void;
  /**
   * Resolves once Redis has done what requests will ask of it, which may take for ever where the settings say to wait for
   * it; rejects where they say that it must be there. Nothing for memory.
   */
  connect(): Promise<void>;
  /** See SessionEnvironment.confirmEnds. */
  readonly confirmEnds?: (() => Promise<void>) | undefined;
}

/**
 * Builds what the settings ask for. Nothing is connected yet.
 * @param events Where it is told what other nodes tell. @param logOf Makes a log of a context.
 */
export function createBackend(
  settings: BackendOptions,
  events: SessionEvents,
  logOf: (context: string) => AvailabilityLog,
): SessionBackend {
  const failures = new FailureLog(logOf('SessionStore'), realTimer);
  if (settings.store !== undefined)
    return localBackend(
      withOuterLayers(new UnownedStore(settings.store), 'custom', { ...settings, failed: failures.note }),
      settings.store.index ?? new MemorySessionIndex(settings.now),
    );
  if (!settings.usesRedis) {
    const store = memoryStore(settings);
    return localBackend(new ObservedStore(store, 'memory'), store.index);
  }
  const { redis, keyPrefix, storeGuests, encryptionKeys } = settings;
  const link = createRedisLink(redis, { keyPrefix, end: DESTROY }, logOf('RedisConnection'));
  const copyLifeMs = Math.max(TOMBSTONE_MS, settings.idleTimeoutSeconds * 1000);
  const strangeList = logOfStrangeLists(logOf('SessionStore'), realTimer);
  const sender = { channel: channelOf(keyPrefix), node: newNodeName() };
  const options = {
    keyPrefix,
    topology: link.topology,
    touchIntervalMs: settings.touchIntervalSeconds * 1000,
    anonymousCopySeconds: storeGuests ? undefined : settings.guestCopySeconds,
    // Longer than any copy that has not heard of the end: see LocalCopies.
    tombstoneMs: storeGuests ? TOMBSTONE_MS : copyLifeMs + TOMBSTONE_MS,
    limits: settings,
    overhead: encryptionKeys.length > 0 ? ENCRYPTION_OVERHEAD : undefined,
    strangeList,
  };
  const shared = new RedisStore(link.executor, { ...options, messages: sender }, async () => {
    subscriber.close();
    await link.close();
  });
  const { confirmEnds } = link;
  const { oldLibraries: libraries = [] } = settings;
  const oldOptions = { ...settings, keyPrefix, libraries };
  const old = libraries.length > 0 ? new RedisOldSessions(link.executor, oldOptions) : undefined;
  const { store, guests } = withLayers(shared, {
    guests: storeGuests
      ? undefined
      : { memory: memoryStore(settings), lifeMs: copyLifeMs, now: settings.now },
    encryptionKeys,
    old: old && { sessions: old, ended: (id, principal) => linkEnded(id, principal) },
    failed: failures.note,
  });
  const messages = new NodeMessages(sender, {
    keyPrefix,
    database: redis.database,
    sealed: encryptionKeys.length > 0,
    guests,
    events,
    log: logOf('SessionEvents'),
  });
  const subscriber = new Subscriber(
    subscriberFactory(redis, redis.client),
    messages.subscriptions,
    redis.timeoutMs,
    messages,
  );
  let isWithRecords = false;
  const index = new RedisSessionIndex(link.executor, {
    ...{ keyPrefix, strangeList },
    isWithRecords: () => isWithRecords,
    encryptionKeys: encryptionKeys.map((key) => Buffer.from(key, 'base64')),
  });
  const linkEnded = (id: SessionId, principal: string | undefined): void => {
    events.emit({ type: 'destroyed', id });
    // Where that fails, whoever reads the user's list next finds that the session is not there.
    for (const name of principal === undefined ? [] : index.namesOf(principal))
      index.remove(name, [id]).catch(() => undefined);
  };
  return {
    store,
    index,
    oldSessions: old,
    note: (event) => messages.note(event),
    confirmEnds:
      confirmEnds &&
      (() =>
        confirmEnds().catch((error: unknown) => {
          failures.note(error);
          throw error;
        })),
    connect: async () => {
      // Without messages: other nodes need not hear of it.
      const tried = link.connect(async (executor) => {
        const warnings = await rehearse(executor, options);
        isWithRecords = await isOnePlace(executor, keyPrefix);
        for (const { prefix } of libraries) await rehearseTakeover(executor, prefix, keyPrefix);
        return warnings;
      });
      if (await tried) await subscriber.start();
    },
  };
}

/** One whose ends and events no other node tells of. */
function localBackend(store: SessionStore, index: SessionIndex): SessionBackend {
  return { store, index, note: () => undefined, connect: () => Promise.resolve() };
}

function memoryStore(settings: BackendOptions): MemoryStore {
  return new MemoryStore({
    ...settings.memory,
    limits: settings,
    tombstoneMs: TOMBSTONE_MS,
    now: settings.now,
  });
}
