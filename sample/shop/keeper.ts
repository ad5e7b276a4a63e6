import { ForbiddenException, Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { SessionService } from 'nestjs-redis-session';
import { LoginRequired } from './login-required.js';

/** Who keeps the shop. A real one has roles; here it is one name, with a password of its own. */
export const KEEPER = 'keeper';

/** Lets only the keeper see everybody's sessions: the guard of the admin page. That somebody is logged in is not enough. */
@Injectable()
export class KeeperGuard implements CanActivate {
  constructor(private readonly sessions: SessionService) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const { principal } = await this.sessions.of(context);
    if (principal === undefined) throw new LoginRequired();
    if (principal !== KEEPER) throw new ForbiddenException('Only the keeper of the shop sees this.');
    return true;
  }
}
