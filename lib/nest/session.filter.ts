import { Catch, Inject, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import {
  SessionCountError,
  SessionFormatError,
  SessionGoneError,
  SessionStoreUnavailableError,
} from '../core/errors.js';
import { RETRY_AFTER_SECONDS } from '../http/request-session.js';
import { hasBegun, isExchange, requestOf, responseOf } from './raw-http.js';
import { httpExceptionOf } from './session.exceptions.js';

/**
 * Answers 503 with Retry-After when sessions cannot be served, and 409 where one ended under the hands of a request that
 * had to write to it, or where a user may have no more of them. The client learns nothing about why.
 */
@Catch(SessionStoreUnavailableError, SessionFormatError, SessionGoneError, SessionCountError)
export class SessionFailureFilter implements ExceptionFilter {
  readonly #host: HttpAdapterHost;

  constructor(@Inject(HttpAdapterHost) host: HttpAdapterHost) {
    this.#host = host;
  }

  catch(error: unknown, host: ArgumentsHost): void {
    const exception = httpExceptionOf(error);
    const response = responseOf(host);
    if (host.getType() !== 'http' || !isExchange(requestOf(host), response) || exception === undefined)
      throw error;
    const { httpAdapter } = this.#host;
    // As Nest does it: what has begun is at least ended, or its client would wait for ever.
    if (hasBegun(httpAdapter, response)) return void httpAdapter.end(response);
    const status = exception.getStatus();
    if (status === 503) httpAdapter.setHeader(response, 'Retry-After', String(RETRY_AFTER_SECONDS));
    httpAdapter.reply(response, exception.getResponse(), status);
  }
}
