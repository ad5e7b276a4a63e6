import type { Availability } from './availability.js';
import { isCluster, type ClientHooks, type RedisClient } from './client.js';
import { RedisCommands } from './commands.js';
import { within } from './deadline.js';
import { ForwardingExecutor, type RedisLink } from './executor.js';
import type { Cause, Endpoint } from './failure.js';
import { StallDetector } from './stall-detector.js';

/** Least time between two looks for a server that takes writes. */
const RENEWAL_INTERVAL_MS = 500;

/** Pause after a client has ended that is still wanted, until it connects again. */
const REVIVAL_DELAY_MS = 50;

/** Makes clients that are not connected yet. */
export type ClientFactory = (hooks: ClientHooks) => RedisClient;

/**
 * One connection of our own that all commands share; kept connected by ioredis once `connect()` was called. Where
 * the server turns out to have become a replica, another connection is opened beside it, and takes its place only
 * if it leads to a master: until then reads go on.
 */
export class RedisConnection extends ForwardingExecutor implements RedisLink {
  readonly #endpoint: Endpoint;
  readonly #timeoutMs: number;
  readonly #availability: Availability;
  readonly #make: () => RedisClient;
  /** Clients that were ready at least once. Only those can lose their connection. */
  readonly #served = new WeakSet<RedisClient>();
  protected inner: RedisCommands;
  #renewing = false;
  #closing = false;

  constructor(make: ClientFactory, endpoint: Endpoint, timeoutMs: number, availability: Availability) {
    super();
    this.#endpoint = endpoint;
    this.#timeoutMs = timeoutMs;
    this.#availability = availability;
    this.#make = () => make({ onReadOnly: () => this.#renew() });
    this.inner = this.#adopt(this.#make());
  }

  get client(): RedisClient {
    return this.inner.client;
  }

  /** Undefined: the client itself can be used to send commands. Else settles once it can. */
  ready(): Promise<void> | undefined {
    return this.inner.state.ready();
  }

  connect(): Promise<void> {
    return this.inner.open();
  }

  async close(): Promise<void> {
    if (this.#closing) return;
    this.#closing = true;
    await this.#farewell(this.client);
  }

  /** Makes the commands of a client that is to be the current one. */
  #adopt(client: RedisClient): RedisCommands {
    const isCurrent = (): boolean => !this.#closing && client === this.client;
    const detector = isCluster(client) ? undefined : new StallDetector(client, this.#timeoutMs);
    client.on('end', () => this.#connectAgain(client));
    return new RedisCommands(client, this.#endpoint, this.#timeoutMs, {
      late: () => detector?.suspect(),
      failed: (cause: Cause) => {
        if (isCurrent() && this.#served.has(client)) this.#availability.gone(cause);
      },
      ready: () => {
        if (this.#served.has(client)) this.#availability.reopened();
        this.#served.add(client);
        this.#availability.back();
      },
    });
  }

  /**
   * ioredis gives up for good where its failover detector interrupts an attempt to reconnect: it hears of a new master
   * while the sentinels are being asked for one.
   */
  #connectAgain(client: RedisClient): void {
    const isWanted = (): boolean => !this.#closing && client === this.client && this.#served.has(client);
    if (!isWanted()) return;
    setTimeout(() => {
      if (isWanted() && client.status === 'end') client.connect().catch(noop);
    }, REVIVAL_DELAY_MS).unref();
  }

  #renew(): void {
    if (this.#renewing || this.#closing) return;
    this.#renewing = true;
    void this.#replace().finally(() => {
      setTimeout(() => (this.#renewing = false), RENEWAL_INTERVAL_MS).unref();
    });
  }

  /** Never rejects. */
  async #replace(): Promise<void> {
    const next = this.#make();
    const commands = this.#adopt(next);
    try {
      await commands.open();
      if (this.#closing || !(await leadsToMaster(commands))) return next.disconnect();
      const last = this.client;
      this.inner = commands;
      this.#availability.note('it had become a replica; the connection now leads to a master.');
      await this.#farewell(last);
    } catch {
      next.disconnect();
    }
  }

  /** Lets commands in flight finish, within the command timeout, and closes. Never rejects. */
  async #farewell(client: RedisClient): Promise<void> {
    if (client.status === 'ready') await within(client.quit(), this.#timeoutMs).catch(noop);
    // Also if it has ended: with Sentinel, only this closes its connections to the sentinels.
    client.disconnect();
  }
}

/** By ROLE or INFO; where the server refuses both, a new connection is the better guess. */
async function leadsToMaster(commands: RedisCommands): Promise<boolean> {
  const role = await commands.call('ROLE').catch(noop);
  if (Array.isArray(role)) return String(role[0]) === 'master';
  const info = await commands.call('INFO', 'replication').catch(noop);
  return typeof info !== 'string' || !/^role:slave/m.test(info);
}

function noop(): void {
  // What matters of it is told elsewhere.
}
