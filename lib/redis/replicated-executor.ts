import type { SessionStoreUnavailableError } from '../core/errors.js';
import { within } from './deadline.js';
import { DEADLINE_MARGIN_MS } from './commands.js';
import type { RedisConnection } from './connection.js';
import { ForwardingExecutor, type Argument, type RedisExecutor } from './executor.js';
import { cause, noAnswer, storeUnavailable, unavailable } from './failure.js';
import { MARK_POINT, type Script } from './script.js';

/**
 * What of the command timeout replicas get; the rest is for the way there and back, and for Redis, which looks only
 * every 100 ms whether a WAIT has taken too long.
 */
function timeOfReplicas(timeoutMs: number): number {
  return Math.ceil(Math.max(timeoutMs / 4, Math.min(timeoutMs * 0.8, timeoutMs - 150)));
}

/** A script that somebody waits for. */
interface Order {
  readonly script: Script;
  readonly keys: readonly string[];
  readonly args: readonly Argument[];
  /** When somebody stops to wait for it, by this process's monotonic clock. */
  readonly until: number;
  readonly done: (reply: unknown) => void;
  readonly failed: (error: Error) => void;
}

/** Of a pipeline: an error or a reply for each command. */
type Replies = readonly (readonly [Error | null, unknown])[];

/**
 * Runs scripts, and answers only when enough replicas have what they wrote. WAIT asks for the writes of its own
 * connection and blocks everybody behind it there, so this has a connection of its own, and each script goes
 * down the same socket as its WAIT: after a failover in between it would be asked of a master that never saw the script.
 * What arrives while one WAIT is under way shares the next.
 */
export class ReplicatedExecutor extends ForwardingExecutor {
  protected readonly inner: RedisConnection;
  readonly #replicas: number;
  readonly #point: string;
  #orders: Order[] = [];
  #busy = false;

  /** @param point A key that nobody uses, within what the Redis user may touch. */
  constructor(connection: RedisConnection, replicas: number, point: string) {
    super();
    this.inner = connection;
    this.#replicas = replicas;
    this.#point = point;
  }

  /** Rejects with SessionStoreUnavailableError where too few replicas have it in time; the master may have it then. */
  override run(script: Script, keys: readonly string[], args: readonly Argument[]): Promise<unknown> {
    const reply = new Promise<unknown>((done, failed) => {
      this.#orders.push({ script, keys, args, done, failed, until: performance.now() + this.timeoutMs });
    });
    this.#work();
    return within(reply, this.timeoutMs, () => noAnswer(this.endpoint, this.timeoutMs));
  }

  #work(): void {
    if (this.#busy || this.#orders.length === 0) return;
    this.#busy = true;
    const orders = this.#orders;
    this.#orders = [];
    void this.#serve(orders).finally(() => {
      this.#busy = false;
      this.#work();
    });
  }

  /** Never rejects. */
  async #serve(orders: readonly Order[]): Promise<void> {
    try {
      this.#settle(orders, await this.#send(orders));
    } catch (error) {
      for (const { failed } of orders) failed(storeUnavailable(error, this.endpoint));
    }
  }

  async #send(orders: readonly Order[]): Promise<Replies> {
    await this.inner.ready();
    const now = await this.inner.timeAt(this.#point);
    const pipeline = this.inner.client.pipeline();
    const bounded = orders.map((order) => ({ ...order, args: withDeadline(order, now) }));
    for (const { script, keys, args } of [
      ...bounded,
      { script: MARK_POINT, keys: [this.#point], args: [] },
    ]) {
      // In full: that a server does not know a script would be learnt only after the WAIT.
      pipeline.call('EVAL', script.lua, keys.length, ...keys, ...args);
    }
    pipeline.call('WAIT', this.#replicas, timeOfReplicas(this.timeoutMs));
    const sent = pipeline.exec().then((replies) => replies as Replies);
    return within(sent, this.timeoutMs, () => noAnswer(this.endpoint, this.timeoutMs));
  }

  #settle(orders: readonly Order[], replies: Replies): void {
    const [markFailure] = replies[orders.length] ?? [];
    const [waitFailure, confirmations] = replies[orders.length + 1] ?? [];
    orders.forEach(({ done, failed }, at) => {
      const [failure, reply] = replies[at] ?? [];
      // A full Redis marks no point. What the script itself removed stands in the stream all the same.
      const error = failure ?? waitFailure ?? (hasWritten(reply) ? undefined : markFailure);
      if (error) failed(storeUnavailable(error, this.endpoint));
      else if (Number(confirmations) >= this.#replicas) done(reply);
      else failed(this.#unconfirmed(Number(confirmations)));
    });
  }

  #unconfirmed(confirmations: number): SessionStoreUnavailableError {
    return unavailable(
      this.endpoint,
      cause('NOT_REPLICATED'),
      `The end of a session was confirmed by ${confirmations} replicas of Redis at ${this.endpoint.address} in time, and ` +
        `REDIS_SESSION_LOGOUT_CONFIRMED_BY_REPLICAS asks for ${this.#replicas}`,
    );
  }
}

/** The deadline goes in front, see {@link Script}. @param now The server's time. */
function withDeadline({ script, args, until }: Order, now: number): readonly Argument[] {
  if (!script.hasDeadline) return args;
  return [Math.floor(now + until - performance.now()) - DEADLINE_MARGIN_MS, ...args];
}

/** Of the reply of an end: whether it removed anything. One that came too late did not, and says so itself. */
function hasWritten(reply: unknown): boolean {
  if (!Array.isArray(reply)) return Number(reply) > 0;
  const [status, , removed] = reply.map(Number);
  return status !== 1 || Number(removed) > 0;
}

/** Sends the ends of sessions where they are confirmed, and everything else the usual way. */
export class EndsApart extends ForwardingExecutor {
  protected readonly inner: RedisExecutor;
  readonly #ends: RedisExecutor;
  readonly #end: Script;

  constructor(usual: RedisExecutor, ends: RedisExecutor, end: Script) {
    super();
    this.inner = usual;
    this.#ends = ends;
    this.#end = end;
  }

  override run(script: Script, keys: readonly string[], args: readonly Argument[]): Promise<unknown> {
    return (script === this.#end ? this.#ends : this.inner).run(script, keys, args);
  }
}
