import {
  Inject,
  Injectable,
  type CanActivate,
  type ExecutionContext,
  type HttpException,
} from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { ManagedSession } from '../core/session.js';
import { errorIn } from './context/denial.js';
import { httpExceptionOf } from './session.exceptions.js';
import { SessionService } from './session.service.js';

/** What guards that look at the session have in common. */
@Injectable()
export abstract class SessionGuard implements CanActivate {
  readonly #sessions: SessionService;
  readonly #reflector: Reflector;

  constructor(@Inject(SessionService) sessions: SessionService, @Inject(Reflector) reflector: Reflector) {
    this.#sessions = sessions;
    this.#reflector = reflector;
  }

  abstract canActivate(context: ExecutionContext): Promise<boolean>;

  /** What a decorator has noted on the handler or, without one there, on its controller. */
  protected metadata<T>(key: symbol, context: ExecutionContext): T | undefined {
    return this.#reflector.getAllAndOverride<T | undefined>(key, [context.getHandler(), context.getClass()]);
  }

  /** The session of the guarded request or message. @throws SessionUsageError in a context that has none. */
  protected async sessionOf(context: ExecutionContext): Promise<ManagedSession> {
    try {
      return await this.#sessions.managed(context);
    } catch (error) {
      const exception = httpExceptionOf(error);
      throw exception === undefined ? error : await errorIn(context, exception);
    }
  }

  /** Whether browsers send the token of a session unasked. */
  protected get ambient(): boolean {
    return this.#sessions.ambient;
  }

  /** Refuses, in the words that the context's clients understand. */
  protected async refuse(context: ExecutionContext, exception: HttpException): Promise<never> {
    throw await errorIn(context, exception);
  }
}
