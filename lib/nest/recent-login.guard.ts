import {
  applyDecorators,
  Injectable,
  SetMetadata,
  UnauthorizedException,
  UseGuards,
  type ExecutionContext,
} from '@nestjs/common';
import { SessionUsageError } from '../core/errors.js';
import { SessionGuard } from './session.guard.js';

const MAX_AGE_SECONDS = Symbol('nestjs-redis-session:recent-login');

/**
 * Lets a handler (or all of a controller) be called only within so many seconds of a login; else 401, and the
 * application asks the user to log in again. For what needs more than a session left open: a new password, a payment
 * (OWASP ASVS 5.0, 7.5.1).
 *
 * @param seconds Since `authenticate()`, by the clock of the store.
 */
export function RequireRecentLogin(seconds: number): ClassDecorator & MethodDecorator {
  if (!Number.isSafeInteger(seconds) || seconds < 1) {
    throw new SessionUsageError(
      `@RequireRecentLogin() takes a whole number of seconds, at least 1, not ${seconds}.`,
    );
  }
  return applyDecorators(SetMetadata(MAX_AGE_SECONDS, seconds), UseGuards(RecentLoginGuard));
}

/** See {@link RequireRecentLogin}. */
@Injectable()
export class RecentLoginGuard extends SessionGuard {
  /** Lets in whoever logged in recently enough; throws 401 for anybody else. */
  async canActivate(context: ExecutionContext): Promise<boolean> {
    const maxAgeSeconds = this.metadata<number>(MAX_AGE_SECONDS, context);
    if (maxAgeSeconds === undefined) {
      throw new SessionUsageError(
        'RecentLoginGuard needs @RequireRecentLogin(seconds), which brings the guard along.',
      );
    }
    const { loginAgeMs } = (await this.sessionOf(context)).state;
    if (loginAgeMs !== undefined && loginAgeMs <= maxAgeSeconds * 1000) return true;
    return this.refuse(context, new UnauthorizedException('Please log in again to do this.'));
  }
}
