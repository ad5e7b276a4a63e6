import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { RedisStore } from 'connect-redis';
import type { Redis } from 'ioredis';
import { onCleanup } from '../../support/cleanup.js';
import type { Gate } from './gate.js';

/** The secret of the application before: as such applications have them. */
export const OLD_SECRET = 'keyboard cat of the application before';

interface OldSessionObject extends Record<string, unknown> {
  passport?: { user?: string };
  regenerate(done: (error?: Error) => void): void;
  destroy(done: (error?: Error) => void): void;
}
type OldRequest = IncomingMessage & {
  session: OldSessionObject;
  body: Record<string, unknown>;
  params: { name: string };
};
type Handler = (request: OldRequest, response: ServerResponse, next: (error?: unknown) => void) => unknown;
interface OldApp {
  use(handler: unknown): void;
  get(path: string, handler: Handler): void;
  post(path: string, handler: Handler): void;
}

const require = createRequire(import.meta.url);
const express = require('express') as (() => OldApp & RequestListener) & { json(): Handler };
const expressSession = require('express-session') as (options: object) => Handler;

/** What can be asked for of {@link startOldApp}. */
export interface OldAppOptions {
  readonly secrets?: readonly string[];
  readonly maxAgeMs?: number;
  readonly prefix?: string;
  /** Where `/slow` waits before it answers, having changed the session. */
  readonly gate?: Gate;
}

/**
 * An application as they are before the move: Express, express-session, connect-redis and the client of the test. It has the
 * routes of the probe, and keeps who is logged in where Passport does.
 */
export async function startOldApp(client: Redis, options: OldAppOptions = {}): Promise<string> {
  const { secrets = [OLD_SECRET], maxAgeMs, prefix = 'sess:', gate } = options;
  const app = express();
  app.use(
    expressSession({
      secret: secrets,
      resave: false,
      saveUninitialized: false,
      store: new RedisStore({ client, prefix }),
      ...(maxAgeMs !== undefined && { cookie: { maxAge: maxAgeMs } }),
    }),
  );
  app.use(express.json());
  app.get('/session', ({ session }, response) => {
    const { cookie: _cookie, ...attributes } = session;
    answer(response, { old: true, principal: session.passport?.user, attributes });
  });
  app.post('/session', ({ session, body }, response) => {
    Object.assign(session, body);
    answer(response, {});
  });
  app.post('/slow', async ({ session }, response) => {
    session['slow'] = true;
    await gate?.pass();
    answer(response, {});
  });
  app.post('/login/:name', (request, response, next) => {
    request.session.regenerate((error) => {
      if (error) return next(error);
      request.session.passport = { user: request.params.name };
      answer(response, {});
    });
  });
  // As Passport did before 0.6, and many an application of its own: the session goes on, with somebody else or nobody.
  app.post('/become/:name', ({ session, params }, response) => {
    session.passport = { user: params.name };
    answer(response, {});
  });
  app.post('/leave', ({ session }, response) => {
    delete session.passport;
    answer(response, {});
  });
  app.post('/logout', ({ session }, response, next) => {
    session.destroy((error) => (error ? next(error) : answer(response, {})));
  });
  const server = createServer(app);
  onCleanup(() => {
    server.closeAllConnections();
    server.close();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** The value of a cookie of express-session. */
export function signedSid(sid: string, secret = OLD_SECRET): string {
  const signature = createHmac('sha256', secret).update(sid).digest('base64').replace(/=+$/, '');
  return encodeURIComponent(`s:${sid}.${signature}`);
}

/** The session id in such a value. */
export function sidIn(value: string): string {
  const plain = decodeURIComponent(value);
  return plain.slice(2, plain.lastIndexOf('.'));
}

function answer(response: ServerResponse, body: object): void {
  response.setHeader('Content-Type', 'application/json');
  response.end(JSON.stringify(body));
}
