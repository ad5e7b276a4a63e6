import type { IncomingHttpHeaders } from 'node:http';
import { stringifySetCookie } from 'cookie';
import { MAX_TOKENS } from '../core/manager.js';
import type { CookieInstruction } from '../core/state.js';
import { isToken, type SessionToken } from '../core/token.js';
import { cookieValues } from './cookie-header.js';
import { CookieSigner } from './signer.js';
import type { ReceivedTokens, RequestConnection, TokenTransport } from './token-transport.js';

/** What an operator is told of session cookies that browsers drop. */
export const DROPPED_COOKIE_WARNING =
  'A Secure session cookie was sent over plain HTTP, where browsers drop it: a login never sticks. Serve the application ' +
  "over HTTPS. Where a proxy in front does that, tell Nest to trust it (Express: app.set('trust proxy', 1), Fastify: " +
  'new FastifyAdapter({ trustProxy: true })). Where there is none, set REDIS_SESSION_COOKIE_SECURE=auto, and ' +
  'REDIS_SESSION_COOKIE_NAME without the prefix __Host- or __Secure-.';

/** How the session's cookie looks. Contradictions have been refused at boot. */
export interface SessionCookieOptions {
  /** Its name where it is sent Secure, and where it is not. */
  readonly names: { readonly secure: string; readonly plain: string };
  readonly path: string;
  readonly domain?: string | undefined;
  readonly sameSite: 'lax' | 'strict' | 'none';
  /** `auto`: Secure where the request came over TLS, as the framework's own trust in proxies has it. */
  readonly secure: boolean | 'auto';
  readonly partitioned: boolean;
}

/** Hosts to which browsers send Secure cookies without TLS, since nobody can listen in. */
const LOOPBACK = /^(?:(?:[\w-]+\.)*localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d+)?$/i;
/** Names that browsers accept from a Secure cookie alone, also from this machine (RFC 6265bis, 4.1.3). */
const SECURE_NAME = /^__(?:host|secure|http)-/i;

const NOTHING: ReceivedTokens = { tokens: [], forged: false };

/** Carries the token in a cookie. */
export class SessionCookie implements TokenTransport {
  readonly requestHeader = 'Cookie';
  readonly ambient = true;
  readonly #options: SessionCookieOptions;
  readonly #signer: CookieSigner | undefined;
  readonly #dropped: () => void;

  /**
   * @param secrets With at least one, cookies are signed, and unsigned ones are never accepted.
   * @param dropped Is told of each cookie that browsers drop, because it is Secure, or named so, and goes over plain HTTP.
   */
  constructor(options: SessionCookieOptions, secrets: readonly string[], dropped: () => void = nothing) {
    this.#options = options;
    this.#dropped = dropped;
    this.#signer = secrets.length > 0 ? new CookieSigner(secrets) : undefined;
  }

  receive(headers: IncomingHttpHeaders, connection: RequestConnection): ReceivedTokens {
    if (headers.cookie === undefined) return NOTHING;
    const name = this.#name(connection);
    const tokens: SessionToken[] = [];
    let forged = false;
    for (const value of cookieValues(headers.cookie, name)) {
      const token = this.#signer === undefined ? value : this.#signer.verify(name, value);
      if (token === undefined || !isToken(token)) forged ||= value !== '';
      else if (!tokens.includes(token)) tokens.push(token);
      // What more there is changes nothing. Junk does not count: it decides neither whose session it is nor that it is nobody's.
      if (tokens.length > MAX_TOKENS) break;
    }
    return { tokens, forged };
  }

  send(instruction: CookieInstruction, connection: RequestConnection): { name: string; value: string } {
    if (instruction.action === 'set' && !connection.secure && this.#isDropped(connection)) this.#dropped();
    return { name: 'Set-Cookie', value: this.#setCookie(instruction, connection) };
  }

  /** Of a cookie that goes over plain HTTP. */
  #isDropped({ host }: RequestConnection): boolean {
    const { secure, names } = this.#options;
    return secure === true ? !LOOPBACK.test(host ?? '') : SECURE_NAME.test(names.plain);
  }

  #setCookie(instruction: CookieInstruction, connection: RequestConnection): string {
    const { path, domain, sameSite, partitioned } = this.#options;
    const secure = this.#isSecure(connection);
    const name = this.#name(connection);
    const set = instruction.action === 'set';
    const maxAge = set ? instruction.maxAge : 0;
    return stringifySetCookie({
      name,
      value: set ? this.#valueOf(name, instruction.token) : '',
      path,
      httpOnly: true,
      sameSite,
      secure,
      partitioned,
      ...(domain !== undefined && { domain }),
      ...(maxAge !== undefined && { maxAge }),
    });
  }

  #valueOf(name: string, token: SessionToken): string {
    return this.#signer === undefined ? token : this.#signer.sign(name, token);
  }

  #isSecure(connection: RequestConnection): boolean {
    return this.#options.secure === 'auto' ? connection.secure : this.#options.secure;
  }

  #name(connection: RequestConnection): string {
    const { secure, plain } = this.#options.names;
    return secure === plain || this.#isSecure(connection) ? secure : plain;
  }
}

function nothing(): void {
  // Nobody wants to know.
}
