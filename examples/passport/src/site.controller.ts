import { Body, Controller, Get, Post, Req, Res, UseGuards } from '@nestjs/common';
import { AuthGuard } from '@nestjs/passport';
import { Throttle } from '@nestjs/throttler';
import type { Request, Response } from 'express';
import { Session, type HttpSession } from 'nestjs-redis-session';
import { LoginGuard } from './login.guard.js';
import { SessionThrottlerGuard } from './session-throttler.guard.js';

interface SiteSession {
  cart?: string[];
}

@Controller()
export class SiteController {
  @Post('login')
  @UseGuards(LoginGuard('local'))
  login(): void {
    // The guard has logged in.
  }

  /** Sends the browser to the provider. */
  @Get('provider')
  @UseGuards(AuthGuard('provider'))
  provider(): void {}

  /** The provider sends it back here. */
  @Get('provider/callback')
  @UseGuards(LoginGuard('provider'))
  callback(@Res() response: Response): void {
    response.redirect('/me');
  }

  @Post('logout')
  async logout(@Req() request: Request): Promise<void> {
    await new Promise<void>((resolve, reject) =>
      request.logout((error?: unknown) => (error ? reject(error as Error) : resolve())),
    );
  }

  /** Passport's user and the session's principal are one. */
  @Get('me')
  me(@Req() request: Request, @Session() session: HttpSession): object {
    return {
      user: request.user,
      authenticated: request.isAuthenticated(),
      principal: session.principal,
      session: session.id,
    };
  }

  @Post('cart')
  add(@Session() session: HttpSession<SiteSession>, @Body() { item }: { item: string }): string[] {
    return (session.cart = [...(session.cart ?? []), item]);
  }

  @Get('throttled')
  @UseGuards(SessionThrottlerGuard)
  @Throttle({ default: { limit: 3, ttl: 60_000 } })
  throttled(): string {
    return 'ok';
  }

  @Get('limited')
  limited(): string {
    return 'ok';
  }

  @Post('flash')
  flash(@Req() request: Request): void {
    request.flash('info', 'saved');
  }

  @Get('flash')
  flashed(@Req() request: Request): string[] {
    return request.flash('info');
  }

  @Get(['csurf/form', 'csrf-csrf/form'])
  form(@Req() request: Request): object {
    return { token: request.csrfToken?.() };
  }

  @Post(['csurf/form', 'csrf-csrf/form'])
  submit(): string {
    return 'submitted';
  }
}
