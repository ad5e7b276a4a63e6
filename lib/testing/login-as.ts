import type { INestApplicationContext } from '@nestjs/common';
import { ModuleRef } from '@nestjs/core';
import { SessionUsageError } from '../core/errors.js';
import type { SessionAttributes } from '../core/members.js';
import type { CookieInstruction } from '../core/state.js';
import type { RequestSessionOptions } from '../http/request-session.js';
import type { TokenTransport } from '../http/token-transport.js';
import { REQUEST_SESSION_OPTIONS } from '../nest/tokens.js';

/** A Nest application, or the testing module that it is made of. */
export type TestedApplication = Pick<INestApplicationContext, 'get'>;

/** How {@link loginAs} is to log in. */
export interface LoginAsOptions {
  /**
   * Whether the requests that bring the cookie come over HTTPS, as the application sees it. Makes a difference where
   * REDIS_SESSION_COOKIE_SECURE is `auto`, which gives the cookie another name there. Default: false, as supertest and `inject()` send.
   */
  secure?: boolean | undefined;
}

/** Where requests of tests go. */
const HOST = 'localhost';

/**
 * Logs somebody in without a request: stores a new session of theirs, as `session.authenticate(principal)` in a handler does.
 * @param app The application, after `init()` or `listen()`.
 * @param principal Who: a non-empty string, or a number, which is kept as a string.
 * @param attributes What the session holds beside that. Default: nothing.
 * @returns The Cookie header of the logged-in session's requests; where REDIS_SESSION_TRANSPORT_HEADER is set, the value of
 * that header instead.
 * @throws SessionUsageError where the application has no session module.
 *
 * @example
 * const cookie = await loginAs(app, 'ann', { cart: ['tea'] });
 * await request(app.getHttpServer()).get('/cart').set('Cookie', cookie).expect(200);
 */
export async function loginAs<T extends object = SessionAttributes>(
  app: TestedApplication,
  principal: string | number,
  attributes?: Partial<T>,
  { secure = false }: LoginAsOptions = {},
): Promise<string> {
  const { manager, transport } = requestSessionOptions(app);
  try {
    const session = await manager.open([], { headersSent: false });
    Object.assign(session.httpSession, attributes);
    await session.authenticate(principal);
    // Set by the login.
    return requestHeader(transport, session.state.cookie as CookieInstruction, secure);
  } catch (error) {
    throw manager.asThrown(error);
  }
}

/** What the request header has, of a client that got the instruction. */
function requestHeader(transport: TokenTransport, instruction: CookieInstruction, secure: boolean): string {
  const { value } = transport.send(instruction, { secure, host: HOST });
  if (transport.requestHeader === 'authorization') return `Session ${value}`;
  return transport.ambient ? value.split(';', 1).join('') : value;
}

function requestSessionOptions(app: Partial<TestedApplication> | undefined): RequestSessionOptions {
  if (typeof app?.get !== 'function')
    throw new SessionUsageError('loginAs() takes the Nest application: loginAs(app, principal).');
  try {
    // Not by the application itself: one of NestFactory's ends the process where app.get() finds nothing.
    return app.get(ModuleRef).get<RequestSessionOptions>(REQUEST_SESSION_OPTIONS, { strict: false });
  } catch (error) {
    throw new SessionUsageError(
      'loginAs(app, principal) needs an application that imports RedisSessionModule: ' +
        "Test.createTestingModule({ imports: [RedisSessionModule.forRoot(), …] }), from 'nestjs-redis-session'.",
      { cause: error },
    );
  }
}
