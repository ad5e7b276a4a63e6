import { Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { SessionService } from 'nestjs-redis-session';
import { LoginRequired } from './login-required.js';

/** Lets only those in who are logged in. Guards run before any handler: the service gives them the same session. */
@Injectable()
export class AccountGuard implements CanActivate {
  constructor(private readonly sessions: SessionService) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const session = await this.sessions.of(context);
    if (session.principal === undefined) throw new LoginRequired();
    return true;
  }
}
