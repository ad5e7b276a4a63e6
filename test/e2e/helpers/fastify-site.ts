import { Controller, Get } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import {
  RedisSessionModule,
  Session,
  SessionService,
  type HttpSession,
  type SessionEvent,
  type SessionModuleOptions,
} from 'nestjs-redis-session';
import {
  fastifySession,
  type AnyFastifySession,
  type FastifySessionOptions,
} from 'nestjs-redis-session/fastify';
import { LogSink, startApp, type StartedApp } from '../../support/apps.js';
import type { Browser, BrowserResponse } from '../../support/cookie-jar.js';

/** Fastify's own instance, behind the adapter. */
export type FastifyInstance = ReturnType<ReturnType<NestFastifyApplication['getHttpAdapter']>['getInstance']>;

/** A request with what the plugin puts on it. */
export interface SessionRequest {
  readonly raw: object;
  session: AnyFastifySession;
  sessionStore: unknown;
}

/** What a handler answers with, beside what it resolves to. */
export interface Reply {
  code(status: number): unknown;
}

/** A handler of Fastify: resolves to what is to be answered as JSON. */
export type Handler<R> = (request: SessionRequest, reply: Reply) => R | Promise<R>;

/** An application on Fastify with `fastifySession`, which does whatever a test says. */
export interface FastifySite extends StartedApp {
  readonly log: LogSink;
  readonly events: SessionEvent[];
  /** One request. Rejects with what the handler threw, or when the answer is no success. */
  readonly visit: <R>(browser: Browser, use: Handler<R>) => Promise<{ response: BrowserResponse; result: R }>;
  /** What `@Session()` has. */
  readonly seenByNest: (browser: Browser) => Promise<{ attributes: object; principal?: string; id: string }>;
}

/** What else the application has. */
export interface SiteExtras {
  readonly fastify?: FastifySessionOptions | undefined;
  /** Between the plugin and the handlers. */
  readonly plugins?: ((app: NestFastifyApplication) => Promise<void>) | undefined;
  /** Before the plugin. */
  readonly before?: ((app: NestFastifyApplication) => Promise<void>) | undefined;
}

/** Starts one. */
export async function startFastifySite(
  options: SessionModuleOptions,
  { fastify, plugins, before }: SiteExtras = {},
): Promise<FastifySite> {
  const handlers = new Map<string, Handler<unknown>>();
  let visits = 0;

  @Controller()
  class SeenController {
    @Get('seen-by-nest')
    seen(@Session() session: HttpSession): object {
      return { attributes: { ...session }, principal: session.principal, id: session.id };
    }
  }

  const log = new LogSink();
  const events: SessionEvent[] = [];
  const module = { imports: [RedisSessionModule.forRoot(options)], controllers: [SeenController] };
  const started = await startApp('fastify', module, {
    logger: log,
    configure: async (given) => {
      const app = given as NestFastifyApplication;
      await before?.(app);
      await app.register(fastifySession(app, fastify));
      await plugins?.(app);
      app
        .getHttpAdapter()
        .getInstance()
        .get('/anywhere', async (request, reply) => {
          const handler = handlers.get(String(request.headers['x-visit']));
          return JSON.stringify(await handler?.(request as unknown as SessionRequest, reply)) ?? '';
        });
      app.get(SessionService).events.subscribe((event) => events.push(event));
    },
  });
  return {
    ...started,
    log,
    events,
    visit: async <R>(browser: Browser, use: Handler<R>) => {
      const id = String((visits += 1));
      const outcome: { result?: R; error?: unknown } = {};
      handlers.set(id, async (request, reply) => {
        try {
          return (outcome.result = await use(request, reply));
        } catch (error) {
          outcome.error = error;
          throw error;
        }
      });
      const response = await browser.get(`${started.url}/anywhere`, { headers: { 'x-visit': id } });
      handlers.delete(id);
      if ('error' in outcome) throw outcome.error;
      if (response.status !== 200)
        throw new Error(`A visit was answered ${response.status}: ${response.text}`);
      return { response, result: outcome.result as R };
    },
    seenByNest: async (browser) => (await browser.get(`${started.url}/seen-by-nest`)).json(),
  };
}
