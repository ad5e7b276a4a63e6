import { RedisStore } from 'connect-redis';
import { fastify, type FastifyPluginCallback, type FastifyRequest } from 'fastify';
import type { Redis } from 'ioredis';
import { createRequire } from 'node:module';
import { onCleanup } from '../../support/cleanup.js';
import type { Gate } from './gate.js';
import { OLD_SECRET } from './old-app.js';

/** What can be asked for of {@link startOldFastifyApp}. */
export interface OldFastifyAppOptions {
  readonly maxAgeMs?: number;
  /** Where `/slow` waits before it answers. */
  readonly gate?: Gate;
}

// Not imported: their types would give every request of these tests a session that is not ours.
const require = createRequire(import.meta.url);
const fastifyCookie = require('@fastify/cookie') as FastifyPluginCallback;
const fastifySession = require('@fastify/session') as FastifyPluginCallback<Record<string, unknown>>;

type OldSession = Record<string, unknown> & { regenerate(): Promise<void>; destroy(): Promise<void> };
const sessionOf = (request: FastifyRequest): OldSession =>
  (request as FastifyRequest & { session: OldSession }).session;

/**
 * An application on Fastify as they are before the move: @fastify/cookie, @fastify/session, connect-redis and the client of the
 * test. It has the routes of the probe, and keeps who is logged in where Passport does.
 */
export async function startOldFastifyApp(
  client: Redis,
  { maxAgeMs, gate }: OldFastifyAppOptions = {},
): Promise<string> {
  const app = fastify();
  // A tab that has nothing to say sends no body.
  app.removeContentTypeParser('application/json');
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (_request, body, done) =>
    done(null, body === '' ? {} : JSON.parse(body.toString())),
  );
  await app.register(fastifyCookie);
  await app.register(fastifySession, {
    secret: OLD_SECRET,
    store: new RedisStore({ client }),
    saveUninitialized: false,
    cookie: { secure: false, ...(maxAgeMs !== undefined && { maxAge: maxAgeMs }) },
  });
  app.get('/session', (request) => {
    const { cookie: _cookie, passport, ...rest } = sessionOf(request);
    return {
      old: true,
      principal: (passport as { user?: string } | undefined)?.user,
      attributes: { ...rest, passport },
    };
  });
  app.post('/session', (request) => {
    Object.assign(sessionOf(request), request.body);
    return {};
  });
  app.post('/slow', async () => {
    await gate?.pass();
    return {};
  });
  app.post<{ Params: { name: string } }>('/login/:name', async (request) => {
    await sessionOf(request).regenerate();
    sessionOf(request)['passport'] = { user: request.params.name };
    return {};
  });
  app.post<{ Params: { name: string } }>('/become/:name', (request) => {
    sessionOf(request)['passport'] = { user: request.params.name };
    return {};
  });
  app.post('/leave', (request) => {
    sessionOf(request)['passport'] = undefined;
    return {};
  });
  app.post('/logout', async (request) => {
    await sessionOf(request).destroy();
    return {};
  });
  onCleanup(() => {
    app.server.closeAllConnections();
    return app.close();
  });
  return app.listen({ port: 0, host: '127.0.0.1' });
}
