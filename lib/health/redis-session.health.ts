import { Inject, Injectable, Module } from '@nestjs/common';
import { HealthIndicatorService, TerminusModule, type HealthIndicatorResult } from '@nestjs/terminus';
import type { SessionBackend } from '../stores/backend.js';
import { SessionLifecycle } from '../nest/session.lifecycle.js';
import { SESSION_BACKEND } from '../nest/tokens.js';

/**
 * Reports whether sessions can be served, and with which configuration.
 *
 * @example
 * check() { return this.health.check([() => this.sessions.isHealthy('sessions')]); }
 */
@Injectable()
export class RedisSessionHealthIndicator {
  readonly #indicator: HealthIndicatorService;
  readonly #backend: SessionBackend;
  readonly #lifecycle: SessionLifecycle;

  constructor(
    @Inject(HealthIndicatorService) indicator: HealthIndicatorService,
    @Inject(SESSION_BACKEND) backend: SessionBackend,
    @Inject(SessionLifecycle) lifecycle: SessionLifecycle,
  ) {
    this.#indicator = indicator;
    this.#backend = backend;
    this.#lifecycle = lifecycle;
  }

  /**
   * Up with the store's kind, topology, latency and, for Redis, role, how many keys it has evicted and which nodes of a
   * cluster do not serve, and the configuration banner; down with the cause. Redis is asked what requests ask of it: a read
   * and a script. Never throws, and answers within the command timeout. Holds no secret.
   */
  async isHealthy<Key extends string>(key: Key): Promise<HealthIndicatorResult<Key>> {
    const check = this.#indicator.check(key);
    const { banner } = this.#lifecycle;
    try {
      const { kind, topology, role, latencyMs, evictedKeys, unreachable } =
        await this.#backend.store.health();
      return check.up({
        store: kind,
        topology,
        ...(role !== undefined && { role }),
        ...(evictedKeys !== undefined && { evictedKeys }),
        ...(unreachable !== undefined && { unreachable }),
        latencyMs,
        banner,
      });
    } catch (error) {
      return check.down({ message: error instanceof Error ? error.message : 'unknown failure', banner });
    }
  }
}

/** Provides {@link RedisSessionHealthIndicator}. Needs RedisSessionModule, global as it is by default. */
@Module({
  imports: [TerminusModule],
  providers: [RedisSessionHealthIndicator],
  exports: [RedisSessionHealthIndicator],
})
export class RedisSessionHealthModule {}
