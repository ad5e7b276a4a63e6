import type { IncomingMessage, ServerResponse } from 'node:http';
import { SessionUsageError } from '../core/errors.js';
import type { HttpSession } from '../core/members.js';
import { RequestSlot } from '../http/request-slot.js';
import { pluginParts, type PluginWords, type ViewedApplication } from '../views/plugin.js';
import { RequestView } from '../views/request-view.js';
import { FASTIFY_INTERFACE } from './interface.js';
import type { AnyFastifySession, FastifySessionOptions } from './types.js';

/** A Fastify plugin, as `app.register()` and Fastify's own `register()` take it. */
export type FastifySessionPlugin = (
  instance: object,
  options: unknown,
  done: (error?: Error) => void,
) => void;

/** What there is of a Fastify instance. */
interface Instance {
  hasRequestDecorator(name: string): boolean;
  decorateRequest(
    name: string,
    property: { getter: (this: Request) => unknown; setter?: (this: Request, value: unknown) => void },
  ): unknown;
  addHook(name: 'onRequest', hook: (request: Request, reply: Reply) => Promise<void>): unknown;
}

interface Request {
  readonly raw: IncomingMessage;
  readonly protocol: string;
}

interface Reply {
  readonly raw: ServerResponse;
}

/** What @fastify/session is told in code, and where ours is told the same. */
const ELSEWHERE = {
  algorithm: 'nothing: REDIS_SESSION_SECRETS sign with HMAC-SHA-256',
  cookie: 'REDIS_SESSION_COOKIE_…',
  cookieName: 'REDIS_SESSION_COOKIE_NAME',
  cookiePrefix: 'nothing: REDIS_SESSION_COOKIE_NAME names the cookie',
  idGenerator: 'nothing: tokens are 256 random bits',
  rolling: 'REDIS_SESSION_COOKIE_MAX_AGE',
  saveUninitialized: 'nothing: an empty new session is not stored, but for session.keep()',
  secret: 'REDIS_SESSION_SECRETS',
  store: 'REDIS_SESSION_URL',
};

const WORDS: PluginWords = {
  adapter: 'fastify',
  use: 'await app.register(fastifySession(app))',
  peer: { name: '@fastify/session', options: ELSEWHERE },
};

/** Decorated besides `session`: says that that is ours. */
const OURS = 'nestjs-redis-session/fastify';

const views = new RequestSlot<RequestView<AnyFastifySession>>('fastify-session');

/**
 * A plugin that puts `request.session` on each request, with the interface of @fastify/session, for @fastify/passport,
 * @fastify/csrf-protection, @fastify/flash and others that ask for that: a view of the one session of the request, which `@Session()` and
 * guards see as well. Before them: `await app.register(fastifySession(app))`. A request that comes with a session's cookie costs a
 * load of that session. Registered within a context of Fastify's, it is there for the routes of that context alone.
 *
 * A login by @fastify/passport (`request.logIn()`, `authenticate()`) is a login: what its user serializer makes of the user becomes the
 * session's principal, with a new token, before the response leaves.
 * @param app The Nest application, on Fastify, with RedisSessionModule.
 * @throws SessionUsageError for another application, or for options that it does not have.
 */
export function fastifySession<T extends object = Record<string, unknown>>(
  app: ViewedApplication,
  options: FastifySessionOptions<T> = {},
): FastifySessionPlugin {
  const { sessions, options: shared } = pluginParts(
    app,
    // What attributes there are is the application's to know.
    options as FastifySessionOptions,
    FASTIFY_INTERFACE,
    WORDS,
  );
  const plugin: FastifySessionPlugin = (given, _options, done) => {
    const instance = given as Instance;
    if (instance.hasRequestDecorator(OURS)) return done();
    if (instance.hasRequestDecorator('session')) return done(taken());
    decorate(instance);
    instance.addHook('onRequest', async (request, reply) => {
      const opening = await sessions.requestSession(request, reply);
      const { session } = opening;
      const view = new RequestView(
        {
          session: session.httpSession as HttpSession<Record<string, unknown>>,
          request,
          isSecure: () => request.protocol === 'https',
          isModified: () => session.attributes.difference() !== undefined,
        },
        shared,
      );
      views.set(request.raw, view);
      opening.beforeCommit(() => view.beforeCommit());
    });
    done();
  };
  return inContextOf(plugin);
}

/** What fastify-plugin does: the decorators are for the context that registers it, and not for one of its own. */
function inContextOf(plugin: FastifySessionPlugin): FastifySessionPlugin {
  return Object.assign(plugin, {
    [Symbol.for('skip-override')]: true,
    [Symbol.for('fastify.display-name')]: OURS,
    [Symbol.for('plugin-meta')]: { name: OURS, fastify: '5.x' },
  });
}

function decorate(instance: Instance): void {
  instance.decorateRequest(OURS, { getter: () => true });
  instance.decorateRequest('session', {
    getter() {
      const view = views.get(this.raw);
      return view === undefined ? undefined : (view.current ?? null);
    },
    setter(value) {
      if (value === views.get(this.raw)?.current) return;
      throw new SessionUsageError(
        'request.session cannot be assigned to: it is a view of the one session of the request. ' +
          'To end the session call request.session.destroy(), to begin a new one request.session.regenerate().',
      );
    },
  });
  instance.decorateRequest('sessionStore', {
    getter: () => {
      throw new SessionUsageError(
        'There is no request.sessionStore: sessions are in no store of @fastify/session. ' +
          'To open or end a session by its id use SessionService.',
      );
    },
  });
}

function taken(): SessionUsageError {
  return new SessionUsageError(
    'request.session is there already, and not of this package: another session plugin (@fastify/session, @fastify/secure-session) is ' +
      'registered before fastifySession(app). Take that out: a request has one session.',
  );
}
