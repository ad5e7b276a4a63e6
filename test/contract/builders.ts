import type { NewSession, SessionChange, SessionRenewal } from '../../lib/core/store.js';
import { idOf, newToken, tagOf, type SessionId } from '../../lib/core/token.js';

/** An id nobody has; `of`: one that the session of that id may be renewed to. */
export function freshId(of?: SessionId): SessionId {
  return idOf(newToken(undefined, of === undefined ? undefined : tagOf(of)));
}

/** Encoded attributes, as far as a store can tell. */
export function encoded(attributes: Readonly<Record<string, string>>): Map<string, Uint8Array> {
  return new Map(Object.entries(attributes).map(([name, text]) => [name, Buffer.from(text)]));
}

/** The other way round, so that tests can compare. */
export function decoded(attributes: ReadonlyMap<string, Uint8Array>): Record<string, string> {
  return Object.fromEntries([...attributes].map(([name, bytes]) => [name, Buffer.from(bytes).toString()]));
}

export function newSession(
  attributes: Readonly<Record<string, string>> = { cart: 'tea' },
  rest: Partial<Omit<NewSession, 'attributes'>> = {},
): NewSession {
  return {
    attributes: encoded(attributes),
    codec: 'json',
    maxInactiveInterval: 1800,
    absoluteTimeout: 0,
    authenticated: true,
    ...rest,
  };
}

export function change(
  set: Readonly<Record<string, string>>,
  rest: Partial<Omit<SessionChange, 'set'>> = {},
): SessionChange {
  return { set: encoded(set), remove: [], authenticated: true, ...rest };
}

export function renewal(
  newId: SessionId,
  set: Readonly<Record<string, string>> = {},
  rest: Partial<Omit<SessionRenewal, 'set' | 'newId'>> = {},
): SessionRenewal {
  return {
    ...change(set, rest),
    newId,
    cookie: rest.cookie,
    login: rest.login,
    graceSeconds: rest.graceSeconds,
  };
}
