import {
  Inject,
  Injectable,
  Logger,
  type BeforeApplicationShutdown,
  type OnApplicationShutdown,
  type OnModuleDestroy,
  type OnModuleInit,
} from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { setImmediate as nextTurn, setTimeout as delay } from 'node:timers/promises';
import { bannerLines, successLine } from '../config/banner.js';
import type { SessionSettings } from '../config/settings.js';
import { within } from '../redis/deadline.js';
import type { SessionBackend } from '../stores/backend.js';
import { assertDeferrable } from '../http/deferred-response.js';
import { ConnectionDrain } from '../http/connection-drain.js';
import { rememberHandshake } from './context/handshake.js';
import { beforeUpgrades } from '../http/upgrades.js';
import { rememberResponse } from './raw-http.js';
import { registerService, unregisterService } from './registry.js';
import type { SessionEventStream } from './session-events.js';
import { isOwn, SessionService } from './session.service.js';
import { GLOBAL_INTERCEPTOR, SESSION_BACKEND, SESSION_EVENTS, SESSION_SETTINGS } from './tokens.js';

/** How long requests that were sent before the signal may take to arrive. */
const ARRIVAL_MS = 100;

/** What the module does when the application starts and stops. */
@Injectable()
export class SessionLifecycle
  implements OnModuleInit, OnModuleDestroy, BeforeApplicationShutdown, OnApplicationShutdown
{
  readonly #logger = new Logger('RedisSessionModule');
  readonly #settings: SessionSettings;
  readonly #backend: SessionBackend;
  readonly #events: SessionEventStream;
  readonly #service: SessionService;
  readonly #host: HttpAdapterHost;
  readonly #globalInterceptor: boolean;
  #drain: ConnectionDrain | undefined;
  #stopped = false;

  constructor(
    @Inject(SESSION_SETTINGS) settings: SessionSettings,
    @Inject(SESSION_BACKEND) backend: SessionBackend,
    @Inject(SESSION_EVENTS) events: SessionEventStream,
    @Inject(SessionService) service: SessionService,
    @Inject(HttpAdapterHost) host: HttpAdapterHost,
    @Inject(GLOBAL_INTERCEPTOR) globalInterceptor: boolean,
  ) {
    this.#settings = settings;
    this.#backend = backend;
    this.#events = events;
    this.#service = service;
    this.#host = host;
    this.#globalInterceptor = globalInterceptor;
  }

  /** What the module logs at boot, for health checks and status pages. */
  get banner(): string[] {
    return bannerLines(
      this.#settings,
      this.#globalInterceptor
        ? 'RedisSessionInterceptor attached to every HTTP handler, the deferred response behind it'
        : 'The deferred response attached to every HTTP request with a session, no interceptor',
    );
  }

  /**
   * Connects before anything is served: an application whose sessions cannot be stored does not start, unless the
   * settings say otherwise.
   */
  async onModuleInit(): Promise<void> {
    assertDeferrable();
    this.#attach();
    const { usesRedis, redis } = this.#settings;
    // Within the time of a few commands it is known how the banner ends. Where Redis may take longer, the banner tells first
    // what is waited for.
    const mustBeThere = usesRedis && redis.startup === 'fail';
    if (!mustBeThere) this.#announce();
    const connected = this.#connect(mustBeThere);
    if (mustBeThere || redis.startup !== 'background') await connected;
  }

  /** The first of the hooks: requests are still accepted, and may take as long as they like. */
  onModuleDestroy(): void {
    this.#drain?.begin();
  }

  /**
   * The last of the hooks in which requests are accepted. A balancer has taken this node out before the signal, but what
   * it sent until then may still be on its way: connections that nobody has accepted are lost when the server closes.
   */
  async beforeApplicationShutdown(signal?: string): Promise<void> {
    if (this.#drain !== undefined && signal !== undefined) await delay(ARRIVAL_MS);
  }

  /**
   * The last of the hooks: all requests have been answered. What was begun outside of them (a job's save, one that
   * nobody awaits) may take as long as a command may; then Redis is closed.
   */
  async onApplicationShutdown(): Promise<void> {
    this.#stopped = true;
    await this.#drain?.end();
    // Of a stream that was broken off, what was cleaned up at its close is looked at in the turn after that.
    await nextTurn();
    await this.#unfinished();
    unregisterService(this.#service);
    this.#events.close();
    await this.#backend.store.close();
  }

  /** Never rejects. */
  async #unfinished(): Promise<void> {
    const { timeoutMs } = this.#settings.redis;
    if (!isOwn(this.#service)) return;
    await within(this.#service.idle(), timeoutMs).catch(() => {
      this.#logger.warn(
        `Operations of sessions were still under way ${timeoutMs} ms after the last request and are given up. ` +
          'Await what jobs do with sessions in a beforeApplicationShutdown hook.',
      );
    });
  }

  /** One entry of several lines, which no other's lines come between, and what an operator should look at. */
  #announce(success?: string): void {
    this.#logger.log([...this.banner, ...(success === undefined ? [] : [success])].join('\n'));
    for (const warning of this.#settings.warnings) this.#logger.warn(warning);
  }

  async #connect(announces: boolean): Promise<void> {
    try {
      await this.#backend.connect();
    } catch (error) {
      if (announces) this.#announce();
      // Where main() lets it pass, Node prints it with the line of source it was thrown at, and no logger sees it.
      this.#logger.error(error instanceof Error ? error.message : 'unknown failure');
      throw error;
    }
    const success = this.#settings.usesRedis && !this.#stopped ? successLine(this.#settings) : undefined;
    if (announces) this.#announce(success);
    else if (success !== undefined) this.#logger.log(success);
  }

  #attach(): void {
    // None in an application context without HTTP, where sessions can still be opened by id.
    const adapter = this.#host.httpAdapter as HttpAdapterHost['httpAdapter'] | null | undefined;
    if (adapter === undefined || adapter === null) return;
    const server = adapter.getHttpServer() as Server;
    registerService([adapter.getInstance<object>(), server], this.#service);
    beforeUpgrades(server, rememberHandshake);
    this.#drain = ConnectionDrain.of(server);
    // Fastify leaves them as Node makes them, where a property can be added at any time.
    const prepares = adapter.getType() !== 'fastify' && isOwn(this.#service);
    server.prependListener('request', (request: IncomingMessage, response: ServerResponse) => {
      rememberResponse(request, response);
      if (prepares) this.#service.prepare(request, response);
    });
  }
}
