import {
  Inject,
  Injectable,
  type CallHandler,
  type ExecutionContext,
  type NestInterceptor,
} from '@nestjs/common';
import { Observable, Subscriber } from 'rxjs';
import { rawRequest, requestOf } from './raw-http.js';
import { asHttpException } from './session-unavailable.exception.js';
import { SessionService } from './session.service.js';

/**
 * The Valve: saves the session after the handler, before its value becomes a response, so that a save that fails
 * is an exception like any other. Whatever does not come this way (exceptions, guards, `@Res()`, streams) is
 * saved by the deferred response.
 */
@Injectable()
export class RedisSessionInterceptor implements NestInterceptor {
  readonly #sessions: SessionService;

  constructor(@Inject(SessionService) sessions: SessionService) {
    this.#sessions = sessions;
  }

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    if (context.getType() !== 'http') return next.handle();
    const values = next.handle();
    const owed = (): Promise<void> | undefined => this.#owed(context);
    return new Observable((subscriber) => void values.subscribe(new SavedFirst(subscriber, owed)));
  }

  /** What the request's session owes the store at this moment; undefined: nothing. */
  #owed(context: ExecutionContext): Promise<void> | undefined {
    return this.#sessions.opened(rawRequest(requestOf(context)))?.commitEarly();
  }
}

/**
 * Passes values on in order, each after what `owed` has to wait for. As `mergeMap` would do it, but most values have
 * nothing to wait for, and those it passes on at once. A Subscriber itself, for which rxjs makes no wrapper.
 */
class SavedFirst extends Subscriber<unknown> {
  readonly #to: Subscriber<unknown>;
  readonly #owed: () => Promise<void> | undefined;
  #saving: Promise<void> | undefined;

  constructor(to: Subscriber<unknown>, owed: () => Promise<void> | undefined) {
    super(to);
    this.#to = to;
    this.#owed = owed;
  }

  protected override _next(value: unknown): void {
    let saved: Promise<void> | undefined;
    try {
      saved = this.#saving === undefined ? this.#owed() : this.#saving.then(this.#owed);
    } catch (error) {
      return this.#to.error(asHttpException(error));
    }
    if (saved === undefined) return this.#to.next(value);
    this.#saving = saved.then(
      () => this.#to.next(value),
      (error: unknown) => this.#to.error(asHttpException(error)),
    );
  }

  protected override _error(error: unknown): void {
    this.#to.error(asHttpException(error));
  }

  protected override _complete(): void {
    if (this.#saving === undefined) this.#to.complete();
    else void this.#saving.then(() => this.#to.complete());
  }
}
