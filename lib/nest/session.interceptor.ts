import {
  Inject,
  Injectable,
  type CallHandler,
  type ExecutionContext,
  type NestInterceptor,
} from '@nestjs/common';
import { from, map, mergeMap, of, type Observable } from 'rxjs';
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
    return next.handle().pipe(
      mergeMap((value: unknown) => {
        const opened = this.#sessions.opened(request);
        if (opened === undefined || !opened.keeps(response?.statusCode ?? 200)) return of(value);
        const saved = opened.commit();
        return saved === undefined ? of(value) : from(saved).pipe(map(() => value));
      }),
    );
  }
}
