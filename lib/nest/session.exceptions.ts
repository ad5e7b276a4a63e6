import { ConflictException, ServiceUnavailableException, type HttpException } from '@nestjs/common';
import {
  SessionCountError,
  SessionFormatError,
  SessionGoneError,
  SessionStoreUnavailableError,
  type SessionErrorCode,
  type StoreUnavailableReason,
} from '../core/errors.js';
import { COUNT_MESSAGE, GONE_MESSAGE, UNAVAILABLE_MESSAGE } from '../http/request-session.js';

/**
 * What guards, handlers and exception filters see when sessions cannot be served: an HttpException with status 503, so that a
 * filter that catches everything answers as it does for Nest's own. It is a {@link SessionStoreUnavailableError} (or a
 * {@link SessionFormatError}) for `instanceof`, too. `cause` tells why; the body, which the client sees, does not.
 */
export class SessionUnavailableException extends ServiceUnavailableException {
  override readonly name = 'SessionUnavailableException';
  /** Of the error that this stands for. */
  readonly code: SessionErrorCode;
  /** Why; undefined where it is a record that only a newer version can read. Not in the body. */
  readonly reason: StoreUnavailableReason | undefined;

  constructor(cause: SessionStoreUnavailableError | SessionFormatError) {
    super({ statusCode: 503, message: UNAVAILABLE_MESSAGE }, { cause });
    this.code = cause.code;
    this.reason = 'reason' in cause ? cause.reason : undefined;
  }
}

/** The session of a request ended under its hands: 409. It is a {@link SessionGoneError} for `instanceof`, too. */
export class SessionGoneException extends ConflictException {
  override readonly name = 'SessionGoneException';
  /** Of the error that this stands for. */
  readonly code: SessionErrorCode;

  constructor(cause: SessionGoneError) {
    super({ statusCode: 409, message: GONE_MESSAGE }, { cause });
    this.code = cause.code;
  }
}

/** A user has as many sessions as are allowed: 409. It is a {@link SessionCountError} for `instanceof`, too. */
export class SessionCountException extends ConflictException {
  /** Of the error that this stands for. */
  readonly code: SessionErrorCode;
  /** See {@link SessionCountError.limit}. */
  readonly limit: number;

  constructor(cause: SessionCountError) {
    super({ statusCode: 409, message: COUNT_MESSAGE }, { cause });
    this.code = cause.code;
    this.limit = cause.limit;
  }
}

/** An error of the core as Nest knows errors; undefined for any other. */
export function httpExceptionOf(error: unknown): HttpException | undefined {
  if (
    error instanceof SessionUnavailableException ||
    error instanceof SessionGoneException ||
    error instanceof SessionCountException
  )
    return error;
  if (error instanceof SessionCountError) return new SessionCountException(error);
  if (error instanceof SessionStoreUnavailableError || error instanceof SessionFormatError)
    return new SessionUnavailableException(error);
  return error instanceof SessionGoneError ? new SessionGoneException(error) : undefined;
}

/** An error of the core as Nest knows errors; every other as it is. */
export function asHttpException(error: unknown): unknown {
  return httpExceptionOf(error) ?? error;
}
