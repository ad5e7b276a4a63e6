import { createPool, type Pool } from 'generic-pool';
import { Deadlines, within, type Turn } from './deadline.js';
import type { ClientFactory } from './connection.js';
import type { Argument, RedisLink } from './executor.js';
import type { ScanPage, ScanPlace } from './scan.js';
import {
  cause,
  isOutage,
  isReply,
  isVague,
  noAnswer,
  storeUnavailable,
  unavailable,
  type Endpoint,
} from './failure.js';
import { PooledConnection } from './pooled-connection.js';
import type { Script } from './script.js';

/** The settings of commons-pool2 that have a meaning here; times in milliseconds. */
export interface RedisPoolOptions {
  readonly maxConnections: number;
  readonly maxIdle: number;
  readonly minIdle: number;
  /** -1: as long as the command timeout. */
  readonly maxWaitMillis: number;
  readonly lifo: boolean;
  readonly blockWhenExhausted: boolean;
  readonly testOnBorrow: boolean;
  readonly testOnReturn: boolean;
  readonly testOnCreate: boolean;
  readonly testWhileIdle: boolean;
  readonly minEvictableIdleTimeMillis: number;
  readonly softMinEvictableIdleTimeMillis: number;
  readonly timeBetweenEvictionRunsMillis: number;
  readonly numTestsPerEvictionRun: number;
}

/** What a connection is borrowed for. */
type Work<T> = (connection: PooledConnection, turn: Turn) => Promise<T>;

const NEVER_MS = Number.MAX_SAFE_INTEGER;

/**
 * Connections that are lent for one command each. One that is lost, or answered late, or leads to a server that
 * became a replica, is replaced by a new one.
 */
export class RedisPool implements RedisLink {
  readonly endpoint: Endpoint;
  readonly timeoutMs: number;
  readonly #options: RedisPoolOptions;
  readonly #pool: Pool<PooledConnection>;
  readonly #connections = new Set<PooledConnection>();
  /** Those that are being opened. They may know why that takes long. */
  readonly #opening = new Set<PooledConnection>();
  /** Limits the wait for a connection. generic-pool's own timers would count the time in which this process is stuck. */
  readonly #queue: Deadlines;
  readonly #whole: Deadlines;
  readonly #idleTests: NodeJS.Timeout | undefined;
  #closing: Promise<void> | undefined;

  constructor(make: ClientFactory, endpoint: Endpoint, timeoutMs: number, options: RedisPoolOptions) {
    this.endpoint = endpoint;
    this.timeoutMs = timeoutMs;
    this.#options = options;
    this.#pool = createPool<PooledConnection>(
      {
        create: async () => {
          const connection = new PooledConnection(make, endpoint, timeoutMs);
          this.#opening.add(connection);
          await connection.open(options.testOnCreate);
          this.#opening.delete(connection);
          this.#connections.add(connection);
          return connection;
        },
        destroy: async (connection) => {
          this.#connections.delete(connection);
          await connection.close();
        },
        validate: (connection) => connection.isUsable(options.testOnBorrow),
      },
      {
        max: options.maxConnections,
        min: options.minIdle,
        // generic-pool validates only with this; whether a PING is part of it is decided above.
        testOnBorrow: true,
        fifo: !options.lifo,
        autostart: false,
        ...(!this.#waits && { maxWaitingClients: 0 }),
        ...evictionOptions(options),
      },
    );
    const exhausted = (): Error => this.#exhausted();
    this.#queue = new Deadlines(this.#maxWaitMs, exhausted, exhausted);
    this.#whole = new Deadlines(
      timeoutMs,
      () => this.#late(timeoutMs),
      (error) => error as Error,
    );
    this.#idleTests = this.#scheduleIdleTests();
  }

  load(key: string, only?: readonly string[]): Promise<[Buffer[], number | undefined]> {
    return this.#use(({ commands }) => commands.load(key, only));
  }

  run(script: Script, keys: readonly string[], args: readonly Argument[]): Promise<unknown> {
    return this.#use(({ commands }, turn) => commands.run(script, keys, args, turn));
  }

  call(name: string, ...args: string[]): Promise<unknown> {
    return this.#use(({ commands }) => commands.call(name, ...args));
  }

  scan(pattern: string, place?: ScanPlace): Promise<ScanPage> {
    return this.#use(({ commands }) => commands.scan(pattern, place));
  }

  timeAt(key: string): Promise<number> {
    return this.#use(({ commands }) => commands.timeAt(key));
  }

  async callEach(name: string, ...args: string[]): Promise<unknown[]> {
    return [await this.call(name, ...args)];
  }

  async connect(): Promise<void> {
    this.#pool.start();
    await this.call('PING').catch((error: unknown) => {
      // A refusal is an answer.
      if (!isReply(error) && isOutage(error)) throw error;
    });
  }

  close(): Promise<void> {
    return (this.#closing ??= this.#close());
  }

  async #close(): Promise<void> {
    clearInterval(this.#idleTests);
    const orderly = this.#pool.drain().then(() => this.#pool.clear());
    await within(orderly, this.timeoutMs).catch(() => undefined);
    for (const connection of this.#connections) connection.abandon();
  }

  /** Waiting for a connection and for the answer together take no longer than one command may. */
  #use<T>(work: Work<T>): Promise<T> {
    let borrowed = false;
    return this.#whole.limit(
      async (turn) => {
        const connection = await this.#borrow();
        borrowed = true;
        return this.#lend(connection, work, turn);
      },
      () => (borrowed ? this.#late(this.timeoutMs) : this.#exhausted()),
    );
  }

  async #lend<T>(connection: PooledConnection, work: Work<T>, turn: Turn): Promise<T> {
    try {
      if (connection.failure !== undefined) throw storeUnavailable(connection.failure, this.endpoint);
      // Work is not begun once its caller was told that it has failed.
      if (turn.left === 0) throw this.#exhausted();
      return await work(connection, turn);
    } catch (error) {
      // The next borrower would wait behind the command that is still unanswered on it.
      if (isOutage(error)) this.#spoil(connection, error.reason === 'TIMEOUT');
      throw error;
    } finally {
      await this.#giveBack(connection);
    }
  }

  /** Where one connection is silent the others often are, too, so each is tested before it is lent again. */
  #spoil(connection: PooledConnection, isSilent: boolean): void {
    connection.spoil();
    if (!isSilent) return;
    for (const other of this.#connections) if (!this.#pool.isBorrowedResource(other)) other.suspect();
  }

  async #borrow(): Promise<PooledConnection> {
    const acquired = this.#pool.acquire();
    let waits = true;
    const handOver = (connection: PooledConnection): PooledConnection => {
      // Its borrower has given up, so it goes to the next one in the queue.
      if (!waits) void this.#giveBack(connection);
      return connection;
    };
    try {
      return await this.#queue.limit(() => acquired.then(handOver));
    } finally {
      waits = false;
    }
  }

  /** There was no answer in time. Where a connection that is being opened has a cause, the error gives that. */
  #late(milliseconds: number): Error {
    for (const { commands } of this.#opening) {
      const { cause } = commands.state;
      if (cause !== undefined && !isVague(cause)) return unavailable(this.endpoint, cause);
    }
    return noAnswer(this.endpoint, milliseconds);
  }

  /** No connection was free in time: all are lent, or could not be opened in that time. */
  #exhausted(): Error {
    const { maxConnections } = this.#options;
    if (this.#waits && this.#pool.borrowed < maxConnections) return this.#late(this.#maxWaitMs);
    const waited = this.#waits ? ` for ${this.#maxWaitMs} ms` : '';
    return unavailable(
      this.endpoint,
      cause('POOL_EXHAUSTED'),
      `All ${maxConnections} connections to Redis at ${this.endpoint.address} were in use${waited}`,
    );
  }

  async #giveBack(connection: PooledConnection): Promise<void> {
    const { maxIdle, testOnReturn } = this.#options;
    const surplus = this.#pool.available >= maxIdle && this.#pool.pending === 0;
    const usable = !surplus && (!testOnReturn || (await connection.isUsable(true)));
    await (usable && connection.isOpen ? this.#pool.release(connection) : this.#pool.destroy(connection));
  }

  get #waits(): boolean {
    return this.#options.blockWhenExhausted && this.#options.maxWaitMillis !== 0;
  }

  get #maxWaitMs(): number {
    const { maxWaitMillis } = this.#options;
    return maxWaitMillis > 0 ? Math.min(maxWaitMillis, this.timeoutMs) : this.timeoutMs;
  }

  /** A PING to idle connections in turn. One that fails is noticed when it is next borrowed. */
  #scheduleIdleTests(): NodeJS.Timeout | undefined {
    const { testWhileIdle, timeBetweenEvictionRunsMillis: interval } = this.#options;
    if (!testWhileIdle || interval <= 0) return undefined;
    const run = (): void => {
      const idle = [...this.#connections].filter((connection) => !this.#pool.isBorrowedResource(connection));
      for (const connection of idle.slice(0, testsPerRun(this.#options, idle.length))) {
        // To the end of the line.
        this.#connections.delete(connection);
        this.#connections.add(connection);
        void connection.isUsable(true).then((usable) => {
          if (!usable) connection.spoil();
        });
      }
    };
    const timer = setInterval(run, interval);
    timer.unref();
    return timer;
  }
}

/** -n means one n-th. */
function testsPerRun({ numTestsPerEvictionRun: tests }: RedisPoolOptions, connections: number): number {
  return tests < 0 ? Math.ceil(connections / -tests) : tests;
}

function evictionOptions(options: RedisPoolOptions): {
  evictionRunIntervalMillis: number;
  numTestsPerEvictionRun: number;
  idleTimeoutMillis: number;
  softIdleTimeoutMillis: number;
} {
  const { timeBetweenEvictionRunsMillis: interval, maxConnections } = options;
  // As in commons-pool2: zero and less is never.
  const orNever = (milliseconds: number): number => (milliseconds > 0 ? milliseconds : NEVER_MS);
  const tests = testsPerRun(options, maxConnections);
  return {
    evictionRunIntervalMillis: tests > 0 ? Math.max(0, interval) : 0,
    numTestsPerEvictionRun: tests,
    idleTimeoutMillis: orNever(options.minEvictableIdleTimeMillis),
    softIdleTimeoutMillis: orNever(options.softMinEvictableIdleTimeMillis),
  };
}
