import type { Availability } from './availability.js';
import { within } from './deadline.js';
import { isCluster, type ClientHooks, type RedisClient } from './client.js';
import { RedisCommands } from './commands.js';
import type { Argument, RedisLink, ScanPage, ScanPlace } from './executor.js';
import { failureKind } from './failure.js';
import { unreachable } from './unreachable.js';
import type { Script } from './script.js';
import { StallDetector } from './stall-detector.js';

/** Least time between two looks for a server that takes writes. */
const RENEWAL_INTERVAL_MS = 500;

/** From the end of a client that is still wanted to its next attempt to connect. */
const REVIVAL_DELAY_MS = 50;

/** Makes clients that are not connected yet. */
export type ClientFactory = (hooks: ClientHooks) => RedisClient;

/**
 * One connection of our own that all commands share; kept connected by ioredis once `connect()` was called. Where
 * the server turns out to have become a replica, another connection is opened beside it, and takes its place only
 * if it leads to a master: until then reads go on.
 */
export class RedisConnection implements RedisLink {
  readonly address: string;
  readonly timeoutMs: number;
  readonly #availability: Availability;
  readonly #make: () => RedisClient;
  /** Clients that were ready at least once: before that nothing can be lost. */
  readonly #served = new WeakSet<RedisClient>();
  #commands: RedisCommands;
  #lastFailure: string | undefined;
  #renewing = false;
  #closing = false;

  constructor(make: ClientFactory, address: string, timeoutMs: number, availability: Availability) {
    this.address = address;
    this.timeoutMs = timeoutMs;
    this.#availability = availability;
    this.#make = () => make({ onReadOnly: () => this.#renew() });
    this.#commands = this.#adopt(this.#make());
  }

  get client(): RedisClient {
    return this.#commands.client;
  }

  load(key: string): Promise<[Buffer[], number | undefined]> {
    return this.#commands.load(key);
  }

  run(script: Script, keys: readonly string[], args: readonly Argument[]): Promise<unknown> {
    return this.#commands.run(script, keys, args);
  }

  call(name: string, ...args: string[]): Promise<unknown> {
    return this.#commands.call(name, ...args);
  }

  scan(pattern: string, place?: ScanPlace): Promise<ScanPage> {
    return this.#commands.scan(pattern, place);
  }

  timeAt(key: string): Promise<number> {
    return this.#commands.timeAt(key);
  }

  nodeOf(key: string): string | undefined {
    return this.#commands.nodeOf(key);
  }

  async connect(): Promise<void> {
    try {
      await this.#within(connectAndPing(this.client));
    } catch (error) {
      throw unreachable(this.address, this.#lastFailure ?? failureKind(error), this.timeoutMs);
    }
  }

  async close(): Promise<void> {
    if (this.#closing) return;
    this.#closing = true;
    await this.#farewell(this.client);
  }

  /** Makes a client the current one. */
  #adopt(client: RedisClient): RedisCommands {
    // Also keeps ioredis from printing errors, which hold commands, on its own.
    client.on('error', (error: unknown) => (this.#lastFailure = failureKind(error)));
    client.on('close', () => {
      if (this.#closing || client !== this.client || !this.#served.has(client)) return;
      this.#availability.gone('the connection is lost');
    });
    client.on('end', () => this.#connectAgain(client));
    client.on('ready', () => {
      this.#lastFailure = undefined;
      this.#served.add(client);
      this.#availability.back();
    });
    if (isCluster(client)) return new RedisCommands(client, this.address, this.timeoutMs);
    const silence = new StallDetector(client, this.timeoutMs);
    return new RedisCommands(client, this.address, this.timeoutMs, () => silence.suspect());
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
    next.on('error', noop);
    try {
      await this.#within(connectAndPing(next));
      const role = await this.#within(next.call('ROLE'));
      if (this.#closing || !Array.isArray(role) || role[0] !== 'master') return next.disconnect();
      const last = this.client;
      this.#commands = this.#adopt(next);
      this.#served.add(next);
      this.#availability.note('it had become a replica; the connection now leads to a master.');
      await this.#farewell(last);
    } catch {
      next.disconnect();
    }
  }

  /** Lets commands in flight finish, within the command timeout, and closes. Never rejects. */
  async #farewell(client: RedisClient): Promise<void> {
    if (client.status === 'ready') await this.#within(client.quit()).catch(noop);
    // Also where it has ended: with Sentinel, connections to the sentinels are left, which only this closes.
    client.disconnect();
  }

  #within<T>(work: Promise<T>): Promise<T> {
    return within(work, this.timeoutMs, () => new Error('timeout'));
  }
}

/** Waits where somebody has begun to connect already; `connect()` rejects then. */
export async function connectAndPing(client: RedisClient): Promise<void> {
  if (client.status === 'wait' || client.status === 'end') await client.connect();
  else if (client.status !== 'ready') await untilReady(client);
  await client.call('PING').catch((error: unknown) => {
    // A server that cannot save to its disk refuses even PING, and serves reads.
    if (failureKind(error) !== 'MISCONF') throw error;
  });
}

function untilReady(client: RedisClient): Promise<void> {
  return new Promise((resolve) => client.once('ready', resolve));
}

function noop(): void {
  // What matters of it is told elsewhere.
}
