import { Catch, Inject, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { SessionFormatError, SessionGoneError, SessionStoreUnavailableError } from '../core/errors.js';
import { GONE_MESSAGE, RETRY_AFTER_SECONDS, UNAVAILABLE_MESSAGE } from '../http/request-session.js';

/**
 * Answers 503 with Retry-After when sessions cannot be served, and 409 where one ended under the hands of a request that
 * had to write to it. The client learns nothing about why.
 */
@Catch(SessionStoreUnavailableError, SessionFormatError, SessionGoneError)
export class SessionUnavailableFilter implements ExceptionFilter {
  readonly #host: HttpAdapterHost;

  constructor(@Inject(HttpAdapterHost) host: HttpAdapterHost) {
    this.#host = host;
  }

  catch(error: unknown, host: ArgumentsHost): void {
    if (host.getType() !== 'http') throw error;
    const { httpAdapter } = this.#host;
    const response: unknown = host.switchToHttp().getResponse();
    if (httpAdapter.isHeadersSent(response)) return;
    if (error instanceof SessionGoneError) {
      httpAdapter.reply(response, { statusCode: 409, message: GONE_MESSAGE }, 409);
      return;
    }
    httpAdapter.setHeader(response, 'Retry-After', String(RETRY_AFTER_SECONDS));
    httpAdapter.reply(response, { statusCode: 503, message: UNAVAILABLE_MESSAGE }, 503);
  }
}
