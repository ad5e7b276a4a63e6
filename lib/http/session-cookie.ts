import { stringifySetCookie } from 'cookie';
import type { CookieInstruction } from '../core/session-state.js';
import { isToken, type SessionToken } from '../core/token.js';
import { cookieValues } from './cookie-header.js';
import { CookieSigner } from './signer.js';

/** How the session's cookie looks. Contradictions have been refused at boot. */
export interface SessionCookieOptions {
  /** Its name where it is sent Secure, and where it is not. */
  readonly names: { readonly secure: string; readonly plain: string };
  readonly path: string;
  readonly domain?: string | undefined;
  readonly sameSite: 'lax' | 'strict' | 'none';
  /** `auto`: Secure where the request came over TLS, as the framework's own trust in proxies has it. */
  readonly secure: boolean | 'auto';
  /** Seconds; undefined: a cookie of the browser's session. */
  readonly maxAgeSeconds?: number | undefined;
  readonly partitioned: boolean;
}

/** Reads and writes the cookie that carries a session's token. */
export class SessionCookie {
  readonly #options: SessionCookieOptions;
  readonly #signer: CookieSigner | undefined;

  /** @param secrets With at least one, cookies are signed, and unsigned ones are never accepted. */
  constructor(options: SessionCookieOptions, secrets: readonly string[]) {
    this.#options = options;
    this.#signer = secrets.length > 0 ? new CookieSigner(secrets) : undefined;
  }

  /** The tokens a request brings that could be ours; usually none or one. */
  tokensIn(header: string | undefined, secureRequest: boolean): SessionToken[] {
    if (header === undefined) return [];
    const name = this.#name(secureRequest);
    const tokens: SessionToken[] = [];
    for (const value of cookieValues(header, name)) {
      const token = this.#signer === undefined ? value : this.#signer.verify(name, value);
      if (token !== undefined && isToken(token)) tokens.push(token);
    }
    return tokens;
  }

  /** The Set-Cookie header an instruction asks for. */
  header(instruction: CookieInstruction, secureRequest: boolean): string {
    const { path, domain, sameSite, maxAgeSeconds, partitioned } = this.#options;
    const secure = this.#isSecure(secureRequest);
    const name = this.#name(secureRequest);
    const set = instruction.action === 'set';
    const maxAge = set ? maxAgeSeconds : 0;
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

  #isSecure(secureRequest: boolean): boolean {
    return this.#options.secure === 'auto' ? secureRequest : this.#options.secure;
  }

  #name(secureRequest: boolean): string {
    const { secure, plain } = this.#options.names;
    return this.#isSecure(secureRequest) ? secure : plain;
  }
}
