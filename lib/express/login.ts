import { SessionUsageError } from '../core/errors.js';
import type { AnyExpressSession, ExpressSessionOptions } from './types.js';

/** @throws SessionUsageError where Passport's user does not say who that is. */
function passportUser(session: AnyExpressSession): string | number | undefined {
  const { passport } = session as { passport?: { user?: unknown } };
  const user = passport?.user;
  if (user === undefined || user === null || typeof user === 'string' || typeof user === 'number')
    return user ?? undefined;
  throw new SessionUsageError(
    `Passport serializes users to a value of type ${typeof user}, which does not say who is logged in. Serialize to the user's ` +
      'id, or tell it: expressSession(app, { principal: (session) => session.passport?.user?.id }).',
  );
}

/** Says who is logged in by what a session holds: see the option `principal`. */
export class PrincipalReader {
  readonly #read: NonNullable<ExpressSessionOptions['principal']>;

  constructor(read: ExpressSessionOptions['principal']) {
    this.#read = read ?? passportUser;
  }

  /** Undefined: nobody. @throws SessionUsageError for what cannot be a principal. */
  of(session: AnyExpressSession): string | undefined {
    const principal: unknown = this.#read(session);
    if (principal === undefined || principal === null) return undefined;
    if (typeof principal === 'string' && principal !== '') return principal;
    if (typeof principal === 'number' && Number.isFinite(principal)) return String(principal);
    throw new SessionUsageError(
      'The option principal of expressSession() returns who is logged in as a non-empty string or a finite number, undefined or ' +
        `null for nobody; it returned a value of type ${typeof principal}.`,
    );
  }
}

/** A session names a user whom nobody has logged in. */
export function notLoggedIn(id: string, principal: string | undefined): string {
  const whose = principal === undefined ? "is a guest's" : "is another user's";
  return (
    `Session ${id} holds a user who has not logged in by it: for guards and nodes it ${whose}. ` +
    'Log in by req.login(), by req.session.regenerate() and req.session.save() after the assignment, or by session.authenticate().'
  );
}
