import { SessionUsageError } from '../core/errors.js';
import type { SessionCookieView } from '../views/cookie-view.js';
import type { SessionCallback, ShownSession, ViewInterface } from '../views/view-interface.js';

/** @fastify/session's interface of a session. */
export const FASTIFY_INTERFACE: ViewInterface = {
  plugin: 'fastifySession',
  session: 'request.session',
  logIn: 'request.logIn()',
  passportUser: {
    path: 'passport',
    of: (session) => (session as { passport?: unknown }).passport,
  },
  members: new Map<string, (view: ShownSession) => unknown>([
    ['sessionId', (view) => view.id],
    ['encryptedSessionId', noCookieValue],
    ['touched', (view) => view.cookie.isTouched],
  ]),
  methods: new Set([
    'get',
    'set',
    'options',
    'regenerate',
    'destroy',
    'reload',
    'save',
    'touch',
    'isModified',
    'isSaved',
  ]),
  methodsOf,
  // @fastify/passport's logIn() leaves the save to the end of the request.
  logsInAtEnd: true,
};

function methodsOf(view: ShownSession): Readonly<Record<string, unknown>> {
  const session = view.view as Record<string, unknown>;
  let hasOptions = false;
  const regenerate = (fields: readonly string[] = []): Promise<void> =>
    // As there: what options() has said holds for the session that follows, too.
    view.regenerate(fields, hasOptions || fields.includes('cookie'));
  return {
    get: (key: string) => session[key],
    set: (key: string, value: unknown) => void (session[key] = value),
    options: (options: Record<string, unknown>) => {
      setOptions(view.cookie, options);
      hasOptions = true;
    },
    regenerate: (fields?: readonly string[] | SessionCallback, callback?: SessionCallback) =>
      typeof fields === 'function'
        ? view.answer(() => regenerate(), fields)
        : view.answer(() => regenerate(fields), callback),
    destroy: (callback?: SessionCallback) => view.answer(() => view.destroy(), callback),
    reload: (callback?: SessionCallback) => view.answer(() => view.reload(), callback),
    save: (callback?: SessionCallback) => view.answer(() => view.save(), callback),
    touch: () => view.cookie.reset(),
    isModified: () => view.isModified,
    isSaved: () => view.isSaved,
  };
}

const COOKIE_OPTIONS: ReadonlySet<string> = new Set([
  'maxAge',
  'expires',
  'originalMaxAge',
  'secure',
  'httpOnly',
  'path',
  'domain',
  'sameSite',
  'partitioned',
]);

function setOptions(cookie: SessionCookieView, options: Record<string, unknown>): void {
  for (const [name, value] of Object.entries(options)) {
    if (!COOKIE_OPTIONS.has(name))
      throw new SessionUsageError(
        `request.session.options() has no option '${name}'; it has ${[...COOKIE_OPTIONS].join(', ')}.`,
      );
    if (value !== undefined) Reflect.set(cookie, name, value);
  }
}

function noCookieValue(): never {
  throw new SessionUsageError(
    'There is no request.session.encryptedSessionId: what the cookie holds is a secret, which no handler gets. ' +
      'To name the session, in a log or as a key, use request.session.sessionId.',
  );
}
