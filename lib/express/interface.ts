import type { SessionCallback, ShownSession, ViewInterface } from '../views/view-interface.js';

/** express-session's interface of a session. */
export const EXPRESS_INTERFACE: ViewInterface = {
  plugin: 'expressSession',
  session: 'req.session',
  logIn: 'req.login()',
  passportUser: {
    path: 'passport?.user',
    of: (session) => (session as { passport?: { user?: unknown } }).passport?.user,
  },
  members: new Map<string, (view: ShownSession) => unknown>([
    ['id', (view) => view.id],
    ['req', (view) => view.request],
  ]),
  methods: new Set(['regenerate', 'destroy', 'reload', 'save', 'touch', 'resetMaxAge']),
  methodsOf,
  logsInAtEnd: false,
};

function methodsOf(view: ShownSession): Readonly<Record<string, unknown>> {
  const touch = (callback?: SessionCallback): object => {
    view.assertCallback(callback);
    view.cookie.reset();
    if (callback !== undefined) queueMicrotask(callback);
    return view.view;
  };
  return {
    regenerate: (callback?: SessionCallback) => view.answer(() => view.regenerate(), callback),
    destroy: (callback?: SessionCallback) => view.answer(() => view.destroy(), callback),
    reload: (callback?: SessionCallback) => view.answer(() => view.reload(), callback),
    save: (callback?: SessionCallback) => view.answer(() => view.save(), callback),
    touch,
    resetMaxAge: touch,
  };
}
