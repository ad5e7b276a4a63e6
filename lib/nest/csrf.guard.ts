import {
  ForbiddenException,
  Injectable,
  SetMetadata,
  type CustomDecorator,
  type ExecutionContext,
} from '@nestjs/common';
import type { IncomingHttpHeaders } from 'node:http';
import { SessionUsageError } from '../core/errors.js';
import { graphqlRequestOf, operationOf } from './context/graphql.js';
import { placeOf } from './context/source.js';
import { ownField } from './raw-http.js';
import { SessionGuard } from './session.guard.js';

/** Where a client may put its CSRF token: a header (scripts), or a field of the body or the query (forms). */
export const CSRF_HEADER = 'x-csrf-token';
/** The field of the body, and of the query of a multipart form, see {@link CSRF_HEADER}. */
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
  readonly query?: unknown;
}

/**
 * Lets a request with an unsafe method, and a GraphQL mutation, pass only with a CSRF token of its own session
 * (`session.csrfToken()`), in the header `x-csrf-token` or the body's field `_csrf`; else 403. The body of a multipart form is read after
 * guards: such a form has the token in its address, `?_csrf=`. A socket, on which no token
 * travels, passes where its handshake came from a page of the same host (`Origin`), or from no browser. A session whose token
 * travels in a header passes: no other site can make a browser send that. What it cannot judge it refuses.
 *
 * @example
 * { provide: APP_GUARD, useClass: CsrfGuard } // or @UseGuards(CsrfGuard) on controllers, resolvers, gateways
 */
@Injectable()
export class CsrfGuard extends SessionGuard {
  /** Lets in what changes nothing, what is exempt and what brings its token; throws 403 for the rest. */
  async canActivate(context: ExecutionContext): Promise<boolean> {
    switch (context.getType<string>()) {
      case 'http': {
        const request = context.switchToHttp().getRequest<GuardedRequest>();
        return SAFE_METHODS.has(request.method) || this.#hasToken(context, request);
      }
      case 'graphql': {
        const place = placeOf(context);
        if (place.kind !== 'request') return this.#isSameOrigin(context, place.handshake.request.headers);
        return (
          operationOf(context) === 'query' ||
          this.#hasToken(context, graphqlRequestOf(context.getArgByIndex(2)).request as GuardedRequest)
        );
      }
      case 'ws': {
        const place = placeOf(context);
        return place.kind !== 'request' && this.#isSameOrigin(context, place.handshake.request.headers);
      }
      default:
        return this.#isExempt(context) || refuseContext(context.getType<string>());
    }
  }

  async #hasToken(context: ExecutionContext, request: GuardedRequest): Promise<boolean> {
    if (this.#isExempt(context)) return true;
    const session = await this.sessionOf(context);
    if (!this.ambient || session.isCsrfToken(tokenIn(request))) return true;
    const message = 'The CSRF token is missing or out of date. Reload the page and try again.';
    return this.refuse(context, new ForbiddenException(message));
  }

  /** Browsers send cookies with the handshake of a socket that any site opens, and tell which site that was. */
  async #isSameOrigin(context: ExecutionContext, { origin, host }: IncomingHttpHeaders): Promise<boolean> {
    if (this.#isExempt(context) || !this.ambient || origin === undefined) return true;
    if (host !== undefined && hostOf(origin) === host.toLowerCase()) return true;
    const message = 'This socket was opened by a page of another host. Open it from a page of this one.';
    return this.refuse(context, new ForbiddenException(message));
  }

  #isExempt(context: ExecutionContext): boolean {
    return this.metadata<boolean>(SKIP, context) === true;
  }
}

function tokenIn({ headers, body, query }: GuardedRequest): unknown {
  const given = headers[CSRF_HEADER] ?? ownField(body, CSRF_FIELD);
  if (given !== undefined || !/^multipart\/form-data\b/i.test(headers['content-type'] ?? '')) return given;
  return ownField(query, CSRF_FIELD);
}

function hostOf(origin: string): string | undefined {
  return URL.canParse(origin) ? new URL(origin).host : undefined;
}

function refuseContext(type: string): never {
  throw new SessionUsageError(
    `CsrfGuard knows HTTP, GraphQL and WebSocket contexts, and cannot tell what a forged one of type '${type}' would be. ` +
      'Put @SkipCsrf() on the handler or its class: what no browser sends cannot be forged by another site.',
  );
}
