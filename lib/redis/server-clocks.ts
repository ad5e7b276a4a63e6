import type { Redis } from 'ioredis';
import { isCluster, type RedisClient } from './client.js';
import { ServerClock } from './server-clock.js';

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
    // Of all of them, which is asked for sooner than told: which of a cluster's addresses the connection led to.
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
