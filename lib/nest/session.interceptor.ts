import {
  Inject,
  Injectable,
  type CallHandler,
  type ExecutionContext,
  type NestInterceptor,
} from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { ServerResponse } from 'node:http';
import { Observable, Subscriber } from 'rxjs';
import { spareAnswer } from '../http/late-writers.js';
import { RETRY_AFTER_SECONDS } from '../http/request-session.js';
import { hasBegun, rawRequest, rawResponse, requestOf, responseOf } from './raw-http.js';
import { httpExceptionOf } from './session.exceptions.js';
import { SessionService } from './session.service.js';

/**
 * The Valve: saves the session after the handler, before its value becomes a response, so that a save that fails
 * is an exception like any other. Whatever does not come this way (exceptions, guards, `@Res()`, streams) is
 * saved by the deferred response.
 */
@Injectable()
export class RedisSessionInterceptor implements NestInterceptor {
  readonly #sessions: SessionService;
  readonly #host: HttpAdapterHost;

  constructor(
    @Inject(SessionService) sessions: SessionService,
    @Inject(HttpAdapterHost) host: HttpAdapterHost,
  ) {
    this.#sessions = sessions;
    this.#host = host;
  }

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    if (context.getType() !== 'http') return next.handle();
    const values = next.handle();
    return new Observable((to) => void values.subscribe(new SavedFirst(to, this, context)));
  }

  /** What the request's session owes the store at this moment; undefined: nothing. @internal */
  owed(context: ExecutionContext): Promise<void> | undefined {
    return this.#sessions.opened(rawRequest(requestOf(context)))?.commitEarly();
  }

  /** What exception filters get. Whichever of them answers, the client is told when to try again. @internal */
  thrown(error: unknown, context: ExecutionContext): unknown {
    const exception = httpExceptionOf(error);
    if (exception === undefined) return error;
    const { httpAdapter } = this.#host;
    const response = responseOf(context);
    if (hasBegun(httpAdapter, response)) return exception;
    const raw = rawResponse(response);
    // The handler's own words were about what did not come to pass, and may even be such that nobody can answer with them.
    if (raw instanceof ServerResponse) raw.statusMessage = '';
    spareAnswer(raw);
    if (exception.getStatus() === 503)
      httpAdapter.setHeader(response, 'Retry-After', String(RETRY_AFTER_SECONDS));
    return exception;
  }
}

/**
 * Passes values on in order, each after what the session owes at that moment. As `mergeMap` would do it, but most values have
 * nothing to wait for, and those it passes on at once. A Subscriber itself, for which rxjs makes no wrapper.
 */
class SavedFirst extends Subscriber<unknown> {
  readonly #to: Subscriber<unknown>;
  readonly #valve: RedisSessionInterceptor;
  readonly #context: ExecutionContext;
  #saving: Promise<void> | undefined;

  constructor(to: Subscriber<unknown>, valve: RedisSessionInterceptor, context: ExecutionContext) {
    super(to);
    this.#to = to;
    this.#valve = valve;
    this.#context = context;
  }

  protected override _next(value: unknown): void {
    let saved: Promise<void> | undefined;
    try {
      saved =
        this.#saving === undefined
          ? this.#valve.owed(this.#context)
          : this.#saving.then(() => this.#valve.owed(this.#context));
    } catch (error) {
      return this._error(error);
    }
    if (saved === undefined) return this.#to.next(value);
    this.#saving = saved.then(
      () => this.#to.next(value),
      (error: unknown) => this._error(error),
    );
  }

  protected override _error(error: unknown): void {
    this.#to.error(this.#valve.thrown(error, this.#context));
  }

  protected override _complete(): void {
    if (this.#saving === undefined) this.#to.complete();
    else void this.#saving.then(() => this.#to.complete());
  }
}
