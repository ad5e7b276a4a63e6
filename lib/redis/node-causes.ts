import type { Redis } from 'ioredis';
import { isCluster, type RedisClient } from './client.js';
import { cause, causeOf, telling, type Cause } from './failure.js';

/**
 * Why nodes of a cluster could not be connected to. A command is only told that its connection was closed. A cause is
 * known from the attempt that failed until the next one begins.
 */
export class NodeCauses {
  readonly #client: RedisClient;
  readonly #found = new Map<string, Cause>();

  constructor(client: RedisClient) {
    this.#client = client;
    if (!isCluster(client)) return;
    client.on('+node', (node: Redis) => {
      const name = `${node.options.host}:${node.options.port}`;
      const forget = (): void => void this.#found.delete(name);
      forget();
      node.on('loading', () => this.#found.set(name, cause('LOADING')));
      node.on('ready', forget);
    });
    client.on('node error', (error: unknown, name: string) => {
      this.#found.set(name, telling(this.#found.get(name), causeOf(error)));
    });
  }

  /** @param name What the cluster calls the node. */
  of(name: string): Cause | undefined {
    if (this.#found.size === 0 || !isCluster(this.#client)) return undefined;
    const { natMap } = this.#client.options;
    const there = typeof natMap === 'function' ? natMap(name) : natMap?.[name];
    return this.#found.get(there ? `${there.host}:${there.port}` : name);
  }
}
