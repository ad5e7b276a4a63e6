import type { IncomingMessage, ServerResponse } from 'node:http';
import { SessionUsageError } from '../core/errors.js';
import type { HttpSession } from '../core/members.js';
import { RequestSlot } from '../http/request-slot.js';
import { pluginParts, type PluginWords, type ViewedApplication } from '../views/plugin.js';
import { RequestView } from '../views/request-view.js';
import { EXPRESS_INTERFACE } from './interface.js';
import type { AnyExpressSession, ExpressSessionOptions } from './types.js';

/** A middleware, as Express and Nest's `app.use()` take it. */
export type ExpressMiddleware = (
  request: IncomingMessage,
  response: ServerResponse,
  next: (error?: unknown) => void,
) => void;

/** What express-session is told in code, and where ours is told the same. */
const ELSEWHERE = {
  cookie: 'REDIS_SESSION_COOKIE_…',
  genid: 'nothing: tokens are 256 random bits',
  key: 'REDIS_SESSION_COOKIE_NAME',
  name: 'REDIS_SESSION_COOKIE_NAME',
  proxy: "app.set('trust proxy', …)",
  resave: 'REDIS_SESSION_PERSISTENT_POLICIES',
  rolling: 'REDIS_SESSION_COOKIE_MAX_AGE',
  saveUninitialized: 'nothing: an empty new session is not stored, but for session.keep()',
  secret: 'REDIS_SESSION_SECRETS',
  store: 'REDIS_SESSION_URL',
  unset: 'nothing: call req.session.destroy()',
};

const WORDS: PluginWords = {
  adapter: 'express',
  use: 'app.use(expressSession(app))',
  peer: { name: 'express-session', options: ELSEWHERE },
};

/**
 * A middleware that puts `req.session` and `req.sessionID` on each request, with the interface of express-session, for Passport,
 * connect-flash and others that ask for that: a view of the one session of the request, which `@Session()` and guards see as well.
 * Before them: `app.use(expressSession(app))`. A request that comes with a session's cookie costs a load of that session.
 *
 * A login by Passport (`req.login()`, `logIn()` of @nestjs/passport's `AuthGuard`) is a login: `passport.user` becomes the session's principal, with
 * a new token.
 * @param app The Nest application, on Express, with RedisSessionModule.
 * @throws SessionUsageError for another application, or for options that it does not have.
 */
export function expressSession<T extends object = Record<string, unknown>>(
  app: ViewedApplication,
  options: ExpressSessionOptions<T> = {},
): ExpressMiddleware {
  // What attributes there are is the application's to know.
  const { sessions, options: shared } = pluginParts(
    app,
    options as ExpressSessionOptions,
    EXPRESS_INTERFACE,
    WORDS,
  );
  return (request, response, next) => {
    const there = (request as { session?: unknown }).session;
    if (there !== undefined) return next(views.get(request) !== undefined ? undefined : taken());
    sessions
      .requestSession(request, response)
      .then((opening) => {
        const { session } = opening;
        const viewed = {
          session: session.httpSession as HttpSession<Record<string, unknown>>,
          request,
          isSecure: () => (request as { secure?: boolean }).secure === true,
          isModified: () => session.attributes.difference() !== undefined,
        };
        const view = new RequestView(viewed, shared);
        attach(request, view);
        opening.beforeCommit(() => view.beforeCommit());
      })
      .then(() => next(), next);
  };
}

const views = new RequestSlot<RequestView<AnyExpressSession>>('express-session');

function attach(request: IncomingMessage, view: RequestView<AnyExpressSession>): void {
  views.set(request, view);
  Object.defineProperties(request, {
    session: {
      enumerable: true,
      get: () => view.current,
      set: (value: unknown) => {
        if (value === view.current) return;
        throw new SessionUsageError(
          'req.session cannot be assigned to: it is a view of the one session of the request. ' +
            'To end the session call req.session.destroy(), to begin a new one req.session.regenerate().',
        );
      },
    },
    sessionID: {
      enumerable: true,
      get: () => view.id,
      set: () => {
        throw new SessionUsageError(
          'req.sessionID cannot be assigned to. For a new id call req.session.regenerate().',
        );
      },
    },
    sessionStore: {
      get: () => {
        throw new SessionUsageError(
          'There is no req.sessionStore: sessions are in no store of express-session. ' +
            'To open or end a session by its id use SessionService.',
        );
      },
    },
  });
}

function taken(): SessionUsageError {
  return new SessionUsageError(
    'req.session is there already, and not of this package: another session middleware (express-session, cookie-session) runs ' +
      'before expressSession(app). Take that out: a request has one session.',
  );
}
