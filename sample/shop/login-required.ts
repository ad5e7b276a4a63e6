import { Catch, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';

/** Nobody is logged in. */
export class LoginRequired extends Error {}

/** Sends who must log in first to do so, wherever in the application a guard found that: on the admin page as well. */
@Catch(LoginRequired)
export class LoginRequiredFilter implements ExceptionFilter<LoginRequired> {
  constructor(private readonly adapterHost: HttpAdapterHost) {}

  catch(_: LoginRequired, host: ArgumentsHost): void {
    this.adapterHost.httpAdapter.redirect(host.switchToHttp().getResponse(), 303, '/login');
  }
}
