import { createHmac, timingSafeEqual } from 'node:crypto';
import type { RandomSource, SessionToken } from './token.js';

/** Bytes of HMAC-SHA-256. */
const MAC_BYTES = 32;
/** A pad and the masked code in base64url. */
const SHAPE = /^[A-Za-z0-9_-]{86}$/;

/**
 * What a CSRF token is good for: requests with a live session, or those that come with the token of one that has ended,
 * which are anonymous. Neither is good for the other.
 */
export type CsrfPurpose = 'live' | 'ended';

/**
 * A CSRF token of a session: derived from its secret token, so that nothing is stored and a login or id change makes
 * the old ones worthless. Masked by a random pad: the text differs each time, so that a compressed page
 * that repeats what an attacker sent does not give it away letter by letter (BREACH).
 */
export function newCsrfToken(token: SessionToken, random: RandomSource, purpose: CsrfPurpose): string {
  const pad = Buffer.from(random(MAC_BYTES));
  return Buffer.concat([pad, xor(pad, codeOf(token, purpose))]).toString('base64url');
}

/** Whether a client's text is a CSRF token of the session of this token. The time it takes tells nothing. */
export function isCsrfTokenOfToken(token: SessionToken, given: unknown, purpose: CsrfPurpose): boolean {
  if (typeof given !== 'string' || !SHAPE.test(given)) return false;
  const bytes = Buffer.from(given, 'base64url');
  const code = xor(bytes.subarray(0, MAC_BYTES), bytes.subarray(MAC_BYTES));
  return timingSafeEqual(code, codeOf(token, purpose));
}

function codeOf(token: SessionToken, purpose: CsrfPurpose): Buffer {
  return createHmac('sha256', token)
    .update(purpose === 'live' ? 'csrf' : 'csrf ended')
    .digest();
}

function xor(a: Buffer, b: Buffer): Buffer {
  return Buffer.from(a.map((byte, index) => byte ^ (b[index] ?? 0)));
}
