import type { ResponseContext, SessionLog } from './environment.js';
import {
  SessionDestroyedError,
  SessionGoneError,
  SessionHeadersSentError,
  SessionUsageError,
} from './errors.js';
import type { SessionPhase } from './state.js';
import { isWellFormed } from './storable.js';

/** The default of a switch over all cases: the compiler refuses a case that was forgotten. */
export function assertNever(value: never): never {
  throw new Error(`Unhandled case: ${String(value)}`);
}

/** @throws SessionDestroyedError when the session was destroyed through the same object, outside a request. */
export function assertUsable(phase: SessionPhase): void {
  if (phase !== 'destroyed') return;
  throw new SessionDestroyedError(
    'The session was destroyed and can be neither written nor saved. Outside a request no other one can begin, ' +
      'since no response carries its cookie. Do it before destroy().',
  );
}

/** Something was written after a destroy() that has not begun yet. */
export function notAwaited(): SessionDestroyedError {
  return new SessionDestroyedError(
    'destroy() still waits for what was begun before it, so a session after it has not begun yet. ' +
      'Await destroy() before you write.',
  );
}

/** The session ended by somebody else's doing. `what`: what could not be done, as in "Could not save". */
export function goneError(what: string, id: string): SessionGoneError {
  return new SessionGoneError(
    `Could not ${what}: session ${id} was destroyed, expired or renewed meanwhile. It is not brought back.`,
  );
}

/**
 * @throws SessionUsageError outside a request and on a socket, where no response carries a cookie.
 * @throws SessionHeadersSentError when the response's headers have left.
 */
export function assertCookieCanLeave(client: ResponseContext | undefined, what: string): void {
  if (client === undefined) throw outsideRequest(what);
  assertHasResponse(client, what);
  if (!client.headersSent) return;
  throw new SessionHeadersSentError(
    `Cannot ${what}: the response's headers have left, so its cookie cannot be sent. ` +
      'Write to the session before the response starts.',
  );
}

/**
 * Whether a new session can still be written to. Once its response has ended, whoever assigns is a timer or a job, where
 * nobody would catch an error, and no browser can get the cookie any more: the value is left out, and the log says so.
 * @throws As {@link assertCookieCanLeave} does, until then.
 */
export function canStillBegin(client: ResponseContext | undefined, name: string, log: SessionLog): boolean {
  if (client?.ended !== true || !client.headersSent) {
    assertCookieCanLeave(client, 'write to a new session');
    return true;
  }
  log.warn(
    `Attribute ${JSON.stringify(name)} is left out: it was assigned to a new session whose response has ended, so that ` +
      'no cookie can be sent for it.',
  );
  return false;
}

/**
 * For what takes a while and ends with a new cookie.
 * @param isLate Whether the response was closing when it was asked for, and so does not wait for it.
 * @throws SessionHeadersSentError
 */
export function assertIsWaitedFor(isLate: boolean, what: string): void {
  if (!isLate) return;
  throw new SessionHeadersSentError(
    `Cannot ${what}: the response is on its way, so its cookie cannot be sent. ` +
      'Await what gives out cookies before the response is sent.',
  );
}

/** @throws SessionUsageError for a client that is no request, see {@link ResponseContext.noResponse}. */
export function assertHasResponse({ noResponse }: ResponseContext, what: string): void {
  if (noResponse !== undefined) throw new SessionUsageError(`Cannot ${what}: ${noResponse}`);
}

/** What needs a response was asked of a session that has none. */
export function outsideRequest(what: string): SessionUsageError {
  return new SessionUsageError(
    `A session opened outside a request cannot ${what}: no response carries its cookie.`,
  );
}

/** @throws SessionUsageError for anything but a non-empty string or a finite number. */
export function principalOf(principal: unknown): string {
  if (typeof principal === 'string' && !isWellFormed(principal))
    throw new SessionUsageError(
      'authenticate() takes who logs in as text, and this one holds a lone surrogate, so that others would be stored as the same user.',
    );
  if (typeof principal === 'string' && principal !== '') return principal;
  if (typeof principal === 'number' && Number.isFinite(principal)) return String(principal);
  throw new SessionUsageError(
    `authenticate() takes who logs in as a non-empty string or a finite number, not ${typeof principal}.`,
  );
}

/** @throws SessionUsageError for anything but true, false and undefined. */
export function assertKeepAttributes(value: unknown): asserts value is boolean | undefined {
  if (value === undefined || typeof value === 'boolean') return;
  throw new SessionUsageError(
    'keepAttributes of authenticate() is true or false; left out, it keeps those of a guest and of the same principal.',
  );
}

/** RFC 6265bis, 5.5: user agents keep no cookie for longer than 400 days. */
const MOST_COOKIE_SECONDS = 34_560_000;

/** @throws SessionUsageError for anything but undefined and a whole number of seconds within 400 days. */
export function cookieSeconds(value: unknown): number | undefined {
  if (value === undefined) return undefined;
  if (typeof value === 'number' && Number.isInteger(value) && value > 0 && value <= MOST_COOKIE_SECONDS)
    return value;
  throw new SessionUsageError(
    `cookieMaxAge is a whole number of seconds from 1 to ${MOST_COOKIE_SECONDS} (400 days); ` +
      'undefined: as REDIS_SESSION_COOKIE_MAX_AGE says.',
  );
}

/**
 * For how long a login is to be remembered: what that makes of the idle time and of the cookie.
 * @throws SessionUsageError for anything but a whole number of seconds above 0.
 */
export function rememberedFor(value: unknown): { readonly idle: number; readonly cookie: number } {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value > 0)
    return { idle: value, cookie: Math.min(value, MOST_COOKIE_SECONDS) };
  throw new SessionUsageError('rememberFor of authenticate() is a whole number of seconds above 0.');
}

/** What the application's own `isAuthenticated` says. @throws SessionUsageError for a promise, which would let everybody in. */
export function answered(answer: unknown): boolean {
  if (typeof (answer as Partial<PromiseLike<unknown>> | null | undefined)?.then !== 'function')
    return Boolean(answer);
  // Nobody waits for it.
  Promise.resolve(answer as PromiseLike<unknown>).then(undefined, () => undefined);
  throw new SessionUsageError(
    'isAuthenticated of the module returned a promise. It is asked in the middle of a request and has to say true or false at once.',
  );
}

const MOST_GRACE_SECONDS = 3600;

/** @throws SessionUsageError for anything but a whole number of seconds within an hour. */
export function assertGrace(value: unknown): asserts value is number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= MOST_GRACE_SECONDS)
    return;
  throw new SessionUsageError(
    `graceSeconds of regenerateId() is a whole number of seconds from 0 to ${MOST_GRACE_SECONDS}.`,
  );
}

/** @throws SessionUsageError for anything but a whole number. */
export function wholeSeconds(value: unknown): number {
  if (typeof value === 'number' && Number.isSafeInteger(value)) return value;
  throw new SessionUsageError(
    'maxInactiveInterval is a whole number of seconds; 0 or less means no idle timeout.',
  );
}
