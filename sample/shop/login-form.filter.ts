import {
  BadRequestException,
  Catch,
  UnauthorizedException,
  type ArgumentsHost,
  type ExceptionFilter,
  type HttpException,
} from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { Layout } from '../pages/layout.js';
import { loginForm } from '../pages/login-form.js';
import { messagesOf } from '../pages/page-error.filter.js';

/** Shows the form again, with what was wrong. */
@Catch(BadRequestException, UnauthorizedException)
export class LoginFormFilter implements ExceptionFilter<HttpException> {
  constructor(
    private readonly adapterHost: HttpAdapterHost,
    private readonly layout: Layout,
  ) {}

  catch(exception: HttpException, host: ArgumentsHost): void {
    const adapter = this.adapterHost.httpAdapter;
    const response: unknown = host.switchToHttp().getResponse();
    adapter.setHeader(response, 'Content-Type', 'text/html; charset=utf-8');
    const page = this.layout.page('Log in', loginForm(messagesOf(exception)));
    adapter.reply(response, page, exception.getStatus());
  }
}
