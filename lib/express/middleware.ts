import type { IncomingMessage, ServerResponse } from 'node:http';
import type { INestApplication } from '@nestjs/common';
import type { ResolvedSettings } from '../config/settings.js';
import { SessionUsageError } from '../core/errors.js';
import type { HttpSession } from '../core/members.js';
import { RequestSlot } from '../http/request-slot.js';
import { nestLog } from '../nest/nest-log.js';
import { SessionService } from '../nest/session.service.js';
import { SESSION_SETTINGS } from '../nest/tokens.js';
import { PrincipalReader } from './login.js';
import { RequestView, type ViewOptions } from './request-view.js';
import type { ExpressSessionOptions } from './types.js';

/** A middleware, as Express and Nest's `app.use()` take it. */
export type ExpressMiddleware = (
  request: IncomingMessage,
  response: ServerResponse,
  next: (error?: unknown) => void,
) => void;

/** What express-session is told in code, and where ours is told the same. */
const ELSEWHERE: Readonly<Record<string, string>> = {
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
  app: Pick<INestApplication, 'get' | 'getHttpAdapter'>,
  options: ExpressSessionOptions<T> = {},
): ExpressMiddleware {
  assertExpress(app);
  // What attributes there are is the application's to know.
  const { principal, keep = true } = checked(options as ExpressSessionOptions);
  const sessions = fromModule<SessionService>(app, SessionService);
  const shared: ViewOptions = {
    settings: fromModule<ResolvedSettings>(app, SESSION_SETTINGS),
    principal: new PrincipalReader(principal),
    keep,
    log: nestLog('ExpressSession'),
  };
  return (request, response, next) => {
    const there = (request as { session?: unknown }).session;
    if (there !== undefined) return next(views.get(request) !== undefined ? undefined : taken());
    sessions
      .requestSession(request, response)
      .then((opening) => {
        const session = opening.session.httpSession as HttpSession<Record<string, unknown>>;
        const view = new RequestView(session, request, shared);
        attach(request, view);
        opening.beforeCommit(() => view.beforeCommit());
      })
      .then(() => next(), next);
  };
}

const views = new RequestSlot<RequestView>('express-session');

function attach(request: IncomingMessage, view: RequestView): void {
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

function assertExpress(app: Partial<Pick<INestApplication, 'get' | 'getHttpAdapter'>> | undefined): void {
  if (typeof app?.get !== 'function' || typeof app.getHttpAdapter !== 'function')
    throw new SessionUsageError(
      'expressSession() takes the Nest application: app.use(expressSession(app)), with app as NestFactory.create() resolves to it.',
    );
  const type = app.getHttpAdapter().getType();
  if (type !== 'express')
    throw new SessionUsageError(`expressSession() is for applications on Express; this one is on ${type}.`);
}

function checked(options: ExpressSessionOptions): ExpressSessionOptions {
  for (const name of Object.keys(options)) {
    if (name === 'principal' || name === 'keep') continue;
    const instead = Object.hasOwn(ELSEWHERE, name)
      ? ` express-session's '${name}' is here: ${ELSEWHERE[name]}.`
      : '';
    throw new SessionUsageError(
      `expressSession() has no option '${name}'; it has principal and keep. All else is set where the module is.${instead}`,
    );
  }
  const { principal, keep } = options;
  if (principal !== undefined && typeof principal !== 'function')
    throw new SessionUsageError(
      'The option principal of expressSession() is a function: (session) => session.userId.',
    );
  if (keep !== undefined && typeof keep !== 'function' && typeof keep !== 'boolean')
    throw new SessionUsageError(
      'The option keep of expressSession() is true, false, or a function: (session) => "cart" in session.',
    );
  return options;
}

function fromModule<T>(app: Pick<INestApplication, 'get'>, token: symbol | typeof SessionService): T {
  try {
    return app.get<T>(token, { strict: false });
  } catch (error) {
    throw new SessionUsageError(
      'expressSession(app) needs the session module. Import it once, in AppModule: ' +
        "imports: [ConfigModule.forRoot({ isGlobal: true }), RedisSessionModule.forRootAsync()] from 'nestjs-redis-session'.",
      { cause: error },
    );
  }
}
