import type { Redis } from 'ioredis';
import {
  createRedisClient,
  duplicateOf,
  isCluster,
  type RedisClient,
  type RedisConnectionOptions,
} from './client.js';
import { within } from './deadline.js';
import { causeOf } from './failure.js';

/** Time between two PINGs: a connection on which nothing is sent does not notice that the server is gone. */
const HEARTBEAT_MS = 5_000;
/** Pauses between attempts. With the longest, a subscriber is back well within a second of the server, and has time to look what it missed. */
const [FIRST_PAUSE_MS, LONGEST_PAUSE_MS] = [50, 400];
/** Pause after a refusal: somebody has to change the server's rules first. */
const REFUSED_PAUSE_MS = 60_000;

/** What the owner of a subscriber hears. */
export interface SubscriberHooks {
  message(channel: string, text: string): void;
  /** It listens, for the first time or again. */
  up(): void;
  /** It does not listen any more, and what is published meanwhile is lost. */
  down(): void;
  /** The server does not let it listen. */
  refused(kind: string): void;
}

/** What a subscriber listens to. */
export interface Subscriptions {
  readonly channel: string;
  /** Channels that nobody needs, and that the server may refuse. */
  readonly optional: readonly string[];
}

/** Makes clients that are not connected yet, do not connect again by themselves, and lead to one server. */
type SubscriberFactory = () => Redis;

/**
 * Listens to a channel, on a connection of its own, and opens that again when it is lost. On a cluster it listens to one node, since
 * what is published on any node reaches all.
 */
export class Subscriber {
  readonly #make: SubscriberFactory;
  readonly #subscriptions: Subscriptions;
  readonly #timeoutMs: number;
  readonly #hooks: SubscriberHooks;
  #client: Redis | undefined;
  #timer: NodeJS.Timeout | undefined;
  #failures = 0;
  #closed = false;

  constructor(make: SubscriberFactory, on: Subscriptions, timeoutMs: number, hooks: SubscriberHooks) {
    this.#make = make;
    this.#subscriptions = on;
    this.#timeoutMs = timeoutMs;
    this.#hooks = hooks;
  }

  /** Resolves once it listens, or has failed to for the first time. Never rejects. */
  async start(): Promise<void> {
    if (this.#closed) return;
    let client: Redis | undefined;
    try {
      client = this.#make();
      const ended = endOf(client);
      this.#client = client;
      client.on('message', (channel, text) => this.#hooks.message(channel, text));
      await within(client.connect(), this.#timeoutMs);
      await within(client.subscribe(this.#subscriptions.channel), this.#timeoutMs);
      for (const channel of this.#subscriptions.optional) client.subscribe(channel).catch(noop);
      if (this.#isClosed()) return client.disconnect();
      this.#failures = 0;
      this.#hooks.up();
      void ended.then(() => this.#lost());
      this.#beat(client);
    } catch (error) {
      client?.disconnect();
      if (this.#isClosed()) return;
      const { reason } = causeOf(error);
      const refused = REFUSALS.has(reason);
      if (refused) this.#hooks.refused(reason);
      const pauseMs = Math.min(FIRST_PAUSE_MS * 2 ** Math.min(this.#failures, 10), LONGEST_PAUSE_MS);
      this.#again(refused ? REFUSED_PAUSE_MS : pauseMs);
      this.#failures += 1;
    }
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#client?.disconnect();
  }

  /** For use after an await, when it may have been closed. A method, since TypeScript would remember the value of before. */
  #isClosed(): boolean {
    return this.#closed;
  }

  #lost(): void {
    clearTimeout(this.#timer);
    // Although it has ended: with Sentinel, this closes its connections to the sentinels.
    this.#client?.disconnect();
    if (this.#closed) return;
    this.#hooks.down();
    this.#again(FIRST_PAUSE_MS);
  }

  #again(pauseMs: number): void {
    this.#timer = setTimeout(() => void this.start(), pauseMs * (0.7 + Math.random() * 0.3)).unref();
  }

  #beat(client: Redis): void {
    this.#timer = setTimeout(() => {
      within(client.ping(), this.#timeoutMs).then(
        () => this.#beat(client),
        () => client.disconnect(),
      );
    }, HEARTBEAT_MS).unref();
  }
}

const REFUSALS: ReadonlySet<string> = new Set(['NOPERM', 'UNKNOWN_COMMAND', 'ERR']);

/** Makes the clients of a subscriber that goes where commands go. @param injected The application's own client. */
export function subscriberFactory(
  options: RedisConnectionOptions,
  injected: RedisClient | undefined,
): SubscriberFactory {
  let turn = Math.floor(Math.random() * 1000);
  const next = <T>(all: readonly T[]): T => {
    turn += 1;
    const one = all[turn % all.length];
    if (one === undefined) throw new Error('no node of the cluster is connected');
    return one;
  };
  const once = { reconnect: false };
  if (injected !== undefined) {
    return () =>
      duplicateOf(isCluster(injected) ? next(injected.nodes('master')) : injected, options.timeoutMs, once);
  }
  const { cluster } = options;
  if (cluster === undefined) return () => createRedisClient(options, once) as Redis;
  return () => createRedisClient({ ...options, ...next(cluster.nodes), cluster: undefined }, once) as Redis;
}

/** Resolves when the client's connection has ended. */
function endOf(client: Redis): Promise<void> {
  client.on('error', noop);
  return new Promise((resolve) => client.once('close', () => resolve()));
}

function noop(): void {
  // Its connection ends, which is told.
}
