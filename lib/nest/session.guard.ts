import { Inject, Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { RequestSession } from '../http/request-session.js';
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

  /** The session of the guarded request. */
  protected requestSession(context: ExecutionContext): Promise<RequestSession> {
    return this.#sessions.requestSession(context);
  }
}
