import { Inject, Injectable, Logger, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { bannerLines, successLine } from '../config/banner.js';
import type { ResolvedSettings } from '../config/settings.js';
import type { SessionBackend } from './backend.js';
import { rememberResponse } from './raw-http.js';
import { registerService } from './registry.js';
import type { SessionEventStream } from './session-events.js';
import { SessionService } from './session.service.js';
import { GLOBAL_INTERCEPTOR, SESSION_BACKEND, SESSION_EVENTS, SESSION_SETTINGS } from './tokens.js';

/** What the module does when the application starts and stops. */
@Injectable()
export class SessionLifecycle implements OnModuleInit, OnApplicationShutdown {
  readonly #logger = new Logger('RedisSessionModule');
  readonly #settings: ResolvedSettings;
  readonly #backend: SessionBackend;
  readonly #events: SessionEventStream;
  readonly #service: SessionService;
  readonly #host: HttpAdapterHost;
  readonly #globalInterceptor: boolean;
  #stopped = false;

  constructor(
    @Inject(SESSION_SETTINGS) settings: ResolvedSettings,
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
        ? 'RedisSessionInterceptor attached to every HTTP handler, the response hold behind it'
        : 'The response hold attached to every HTTP response with a session, no interceptor',
    );
  }

  /**
   * Connects before anything is served: an application whose sessions cannot be stored does not start, unless the
   * settings say otherwise.
   */
  async onModuleInit(): Promise<void> {
    this.#attach();
    for (const line of this.banner) this.#logger.log(line);
    for (const note of this.#settings.notes) this.#logger.warn(note);
    const connected = this.#connect();
    if (this.#settings.redis.startup !== 'background') await connected;
  }

  /** The last of the hooks: during those before it requests may still be in flight. */
  async onApplicationShutdown(): Promise<void> {
    this.#stopped = true;
    this.#events.close();
    await this.#backend.store.close();
  }

  async #connect(): Promise<void> {
    await this.#backend.connect();
    if (this.#settings.enabled && !this.#stopped) this.#logger.log(successLine(this.#settings));
  }

  #attach(): void {
    // None in an application context without HTTP, where sessions can still be opened by id.
    const adapter = this.#host.httpAdapter as HttpAdapterHost['httpAdapter'] | null | undefined;
    if (adapter === undefined || adapter === null) return;
    registerService(adapter.getInstance<object>(), this.#service);
    // Express links a request to its response itself; Fastify's middleware gets them without a link.
    if (adapter.getType() !== 'fastify') return;
    const server = adapter.getHttpServer() as Server;
    server.prependListener('request', (request: IncomingMessage, response: ServerResponse) =>
      rememberResponse(request, response),
    );
  }
}
