import { Body, Controller, Post, Redirect, UnauthorizedException, UseFilters } from '@nestjs/common';
import { Session } from 'nestjs-redis-session';
import { Layout } from '../pages/layout.js';
import { loginForm } from '../pages/login-form.js';
import { PageErrorFilter } from '../pages/page-error.filter.js';
import { Page } from '../pages/page.decorator.js';
import { KEEPER } from './keeper.js';
import { LoginFormFilter } from './login-form.filter.js';
import { LoginDto } from './login.dto.js';
import { type ShopHttpSession } from './shop-session.js';

/** Of this demo. The keeper sees everybody's sessions, so that not just anybody may be called so. */
const passwordOf = (name: string): string => (name === KEEPER ? 'kettle' : 'tea');

/**
 * Log in and out. These forms carry no CSRF token (the order's and the account's do): the cookie is SameSite=Lax, so a form on
 * another site posts without it.
 */
@Controller()
@UseFilters(PageErrorFilter)
export class LoginController {
  constructor(private readonly layout: Layout) {}

  @Page('login')
  form(@Session() session: ShopHttpSession): string {
    return this.layout.page('Log in', loginForm(), session);
  }

  @Post('login')
  @UseFilters(LoginFormFilter)
  @Redirect('/', 303)
  async login(@Session() session: ShopHttpSession, @Body() { name, password }: LoginDto): Promise<void> {
    if (password !== passwordOf(name)) throw new UnauthorizedException('That is not the password.');
    // A new id, so that an id planted before the login is worth nothing after it; the guest's cart comes along.
    await session.authenticate(name);
  }

  @Post('logout')
  @Redirect('/', 303)
  async logout(@Session() session: ShopHttpSession): Promise<void> {
    await session.destroy();
  }
}
