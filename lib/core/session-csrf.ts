import { isCsrfTokenOfToken, newCsrfToken } from './csrf.js';
import type { ResponseContext } from './environment.js';
import { assertCookieCanLeave, assertUsable, outsideRequest } from './session-assertions.js';
import type { SessionState } from './session-state.js';
import type { RandomSource } from './token.js';

/**
 * A CSRF token of a session. A new session is stored from now on even if it stays empty, since the token could not be
 * checked otherwise. Where it ended a moment ago nothing is stored and no cookie sent: the token hangs on the one that
 * the browser has, so that whoever lost the answer to a login can log in again.
 * @throws SessionUsageError outside a request.
 * @throws SessionHeadersSentError for a new session when the response's headers have left.
 */
export function giveOutCsrfToken(
  state: SessionState,
  client: ResponseContext | undefined,
  random: RandomSource,
): string {
  assertUsable(state.phase);
  if (client === undefined) throw outsideRequest('give out a CSRF token');
  if (state.phase === 'gone') return newCsrfToken(state.token, random, 'ended');
  if (state.phase === 'detached') return newCsrfToken(state.endedToken ?? state.token, random, 'ended');
  if (state.phase === 'new') {
    assertCookieCanLeave(client, 'give out a CSRF token');
    state.mustPersist = true;
  }
  return newCsrfToken(state.token, random, 'live');
}

/**
/**
 * Whether a client's text is a CSRF token of this session: one that is stored. An anonymous request that came with a
 * cookie which opens nothing may have one that was given out for that, also when the tombstone has gone meanwhile:
 * filling in a form takes its time. Where a browser holds several live ones, it may be of any of them: it could not log
 * in otherwise, which is what puts an end to that.
 */
export function isCsrfTokenOf(state: SessionState, given: unknown): boolean {
  if (state.phase === 'stored') return isCsrfTokenOfToken(state.token, given, 'live');
  if (state.rivals.some(({ token }) => isCsrfTokenOfToken(token, given, 'live'))) return true;
  return state.endedToken !== undefined && isCsrfTokenOfToken(state.endedToken, given, 'ended');
}
