import { ServiceUnavailableException } from '@nestjs/common';
import { SessionFormatError, SessionStoreUnavailableError, type SessionErrorCode } from '../core/errors.js';
import { UNAVAILABLE_MESSAGE } from '../http/request-session.js';

/**
 * What guards, handlers and exception filters see when sessions cannot be served: an HttpException with status 503, so that a
 * filter that catches everything answers as it does for Nest's own. It is a {@link SessionStoreUnavailableError} (or a
 * {@link SessionFormatError}) for `instanceof`, too. `cause` tells why; the body, which the client sees, does not.
 */
export class SessionUnavailableException extends ServiceUnavailableException {
  readonly code: SessionErrorCode;

  constructor(cause: SessionStoreUnavailableError | SessionFormatError) {
    super({ statusCode: 503, message: UNAVAILABLE_MESSAGE }, { cause });
    this.code = cause.code;
  }
}

/** An error of the core as Nest knows errors; every other as it is. */
export function asHttpException(error: unknown): unknown {
  if (error instanceof SessionUnavailableException) return error;
  return error instanceof SessionStoreUnavailableError || error instanceof SessionFormatError
    ? new SessionUnavailableException(error)
    : error;
}
