import type { Redis } from 'ioredis';
import { isCluster, type RedisClient } from './client.js';

/**
 * What time it is for one Redis server, without asking: its answers, and what this process's monotonic clock has counted
 * since. The wall clock of the node is never used, so that it may be wrong.
 *
 * A reply that says "it was `now`" was made some time between the question and the moment it is read, so it bounds the
 * difference between the two clocks from both sides. What is known moves only as far as such a bound demands: a reply that
 * is read late, because the network or this process stood still, has a low lower bound, which demands nothing. What is kept
 * is the newest time that a reply has proven, never one ahead of the server's; and where the server's clock is set back,
 * or runs slower than ours, the upper bound brings it back with the next reply.
 */
export class ServerClock {
  readonly #elapsed: () => number;
  #offset: number | undefined;

  /** @param elapsed A monotonic clock, in milliseconds. */
  constructor(elapsed: () => number = () => performance.now()) {
    this.#elapsed = elapsed;
  }

  /**
   * Takes in a reply that was just read.
   * @param now What it says, epoch milliseconds.
   * @param askedAt When it was asked for, by the monotonic clock.
   */
  observe(now: number, askedAt: number): void {
    const least = now - this.#elapsed();
    // A time in whole milliseconds may be one behind.
    const most = now + 1 - askedAt;
    if (this.#offset === undefined || this.#offset < least || this.#offset > most) this.#offset = least;
  }

  /** Epoch milliseconds; undefined before the first answer. */
  get now(): number | undefined {
    return this.#offset === undefined ? undefined : Math.floor(this.#offset + this.#elapsed());
  }
}

/**
 * A clock for each server that a client speaks to: the masters of a cluster do not agree about the time. What is behind
 * an address may be another server after a connection was lost (a failover, a restart), so that its time is asked anew.
 */
export class ServerClocks {
  #clocks = new Map<string | undefined, ServerClock>();

  constructor(client: RedisClient) {
    const forget = (): void => this.#clocks.clear();
    if (!isCluster(client)) {
      client.on('close', forget);
      return;
    }
    // The clocks of all nodes: which address of the cluster the connection led to is not known here, and asking again is cheap.
    const watch = (node: Redis): void => void node.on('close', forget);
    client.nodes().forEach(watch);
    client.on('+node', watch);
  }

  /** @param server As the cluster calls it; undefined: the only one. */
  of(server: string | undefined): ServerClock {
    const known = this.#clocks.get(server);
    if (known !== undefined) return known;
    const clock = new ServerClock();
    this.#clocks.set(server, clock);
    return clock;
  }
}
