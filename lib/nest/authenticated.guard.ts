import { Injectable, UnauthorizedException, type ExecutionContext } from '@nestjs/common';
import { SessionGuard } from './session.guard.js';

/**
 * Lets a handler be called only for somebody who is logged in: by `authenticate()`, or as `isAuthenticated` of the module's
 * options has it; else 401. For HTTP, GraphQL and gateways; in any other context it refuses with an error.
 *
 * @example
 * @UseGuards(AuthenticatedGuard) // on controllers, resolvers, gateways or handlers
 */
@Injectable()
export class AuthenticatedGuard extends SessionGuard {
  /** Lets in whoever is logged in; throws 401 for anybody else. */
  async canActivate(context: ExecutionContext): Promise<boolean> {
    const session = await this.sessionOf(context);
    if (session.isLoggedIn) return true;
    return this.refuse(context, new UnauthorizedException('Please log in.'));
  }
}
