import { isCsrfTokenOfToken, newCsrfToken } from './csrf.js';
import type { SessionClient } from './environment.js';
import { assertCookieCanLeave, assertUsable, outsideRequest } from './session-refusals.js';
import type { SessionState } from './session-state.js';
import type { RandomSource } from './token.js';

/**
 * A CSRF token of a session. A new session is stored from now on even if it stays empty, since the token could not be
 * checked otherwise.
 * @throws SessionUsageError outside a request.
 * @throws SessionHeadersSentError for a new session when the response's headers have left.
 */
export function giveOutCsrfToken(
  state: SessionState,
  client: SessionClient | undefined,
  random: RandomSource,
): string {
  assertUsable(state.phase);
  if (client === undefined) throw outsideRequest('give out a CSRF token');
  if (state.phase === 'new') {
    assertCookieCanLeave(client, 'give out a CSRF token');
    state.needed = true;
  }
  return newCsrfToken(state.token, random);
}

/** Whether a client's text is a CSRF token of this session: only of one that is stored. */
export function isCsrfTokenOf(state: SessionState, given: unknown): boolean {
  return state.phase === 'stored' && isCsrfTokenOfToken(state.token, given);
}
