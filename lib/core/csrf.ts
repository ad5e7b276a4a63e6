import { createHmac, timingSafeEqual } from 'node:crypto';
import { assertCookieCanLeave, assertHasResponse, assertUsable, outsideRequest } from './assertions.js';
import type { ResponseContext } from './environment.js';
import { randomBytes, type RandomSource } from './random.js';
import type { SessionState } from './state.js';
import type { SessionToken } from './token.js';

/** Bytes of HMAC-SHA-256. */
const MAC_BYTES = 32;
/** A pad and the masked code in base64url. */
const SHAPE = /^[A-Za-z0-9_-]{86}$/;

/** `live`: good for requests with a live session. `ended`: for those that come with the token of one that has ended. */
type CsrfPurpose = 'live' | 'ended';

/**
 * A CSRF token of a session. A new session is stored from now on even if it stays empty, since the token could not be
 * checked otherwise. Where it ended a moment ago nothing is stored and no cookie sent: the token is derived from the
 * one that the browser has, so that whoever lost the answer to a login can log in again.
 * @throws SessionUsageError outside a request and on a socket.
 * @throws SessionHeadersSentError for a new session when the response's headers have left.
 */
export function issueCsrfToken(
  state: SessionState,
  client: ResponseContext | undefined,
  random: RandomSource = randomBytes,
): string {
  assertUsable(state.phase);
  if (client === undefined) throw outsideRequest('give out a CSRF token');
  assertHasResponse(client, 'give out a CSRF token');
  if (state.phase === 'gone') return maskedCode(state.token, random, 'ended');
  if (state.phase === 'detached') return maskedCode(state.endedToken ?? state.token, random, 'ended');
  if (state.phase === 'new') {
    assertCookieCanLeave(client, 'give out a CSRF token');
    state.mustPersist = true;
  }
  return maskedCode(state.token, random, 'live');
}

/**
 * Whether a client's text is a CSRF token of this session. An anonymous request whose cookie opens nothing may have one
 * that was given out for that cookie, for as long as the store knows that this was a session's. Of a cookie that nobody knows
 * there is none: who can set a cookie (a sub-domain, somebody on the network) has made it up, and its CSRF token with it. Where a
 * browser holds several live sessions, it may be of any of them: it could not log in otherwise, which ends them.
 */
export function isCsrfTokenOf(state: SessionState, given: unknown): boolean {
  if (state.phase === 'stored') return isCodeOf(state.token, given, 'live');
  if (state.rivals.some(({ token }) => isCodeOf(token, given, 'live'))) return true;
  return state.isEndKnown && state.endedToken !== undefined && isCodeOf(state.endedToken, given, 'ended');
}

/**
 * Derived from the secret token, so that nothing is stored and a login or id change makes earlier ones worthless. Masked
 * by a random pad: the text differs each time, so that a compressed page which repeats what an attacker sent does not
 * give it away letter by letter (BREACH).
 */
function maskedCode(token: SessionToken, random: RandomSource, purpose: CsrfPurpose): string {
  const pad = Buffer.from(random(MAC_BYTES));
  return Buffer.concat([pad, xor(pad, codeOf(token, purpose))]).toString('base64url');
}

/** The time it takes tells nothing. */
function isCodeOf(token: SessionToken, given: unknown, purpose: CsrfPurpose): boolean {
  if (typeof given !== 'string' || !SHAPE.test(given)) return false;
  const bytes = Buffer.from(given, 'base64url');
  const code = xor(bytes.subarray(0, MAC_BYTES), bytes.subarray(MAC_BYTES));
  return timingSafeEqual(code, codeOf(token, purpose));
}

function codeOf(token: SessionToken, purpose: CsrfPurpose): Buffer {
  const context = purpose === 'live' ? 'csrf' : 'csrf ended';
  return createHmac('sha256', token).update(context).digest();
}

function xor(a: Buffer, b: Buffer): Buffer {
  return Buffer.from(a.map((byte, index) => byte ^ (b[index] ?? 0)));
}
