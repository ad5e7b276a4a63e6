import type { IncomingHttpHeaders } from 'node:http';
import type { CookieInstruction } from '../core/state.js';
import { isToken } from '../core/token.js';
import { CookieSigner } from './signer.js';
import type { ReceivedTokens, TokenTransport } from './token-transport.js';

/** Answers where the request header is `authorization`, which is no response header. */
const ANSWER_TO_AUTHORIZATION = 'X-Session-Token';
/** The scheme is case-insensitive (RFC 9110, 11.1). */
const CREDENTIALS = /^session +([^ ]+)$/i;

const NOTHING: ReceivedTokens = { tokens: [], forged: false };

/**
 * Carries the token in a header, for clients that keep it themselves: `Authorization: Session <token>`, or the
 * token alone in a header of one's choice. Cookies are neither read nor set. A new token comes back in the header of
 * the same name, or for `authorization` in X-Session-Token; empty, it says that the session is over.
 */
export class HeaderTransport implements TokenTransport {
  readonly requestHeader: string;
  readonly ambient = false;
  readonly #responseHeader: string;
  readonly #signer: CookieSigner | undefined;

  /**
   * @param header Name of the header, in lower case.
   * @param secrets With at least one, tokens are signed, and unsigned ones are never accepted.
   */
  constructor(header: string, secrets: readonly string[]) {
    this.requestHeader = header;
    this.#responseHeader = header === 'authorization' ? ANSWER_TO_AUTHORIZATION : header;
    this.#signer = secrets.length > 0 ? new CookieSigner(secrets) : undefined;
  }

  receive(headers: IncomingHttpHeaders): ReceivedTokens {
    const value = this.#valueIn(headers[this.requestHeader]);
    if (value === undefined) return NOTHING;
    const token = this.#signer === undefined ? value : this.#signer.verify(this.requestHeader, value);
    return token !== undefined && isToken(token)
      ? { tokens: [token], forged: false }
      : { tokens: [], forged: true };
  }

  send(instruction: CookieInstruction): { name: string; value: string } {
    return {
      name: this.#responseHeader,
      value: instruction.action === 'set' ? this.#valueOf(instruction.token) : '',
    };
  }

  #valueIn(given: string | string[] | undefined): string | undefined {
    const text = Array.isArray(given) ? given.join(', ') : given;
    if (text === undefined || text === '') return undefined;
    if (this.requestHeader !== 'authorization') return text;
    // Another scheme (Basic, Bearer) is not ours and no forgery.
    return CREDENTIALS.exec(text)?.[1];
  }

  #valueOf(token: string): string {
    return this.#signer === undefined ? token : this.#signer.sign(this.requestHeader, token);
  }
}
