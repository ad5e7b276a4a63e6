import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { SessionModuleOptions } from 'nestjs-redis-session';
import {
  fastifySession,
  type AnyFastifySession,
  type FastifySessionOptions,
} from 'nestjs-redis-session/fastify';
import { startSite, type Site } from './site.js';

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

/** An application on Fastify with `fastifySession`. */
export type FastifySite = Site<SessionRequest, Reply>;

/** What else the application has. */
export interface SiteExtras {
  readonly fastify?: FastifySessionOptions | undefined;
  /** Between the plugin and the handlers. */
  readonly plugins?: ((app: NestFastifyApplication) => Promise<void>) | undefined;
  /** Before the plugin. */
  readonly before?: ((app: NestFastifyApplication) => Promise<void>) | undefined;
}

/** Starts one. */
export function startFastifySite(
  options: SessionModuleOptions,
  { fastify, plugins, before }: SiteExtras = {},
): Promise<FastifySite> {
  return startSite<SessionRequest, Reply>(options, {
    adapter: 'fastify',
    method: 'GET',
    configure: async (given, handlerOf) => {
      const app = given as NestFastifyApplication;
      await before?.(app);
      await app.register(fastifySession(app, fastify));
      await plugins?.(app);
      app
        .getHttpAdapter()
        .getInstance()
        .get('/anywhere', async (request, reply) => {
          const answer = await handlerOf(request.headers)?.(request as unknown as SessionRequest, reply);
          return JSON.stringify(answer) ?? '';
        });
    },
  });
}
