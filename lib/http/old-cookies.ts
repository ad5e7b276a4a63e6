import { createHmac, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import type { OldCookies } from '../core/manager.js';
import type { CookieInstruction } from '../core/state.js';
import type { OldSession } from '../core/old-sessions.js';
import { newToken, type SessionToken } from '../core/token.js';
import { cookieValues } from './cookie-header.js';
import type { ReceivedTokens, RequestConnection, TokenTransport } from './token-transport.js';

/** How the cookies of a library look that an application moves away from. */
export interface OldCookieOptions {
  /** What its sessions are called by: see OldSession.name. */
  readonly library: string;
  readonly cookieName: string;
  /** At least one; all verify. The last makes the tokens of the sessions that are taken over. */
  readonly secrets: readonly string[];
  /** What stands in front of the signed id. */
  readonly marker: 'required' | 'optional';
}

/** What both libraries can put in front of a signed value. */
const MARKER = 's:';
/** Longer values than browsers keep are nobody's. */
const MOST_LETTERS = 4096;
/** Ids of the default generators and of most others; braces would choose the slot of a key. */
const SESSION_ID = /^[A-Za-z0-9_.~+/=:@-]{16,256}$/;
const TAG_BYTES = 3;

/** Reads the cookies of the session library before beside ours, which are sent and read as they are without it. */
export class OldCookieTransport implements TokenTransport {
  readonly requestHeader: string;
  readonly ambient: boolean;
  readonly #ours: TokenTransport;
  readonly #libraries: readonly OldCookieOptions[];

  constructor(ours: TokenTransport, libraries: readonly OldCookieOptions[]) {
    this.#ours = ours;
    this.#libraries = libraries;
    this.requestHeader = ours.requestHeader;
    this.ambient = ours.ambient;
  }

  receive(headers: IncomingHttpHeaders, connection: RequestConnection): ReceivedTokens {
    const received = this.#ours.receive(headers, connection);
    const { cookie } = headers;
    if (cookie === undefined || !this.#libraries.some(({ cookieName }) => cookie.includes(cookieName)))
      return received;
    return { ...received, old: this.#read(cookie) };
  }

  send(instruction: CookieInstruction, connection: RequestConnection): { name: string; value: string } {
    return this.#ours.send(instruction, connection);
  }

  /** Nothing is verified before somebody asks: most requests bring one of ours as well. */
  #read(header: string): OldCookies {
    const libraries = this.#libraries;
    return function* () {
      for (const library of libraries) {
        // The first, as those libraries do.
        const [value] = cookieValues(header, library.cookieName);
        if (value !== undefined && value !== '') yield oldSessionOf(value, library) ?? 'forged';
      }
    };
  }
}

/** The session that a cookie's value names; undefined: none of the secrets signed it, or it is no such cookie. */
export function oldSessionOf(value: string, options: OldCookieOptions): OldSession | undefined {
  const signed = signedPart(value, options.marker);
  const dot = signed?.lastIndexOf('.') ?? -1;
  if (signed === undefined || dot < 1) return undefined;
  const sid = signed.slice(0, dot);
  if (!SESSION_ID.test(sid) || !isSigned(sid, signed.slice(dot + 1), options.secrets)) return undefined;
  const name = `${options.library} ${sid}`;
  const secret = options.secrets.at(-1) as string;
  return { name, tokenOf: (turn) => tokenFor(turn === 0 ? name : `${name} ${turn}`, secret) };
}

function signedPart(value: string, marker: OldCookieOptions['marker']): string | undefined {
  if (value.length > MOST_LETTERS) return undefined;
  const plain = decoded(value);
  if (plain?.startsWith(MARKER)) return plain.slice(MARKER.length);
  return marker === 'optional' ? plain : undefined;
}

function decoded(value: string): string | undefined {
  try {
    return decodeURIComponent(value);
  } catch {
    return undefined;
  }
}

/** Each secret is tried, whether or not one has matched: the time tells nothing about which it was. */
function isSigned(sid: string, signature: string, secrets: readonly string[]): boolean {
  const given = Buffer.from(signature);
  let valid = false;
  for (const secret of secrets) {
    const expected = Buffer.from(
      createHmac('sha256', secret).update(sid).digest('base64').replace(/=+$/, ''),
    );
    valid = (given.length === expected.length && timingSafeEqual(given, expected)) || valid;
  }
  return valid;
}

/** One for each old session and turn, whoever asks, and nobody can make it up who has not the secret. */
function tokenFor(name: string, secret: string): SessionToken {
  const derived = (bytes: number): Uint8Array =>
    createHmac('sha256', secret)
      .update(`nestjs-redis-session ${bytes === TAG_BYTES ? 'tag' : 'token'} ${name}`)
      .digest()
      .subarray(0, bytes);
  return newToken(derived);
}
