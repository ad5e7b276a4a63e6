import {
  ForbiddenException,
  Injectable,
  SetMetadata,
  type CustomDecorator,
  type ExecutionContext,
} from '@nestjs/common';
import type { IncomingHttpHeaders } from 'node:http';
import { SessionGuard } from './session.guard.js';

/** Where a client may put its CSRF token: a header (scripts), or a field of the body (forms). */
export const CSRF_HEADER = 'x-csrf-token';
/** The body's field, see {@link CSRF_HEADER}. */
export const CSRF_FIELD = '_csrf';

/** They change nothing (RFC 9110, 9.2.1), so nothing is gained by forging them. */
const SAFE_METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE']);
const SKIP = Symbol('nestjs-redis-session:skip-csrf');

/** Exempts a handler or controller from {@link CsrfGuard}: webhooks, which bring proof of their own. */
export const SkipCsrf = (): CustomDecorator<symbol> => SetMetadata(SKIP, true);

interface GuardedRequest {
  readonly method: string;
  readonly headers: IncomingHttpHeaders;
  readonly body?: unknown;
}

/**
 * Lets a request with an unsafe method pass only with a CSRF token of its own session (`session.csrfToken()`), in the header
 * `x-csrf-token` or the body's field `_csrf`; else 403. A session whose token travels in a header passes: no other
 * site can make a browser send that.
 *
 * @example
 * { provide: APP_GUARD, useClass: CsrfGuard } // or @UseGuards(CsrfGuard) on controllers
 */
@Injectable()
export class CsrfGuard extends SessionGuard {
  async canActivate(context: ExecutionContext): Promise<boolean> {
    if (context.getType() !== 'http') return true;
    const { method, headers, body } = context.switchToHttp().getRequest<GuardedRequest>();
    if (SAFE_METHODS.has(method)) return true;
    if (this.metadata<boolean>(SKIP, context)) return true;
    const { session, ambient } = await this.requestSession(context);
    if (!ambient || session.isCsrfToken(headers[CSRF_HEADER] ?? fieldIn(body))) return true;
    throw new ForbiddenException('The CSRF token is missing or out of date. Reload the page and try again.');
  }
}

function fieldIn(body: unknown): unknown {
  if (typeof body !== 'object' || body === null || !Object.hasOwn(body, CSRF_FIELD)) return undefined;
  return (body as Record<string, unknown>)[CSRF_FIELD];
}
