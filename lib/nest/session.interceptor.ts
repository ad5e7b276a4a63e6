import {
  Inject,
  Injectable,
  Optional,
  StreamableFile,
  type CallHandler,
  type ExecutionContext,
  type NestInterceptor,
} from '@nestjs/common';
import { ExternalContextCreator, HttpAdapterHost } from '@nestjs/core';
import { ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { from, isObservable, Observable, Subscriber, throwError } from 'rxjs';
import { answersItself } from '../compat/answering-handler.js';
import { callDirectly, type DirectInterceptor, type Route } from '../compat/direct-interceptor.js';
import { spareAnswer } from '../http/late-writers.js';
import { RETRY_AFTER_SECONDS } from '../http/request-session.js';
import {
  hasBegun,
  isExchange,
  rawRequest,
  rawResponse,
  requestOf,
  responseOf,
  type AnyRequest,
  type AnyResponse,
} from './raw-http.js';
import { httpExceptionOf } from './session.exceptions.js';
import { isOwn, SessionService } from './session.service.js';

/**
 * The Valve: saves the session after the handler, before its value becomes a response, so that a save that fails
 * is an exception like any other. Whatever does not come this way (exceptions, guards, `@Res()`, streams) is
 * saved by the deferred response: a handler that answers by itself may go on after it has returned, and would find the answer
 * of an exception filter where its own was to be.
 */
@Injectable()
export class RedisSessionInterceptor implements NestInterceptor, DirectInterceptor {
  /** Taken before a decorator, a subclass or a tool that traces can put another in its place. */
  private static readonly ownIntercept: unknown = Reflect.get(RedisSessionInterceptor.prototype, 'intercept');
  readonly #sessions: SessionService | undefined;
  readonly #host: HttpAdapterHost;

  constructor(
    @Inject(SessionService) sessions: SessionService,
    @Inject(HttpAdapterHost) host: HttpAdapterHost,
    @Optional() @Inject(ExternalContextCreator) creator?: ExternalContextCreator,
  ) {
    this.#sessions = isOwn(sessions) ? sessions : undefined;
    this.#host = host;
    if (creator !== undefined) callDirectly(creator, this, RedisSessionInterceptor.ownIntercept);
  }

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const values = next.handle();
    if (context.getType() !== 'http') return values;
    const [request, response] = [requestOf(context), responseOf(context)];
    if (!isExchange(request, response)) return values;
    const answers = answersItself(context.getClass(), context.getHandler());
    return this.#savedFirst(values, answers ? undefined : request, response);
  }

  /** As {@link intercept}, without Nest's pipeline: of a value that the handler returned, or its promise, nobody makes an Observable. @internal */
  async around(
    request: AnyRequest,
    response: AnyResponse,
    handler: () => Promise<unknown>,
    { instance, method }: Route,
  ): Promise<unknown> {
    if (!isExchange(request, response)) return handler();
    const saving = answersItself(instance.constructor, method) ? undefined : request;
    let value: unknown;
    try {
      value = await handler();
      if (isObservable(value)) return this.#savedFirst(from(value), saving, response);
      const saved = this.owed(saving);
      if (saved !== undefined) {
        spareErrors(value);
        await saved;
      }
      return value;
    } catch (error) {
      closeUnsent(value);
      const thrown = this.thrown(error, response);
      // Nest 12 closes what the handler has opened, and interceptors have kept, where an Observable fails, not where this does.
      return throwError(() => thrown);
    }
  }

  #savedFirst(
    values: Observable<unknown>,
    request: AnyRequest | undefined,
    response: AnyResponse,
  ): Observable<unknown> {
    return new Observable((to) => void values.subscribe(new SavedFirst(to, this, request, response)));
  }

  /**
   * What the request's session owes the store at this moment; undefined: nothing. @internal
   * @param request Undefined: its handler answers by itself.
   */
  owed(request: AnyRequest | undefined): Promise<void> | undefined {
    return request && this.#sessions?.opened(rawRequest(request))?.commitEarly();
  }

  /** What exception filters get. Whichever of them answers, the client is told when to try again. @internal */
  thrown(error: unknown, response: AnyResponse): unknown {
    try {
      return this.#asAnswered(error, response);
    } catch {
      // A Proxy may throw where it is only looked at. Nobody would catch that here, and the client would wait for ever.
      return error;
    }
  }

  #asAnswered(error: unknown, response: AnyResponse): unknown {
    const exception = httpExceptionOf(error);
    if (exception === undefined) return error;
    const { httpAdapter } = this.#host;
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

/** The stream of a value that is to be sent as one. */
function streamOf(value: unknown): Readable | undefined {
  const stream = value instanceof StreamableFile ? value.getStream() : value;
  return stream instanceof Readable ? stream : undefined;
}

/** A stream that fails while the save is awaited has no other listener yet, with Nest 11, and would end the process. Whoever reads it gets the error. */
function spareErrors(value: unknown): void {
  streamOf(value)?.on('error', noop);
}

/** Nobody reads from a file that is not sent, and Nest 11 would leave it open. */
function closeUnsent(value: unknown): void {
  streamOf(value)?.destroy();
}

function noop(): void {
  // See spareErrors.
}

/**
 * Passes values on in order, each after what the session owes at that moment. As `mergeMap` would do it, but most values have
 * nothing to wait for, and those it passes on at once. A Subscriber itself, for which rxjs makes no wrapper.
 */
class SavedFirst extends Subscriber<unknown> {
  readonly #to: Subscriber<unknown>;
  readonly #valve: RedisSessionInterceptor;
  readonly #request: AnyRequest | undefined;
  readonly #response: AnyResponse;
  #saving: Promise<void> | undefined;

  constructor(
    to: Subscriber<unknown>,
    valve: RedisSessionInterceptor,
    request: AnyRequest | undefined,
    response: AnyResponse,
  ) {
    super(to);
    this.#to = to;
    this.#valve = valve;
    this.#request = request;
    this.#response = response;
  }

  protected override _next(value: unknown): void {
    let saved: Promise<void> | undefined;
    try {
      saved =
        this.#saving === undefined
          ? this.#valve.owed(this.#request)
          : this.#saving.then(() => this.#valve.owed(this.#request));
    } catch (error) {
      return this._error(error);
    }
    if (saved === undefined) return this.#to.next(value);
    spareErrors(value);
    this.#saving = saved.then(
      () => this.#to.next(value),
      (error: unknown) => {
        closeUnsent(value);
        this._error(error);
      },
    );
  }

  protected override _error(error: unknown): void {
    this.#to.error(this.#valve.thrown(error, this.#response));
  }

  protected override _complete(): void {
    if (this.#saving === undefined) this.#to.complete();
    else void this.#saving.then(() => this.#to.complete());
  }
}
