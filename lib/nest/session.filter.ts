import { Catch, Inject, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { SessionFormatError, SessionStoreUnavailableError } from '../core/errors.js';
import { RETRY_AFTER_SECONDS, UNAVAILABLE_MESSAGE } from '../http/request-session.js';

/** Answers 503 with Retry-After when sessions cannot be served. The client learns nothing about why. */
@Catch(SessionStoreUnavailableError, SessionFormatError)
export class SessionUnavailableFilter implements ExceptionFilter {
  readonly #host: HttpAdapterHost;

  constructor(@Inject(HttpAdapterHost) host: HttpAdapterHost) {
    this.#host = host;
  }

  catch(error: unknown, host: ArgumentsHost): void {
    if (host.getType() !== 'http') throw error;
    const { httpAdapter } = this.#host;
    const response: unknown = host.switchToHttp().getResponse();
    // As Nest does it: what has begun is at least ended, or its client would wait for ever.
    if (httpAdapter.isHeadersSent(response)) return void httpAdapter.end(response);
    httpAdapter.setHeader(response, 'Retry-After', String(RETRY_AFTER_SECONDS));
    httpAdapter.reply(response, { statusCode: 503, message: UNAVAILABLE_MESSAGE }, 503);
  }
}
