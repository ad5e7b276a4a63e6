import {
  Inject,
  Injectable,
  type CallHandler,
  type ExecutionContext,
  type NestInterceptor,
} from '@nestjs/common';
import { Observable } from 'rxjs';
import { rawExchange } from './raw-http.js';
import { SessionService } from './session.service.js';

/**
 * The Valve: saves the session after the handler, before its value becomes a response, so that a save that fails
 * is an exception like any other. Whatever does not come this way (exceptions, guards, `@Res()`, streams) is
 * saved by the hold on the response.
 */
@Injectable()
export class RedisSessionInterceptor implements NestInterceptor {
  readonly #sessions: SessionService;

  constructor(@Inject(SessionService) sessions: SessionService) {
    this.#sessions = sessions;
  }

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    if (context.getType() !== 'http') return next.handle();
    const { request, response } = rawExchange(context);
    return savedBefore(next.handle(), () => {
      const opened = this.#sessions.opened(request);
      // Once the headers have left, as with each event of SSE, it is the end of the response that saves.
      if (opened === undefined || response?.headersSent) return undefined;
      return opened.keeps(response?.statusCode ?? 200) ? opened.commit() : undefined;
    });
  }
}

/**
 * The values of a source, in order, each after what `save` has to wait for. As `mergeMap` would do it, but most values
 * have nothing to wait for, and for those it makes no observable.
 */
function savedBefore(
  source: Observable<unknown>,
  save: () => Promise<void> | undefined,
): Observable<unknown> {
  return new Observable((subscriber) => {
    let saving: Promise<void> | undefined;
    return source.subscribe({
      next: (value) => {
        const saved = saving === undefined ? save() : saving.then(save);
        if (saved === undefined) return subscriber.next(value);
        saving = saved.then(
          () => subscriber.next(value),
          (error: unknown) => subscriber.error(error),
        );
      },
      error: (error: unknown) => subscriber.error(error),
      complete: () => {
        if (saving === undefined) subscriber.complete();
        else void saving.then(() => subscriber.complete());
      },
    });
  });
}
