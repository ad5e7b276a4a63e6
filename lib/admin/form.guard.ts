import {
  Catch,
  ForbiddenException,
  Inject,
  Injectable,
  type ArgumentsHost,
  type ExceptionFilter,
  type ExecutionContext,
} from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { SessionFormatError, SessionStoreUnavailableError } from '../core/errors.js';
import { RETRY_AFTER_SECONDS } from '../http/request-session.js';
import { CsrfGuard } from '../nest/csrf.guard.js';
import { hasBegun, responseOf } from '../nest/raw-http.js';
import { sendPage } from './answers.js';
import { failurePage } from './views.js';

/** A form of the page without a CSRF token that is good: of a page that is older than the login, as a rule. */
class FormOutOfDate extends ForbiddenException {}

/** {@link CsrfGuard}, whose refusals the page tells from those of the application's own guards. */
@Injectable()
export class FormGuard extends CsrfGuard {
  override async canActivate(context: ExecutionContext): Promise<boolean> {
    try {
      return await super.canActivate(context);
    } catch (error) {
      throw error instanceof ForbiddenException ? new FormOutOfDate(error.message) : error;
    }
  }
}

/** Tells of the page's own failures on a page. What the application's guards throw is left to the application's filters. */
@Catch(FormOutOfDate, SessionStoreUnavailableError, SessionFormatError)
export class PageFailureFilter implements ExceptionFilter {
  readonly #host: HttpAdapterHost;

  constructor(@Inject(HttpAdapterHost) host: HttpAdapterHost) {
    this.#host = host;
  }

  catch(error: unknown, host: ArgumentsHost): void {
    const { httpAdapter } = this.#host;
    const response = responseOf(host);
    if (hasBegun(httpAdapter, response)) return void httpAdapter.end(response);
    if (error instanceof FormOutOfDate)
      return sendPage(
        httpAdapter,
        response,
        failurePage('This page was out of date, and nothing was ended.'),
        403,
      );
    const text = 'Sessions cannot be looked at or ended at the moment. Try again soon.';
    httpAdapter.setHeader(response, 'Retry-After', String(RETRY_AFTER_SECONDS));
    sendPage(httpAdapter, response, failurePage(text), 503);
  }
}
