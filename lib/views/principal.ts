import { SessionUsageError } from '../core/errors.js';
import type { ViewInterface } from './view-interface.js';

/** Says who is logged in by what a session holds: see the option `principal`. */
export class PrincipalReader<View extends object> {
  readonly #read: (session: View) => unknown;
  readonly #plugin: string;

  /** @param read The option; undefined: as Passport has it. */
  constructor(
    read: ((session: View) => unknown) | undefined,
    { plugin, passportUser }: Pick<ViewInterface, 'plugin' | 'passportUser'>,
  ) {
    this.#read = read ?? ((session) => userId(passportUser.of(session), passportUser.path, plugin));
    this.#plugin = plugin;
  }

  /** Undefined: nobody. @throws SessionUsageError for what cannot be a principal. */
  of(session: View): string | undefined {
    const principal = this.#read(session);
    if (principal === undefined || principal === null) return undefined;
    if (typeof principal === 'string' && principal !== '') return principal;
    if (typeof principal === 'number' && Number.isFinite(principal)) return String(principal);
    throw new SessionUsageError(
      `The option principal of ${this.#plugin}() returns who is logged in as a non-empty string or a finite number, undefined or ` +
        `null for nobody; it returned a value of type ${typeof principal}.`,
    );
  }

  /** Takes a user whom Passport has noted out of a session. Returns whether it names nobody since. */
  forget(session: View): boolean {
    delete (session as { passport?: unknown }).passport;
    return this.of(session) === undefined;
  }
}

/** @throws SessionUsageError where Passport's user does not say who that is. */
function userId(user: unknown, path: string, plugin: string): string | number | undefined {
  if (user === undefined || user === null || typeof user === 'string' || typeof user === 'number')
    return user ?? undefined;
  throw new SessionUsageError(
    `Passport serializes users to a value of type ${typeof user}, which does not say who is logged in. Serialize to the user's ` +
      `id, or tell it: ${plugin}(app, { principal: (session) => session.${path}?.id }).`,
  );
}

/** A session names a user whom nobody has logged in. */
export function notLoggedIn(
  id: string,
  principal: string | undefined,
  { session, logIn }: Pick<ViewInterface, 'session' | 'logIn'>,
): string {
  const whose = principal === undefined ? "is a guest's" : "is another user's";
  return (
    `Session ${id} holds a user who has not logged in by it: for guards and nodes it ${whose}. ` +
    `Log in by ${logIn}, by ${session}.regenerate() and ${session}.save() after the assignment, or by session.authenticate().`
  );
}
