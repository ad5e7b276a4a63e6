import { Injectable, mixin, type ExecutionContext, type Type } from '@nestjs/common';
import { AuthGuard, type IAuthGuard } from '@nestjs/passport';
import type { Request } from 'express';

/** Who passes a strategy is logged in: AuthGuard alone says who it is, for this one request. */
export function LoginGuard(strategy: string): Type<IAuthGuard> {
  @Injectable()
  class StrategyLoginGuard extends AuthGuard(strategy) {
    override async canActivate(context: ExecutionContext): Promise<boolean> {
      await super.canActivate(context);
      await super.logIn(context.switchToHttp().getRequest<Request>());
      return true;
    }
  }
  return mixin(StrategyLoginGuard);
}
