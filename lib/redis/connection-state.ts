import type { Redis } from 'ioredis';
import { connect, type NetConnectOpts } from 'node:net';
import { isCluster, type RedisClient } from './client.js';
import {
  cause,
  causeOf,
  causeOfReply,
  isVague,
  telling,
  unavailable,
  type Cause,
  type Endpoint,
} from './failure.js';

/** What the owner of a connection may want to hear of it. */
export interface ConnectionEvents {
  /** The connection cannot be used: an attempt to open it failed, or a command broke with it. May be called more than once. */
  readonly failed?: ((cause: Cause) => void) | undefined;
  /** It is open, and in the database that was asked for. */
  readonly ready?: (() => void) | undefined;
}

/** What ioredis's errors carry of the command that was refused. */
type CommandError = Error & { readonly command?: { readonly name?: string | undefined } | undefined };

/** How long a server that hangs up is listened to. One that gives a reason gives it at once. */
const PATIENCE_MS = 250;
/** Least time between two attempts to select a database that could not be selected. */
const RESELECT_INTERVAL_MS = 250;

/**
 * Whether commands can be sent on a client's connection now, and if not, why. From the loss of a connection to the end of the first
 * attempt to open it again, the state is undecided: a command that was not sent yet waits for that, so that no request fails
 * where a server or a proxy closes idle connections.
 *
 * The cause is the one that the server or the system gave. ioredis rejects commands with words of its own, shows a refusal
 * that came before the handshake as a broken pipe, and stays in database 0 where another one cannot be selected.
 */
export class ConnectionState {
  readonly #client: RedisClient;
  readonly #endpoint: Endpoint;
  readonly #events: ConnectionEvents;
  #phase: 'undecided' | 'ready' | 'failed' = 'undecided';
  /** Why the attempt under way has failed, or the connection was lost, as far as is known yet. */
  #found: Cause | undefined;
  #cause: Cause | undefined;
  /** Why the sentinels named no master when they were asked last. */
  #sentinels: Cause | undefined;
  /** Of a cluster: why its nodes were of no use in the attempt under way, by their names. */
  readonly #nodes = new Map<string, Cause>();
  #isInDatabase = true;
  #reselectedAt = -Infinity;
  /** The next close was caused here, and is no failure. */
  #isForgiven = false;
  /** The address that the attempt under way has reached. */
  #peer: NetConnectOpts | undefined;
  #isAsking = false;
  #waiting: { readonly decided: Promise<void>; readonly decide: (error?: Error) => void } | undefined;

  constructor(client: RedisClient, endpoint: Endpoint, events: ConnectionEvents = {}) {
    this.#client = client;
    this.#endpoint = endpoint;
    this.#events = events;
    if (client.status === 'ready') this.#phase = 'ready';
    // Also keeps ioredis from printing errors, which hold commands, on its own.
    client.on('error', (error: CommandError) => this.#erred(error));
    client.on('node error', (error: unknown, name: string) => {
      const found = causeOf(error);
      this.#nodes.set(name, telling(this.#nodes.get(name), found));
      this.#note(found);
    });
    client.on('loading', () => this.#note(cause('LOADING')));
    client.on('sentinelError', (error: unknown) => this.#sentinelErred(error));
    client.on('connecting', () => {
      this.#found = undefined;
      this.#peer = undefined;
      this.#nodes.clear();
    });
    client.on('connect', () => this.#connected());
    client.on('ready', () => this.#opened());
    client.on('close', () => this.#closed());
    client.on('end', () => {
      if (this.#phase !== 'ready') this.#attemptFailed();
    });
  }

  /** Why nothing can be sent; undefined while it can, or while that is not known. */
  get cause(): Cause | undefined {
    if (this.#phase === 'ready') return undefined;
    return this.#phase === 'failed' ? this.#cause : this.#found;
  }

  get isReady(): boolean {
    return this.#phase === 'ready' && this.#client.status === 'ready' && this.#isWritable;
  }

  /** The connection was lost, and whether it can be opened again is not known yet. */
  get isUndecided(): boolean {
    return this.#phase === 'undecided';
  }

  /** Undefined: commands can be sent. Else settles once that is known, and rejects with why they cannot. */
  ready(): Promise<void> | undefined {
    if (this.isReady) return undefined;
    if (this.#phase === 'failed') {
      if (!this.#isInDatabase) this.reselect();
      return Promise.reject(this.#failure());
    }
    return (this.#waiting ??= waiting()).decided;
  }

  /** The connection is wanted, which was not open yet or had been given up. */
  begin(): void {
    if (this.#phase === 'failed') this.#phase = 'undecided';
  }

  /**
   * Asks for the database that the client is meant to be in; resolves once that is known. A client that was connected by
   * somebody else may not be there.
   */
  async select(): Promise<void> {
    const database = databaseOf(this.#client);
    if (database === 0) return;
    try {
      await (this.#client as Redis).select(database);
      if (this.#isInDatabase) return;
      this.#isInDatabase = true;
      this.#opened();
    } catch (error) {
      this.#misplaced(causeOf(error));
      this.#fail();
    }
  }

  /** Selects in the background, at most once each {@link RESELECT_INTERVAL_MS}. */
  reselect(): void {
    const now = performance.now();
    if (this.#client.status !== 'ready' || now - this.#reselectedAt < RESELECT_INTERVAL_MS) return;
    this.#reselectedAt = now;
    void this.select();
  }

  /** Always on a cluster, whose nodes have streams of their own. */
  get #isWritable(): boolean {
    return isCluster(this.#client) || this.#client.stream.writable;
  }

  #failure(): Error {
    return unavailable(this.#endpoint, this.#cause ?? cause('CONNECTION_LOST'));
  }

  /** Keeps the cause that tells more: that a connection broke tells least. */
  #note(found: Cause): void {
    this.#found = telling(this.#found, found);
  }

  #erred(error: CommandError): void {
    const found = causeOf(error);
    const command = error.command?.name?.toLowerCase();
    if (command === 'select') return this.#misplaced(found);
    if (command === 'info' && found.reason === 'UNKNOWN_COMMAND') return this.#withoutReadyCheck();
    if (this.#sentinels !== undefined && error.message.startsWith('All sentinels'))
      this.#note(this.#sentinels);
    this.#note(found);
    // With sentinels no close follows.
    if (this.#phase !== 'ready') this.#attemptFailed();
  }

  /** Sessions do not need INFO: what ioredis wants to know by it, whether the server loads its data, each command is told. */
  #withoutReadyCheck(): void {
    (this.#client.options as { enableReadyCheck?: boolean }).enableReadyCheck = false;
    this.#isForgiven = true;
  }

  /** "failed to connect to sentinel … because …", or "…, but got an invalid reply: null". */
  #sentinelErred(error: unknown): void {
    const { message } = error as Error;
    const why = message.split(' because ')[1];
    if (why === undefined || why.includes('No such master'))
      this.#sentinels = cause('SENTINEL_MASTER_UNKNOWN');
    else if (/^(NOAUTH|WRONGPASS|NOPERM)/.test(why)) {
      this.#sentinels = cause('SENTINEL_AUTH', `${why.split(' ')[0] ?? ''} from a sentinel`);
    } else this.#sentinels ??= cause('SENTINELS_UNREACHABLE');
  }

  #connected(): void {
    this.#isInDatabase = true;
    if (isCluster(this.#client) || this.#endpoint.tls === true) return;
    const { path, host, port, sentinels } = this.#client.options;
    const { remoteAddress, remotePort } = this.#client.stream;
    if (path !== undefined && path !== null) this.#peer = { path };
    else if (remoteAddress !== undefined && remotePort !== undefined) {
      this.#peer = { host: remoteAddress, port: remotePort };
      // One that has been reset by now has no remote address.
    } else if (!sentinels && host !== undefined && port !== undefined) this.#peer = { host, port };
  }

  /** An attempt has failed. Where the server hung up during the handshake, it is asked why. */
  #attemptFailed(): void {
    if (this.#isForgiven || this.#isAsking) return;
    const hungUp = this.#found === undefined || ['EPIPE', 'ECONNRESET'].includes(this.#found.reason);
    if (this.#peer === undefined || !hungUp) return this.#fail();
    const found = this.#found;
    this.#isAsking = true;
    void lastWordsOf(this.#peer).then((words) => {
      this.#isAsking = false;
      if (this.#phase === 'ready') return;
      this.#found = words ?? found;
      this.#fail();
    });
  }

  #misplaced({ words }: Cause): void {
    this.#isInDatabase = false;
    const what = `database ${databaseOf(this.#client)} cannot be selected (${words})`;
    this.#found = cause('DATABASE_NOT_SELECTED', what);
  }

  #opened(): void {
    this.#isForgiven = false;
    this.#peer = undefined;
    if (!this.#isInDatabase) return this.#fail();
    this.#phase = 'ready';
    this.#sentinels = undefined;
    this.#found = undefined;
    this.#settle();
    this.#events.ready?.();
  }

  #closed(): void {
    if (this.#phase === 'ready') this.#phase = 'undecided';
    else this.#attemptFailed();
    this.#isForgiven = false;
  }

  #fail(): void {
    this.#phase = 'failed';
    this.#cause = this.#ofAllNodes() ?? this.#found ?? cause('CONNECTION_LOST');
    this.#sentinels = undefined;
    this.#settle(this.#failure());
    this.#events.failed?.(this.#cause);
  }

  /** The cause for a cluster none of whose nodes answers, where no better cause is known. A slow cluster is asked again instead. */
  #ofAllNodes(): Cause | undefined {
    const known = this.#found;
    if (!isCluster(this.#client) || (known && (!isVague(known) || known.reason === 'TIMEOUT')))
      return undefined;
    const each = [...this.#nodes].map(([name, { reason, words }]) =>
      reason === 'CONNECTION_LOST' ? name : `${name} (${words})`,
    );
    return cause(
      'CLUSTER_DOWN',
      `no node of the cluster answers: ${each.join(', ') || 'none could be asked'}`,
    );
  }

  #settle(error?: Error): void {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    waiting?.decide(error);
  }
}

/** The database that a client is meant to be in; a cluster has no other than 0. */
function databaseOf(client: RedisClient): number {
  return isCluster(client) ? 0 : (client.options.db ?? 0);
}

function waiting(): { decided: Promise<void>; decide: (error?: Error) => void } {
  let decide: (error?: Error) => void = () => undefined;
  const decided = new Promise<void>((resolve, reject) => {
    decide = (error) => (error === undefined ? resolve() : reject(error));
  });
  // Nobody may be waiting any more.
  decided.catch(() => undefined);
  return { decided, decide };
}

/**
 * Why a server hangs up, if it says so: one that has too many clients answers a new one before it is asked anything, and
 * closes. Whoever writes to it meanwhile, as every client does, gets a broken pipe and never reads the answer, so this
 * one only listens. Never rejects.
 */
function lastWordsOf(address: NetConnectOpts): Promise<Cause | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ ...address, timeout: PATIENCE_MS });
    const done = (words?: Cause): void => {
      socket.destroy();
      resolve(words);
    };
    socket.once('data', (bytes) => {
      const [, refusal] = /^-([^\r\n]{1,200})/.exec(bytes.toString('latin1')) ?? [];
      done(refusal === undefined ? undefined : causeOfReply(refusal));
    });
    for (const end of ['error', 'timeout', 'close']) socket.once(end, () => done());
  });
}
