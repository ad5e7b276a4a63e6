import { createHmac, timingSafeEqual } from 'node:crypto';
import type { RandomSource, SessionToken } from './token.js';

/** Bytes of HMAC-SHA-256. */
const MAC_BYTES = 32;
/** A pad and the masked code in base64url. */
const SHAPE = /^[A-Za-z0-9_-]{86}$/;

/**
 * A CSRF token of a session: derived from its secret token, so that nothing is stored and a login or id change makes
 * the old ones worthless. Masked by a random pad: the text differs each time, so that a compressed page
 * that repeats what an attacker sent does not give it away letter by letter (BREACH).
 */
export function newCsrfToken(token: SessionToken, random: RandomSource): string {
  const pad = Buffer.from(random(MAC_BYTES));
  return Buffer.concat([pad, xor(pad, codeOf(token))]).toString('base64url');
}

/** Whether a client's text is a CSRF token of the session of this token. The time it takes tells nothing. */
export function isCsrfTokenOfToken(token: SessionToken, given: unknown): boolean {
  if (typeof given !== 'string' || !SHAPE.test(given)) return false;
  const bytes = Buffer.from(given, 'base64url');
  const code = xor(bytes.subarray(0, MAC_BYTES), bytes.subarray(MAC_BYTES));
  return timingSafeEqual(code, codeOf(token));
}

function codeOf(token: SessionToken): Buffer {
  return createHmac('sha256', token).update('csrf').digest();
}

function xor(a: Buffer, b: Buffer): Buffer {
  return Buffer.from(a.map((byte, index) => byte ^ (b[index] ?? 0)));
}
