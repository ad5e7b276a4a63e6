import type { IncomingHttpHeaders } from 'node:http';
import type { CookieInstruction } from '../core/state.js';
import type { OldCookies } from '../core/manager.js';
import type { SessionToken } from '../core/token.js';

/** What a request brings. */
export interface ReceivedTokens {
  /** Those that could be ours, each once, and no more than are needed to see that they are too many; none or one as a rule. */
  readonly tokens: readonly SessionToken[];
  /** Whether there was also something that cannot be ours. */
  readonly forged: boolean;
  /** Cookies of another library, if there are any. */
  readonly old?: OldCookies | undefined;
}

/** The connection that a request came over. */
export interface RequestConnection {
  /** The request as its framework has it. */
  readonly source?: object | undefined;
  /** Whether it was TLS, as the framework sees it, which takes Express a while to find out: ask where it matters. */
  readonly secure: boolean;
  /** What the client calls the server, with a port: its Host header. */
  readonly host?: string | undefined;
}

/** How a session's token travels between client and server. */
export interface TokenTransport {
  /** The request header it comes in: what a response that touched a session varies on. */
  readonly requestHeader: string;
  /** Whether a browser sends it unasked, so that another site can make it do so (CSRF). */
  readonly ambient: boolean;
  /** Reads hostile input: never throws, in linear time. */
  receive(headers: IncomingHttpHeaders, connection: RequestConnection): ReceivedTokens;
  /** The response header that carries out an instruction. */
  send(
    instruction: CookieInstruction,
    connection: RequestConnection,
  ): { readonly name: string; readonly value: string };
}
