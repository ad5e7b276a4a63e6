import { hash } from 'node:crypto';
import { randomBytes, type RandomSource } from './random.js';

/**
 * The secret that only the cookie carries: a tag of 4 characters and 256 random bits, base64url, 47 characters.
 * The tag is no secret. It is also the tag of the id and of the key, and renewing a session keeps it,
 * so that on Redis Cluster the old and the new key live in one slot and an id change is one atomic step.
 */
export type SessionToken = string & { readonly __brand: 'SessionToken' };

/**
 * The public name of a session: the token's tag and the SHA-256 of the whole token, base64url, 47 characters.
 * Safe in logs and URLs: it cannot be turned back into a token.
 */
export type SessionId = string & { readonly __brand: 'SessionId' };

const TAG_LENGTH = 4;
const SHAPE = /^[A-Za-z0-9_-]{47}$/;

/** A new token; `tag` is that of the session it renews. */
export function newToken(random: RandomSource = randomBytes, tag?: string): SessionToken {
  const secret = Buffer.from(random(32)).toString('base64url');
  return ((tag ?? Buffer.from(random(3)).toString('base64url')) + secret) as SessionToken;
}

/** Whether text has the shape of a token. Says nothing about whether the server issued it. */
export function isToken(text: string): text is SessionToken {
  return SHAPE.test(text);
}

/** Whether text has the shape of a public id. */
export function isSessionId(text: string): text is SessionId {
  return SHAPE.test(text);
}

/** The public id of a token's session. */
export function idOf(token: SessionToken): SessionId {
  return (tagOf(token) + hash('sha256', token, 'base64url')) as SessionId;
}

/** The slot tag that a token and its id share. */
export function tagOf(name: SessionToken | SessionId): string {
  return name.slice(0, TAG_LENGTH);
}
