import { Catch, HttpException, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { html } from './html.js';
import { Layout } from './layout.js';

/** What an exception tells the client: one sentence, or a list where validation found several faults. */
export function messagesOf(exception: HttpException): readonly string[] {
  const response: unknown = exception.getResponse();
  const message: unknown =
    typeof response === 'object' && response !== null && 'message' in response
      ? response.message
      : exception.message;
  return Array.isArray(message) ? message.map(String) : [String(message)];
}

/** Shows an error as a page. */
@Catch(HttpException)
export class PageErrorFilter implements ExceptionFilter<HttpException> {
  constructor(
    private readonly adapterHost: HttpAdapterHost,
    private readonly layout: Layout,
  ) {}

  catch(exception: HttpException, host: ArgumentsHost): void {
    // The adapter and not Express's response: the sample runs on Fastify too.
    const adapter = this.adapterHost.httpAdapter;
    const response: unknown = host.switchToHttp().getResponse();
    const body = html`<div class="card error">
        ${messagesOf(exception).map((line) => html`<p>${line}</p>`)}
      </div>
      <p><a href="/">Back to the shop</a></p>`;
    adapter.setHeader(response, 'Content-Type', 'text/html; charset=utf-8');
    adapter.reply(response, this.layout.page(`Error ${exception.getStatus()}`, body), exception.getStatus());
  }
}
