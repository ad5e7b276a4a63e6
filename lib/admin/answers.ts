import { applyDecorators, Header, type HttpServer } from '@nestjs/common';
import type { AnyResponse } from '../nest/raw-http.js';
import { API_HEADERS, PAGE_HEADERS } from './style.js';

/** Headers of the answers of a handler of the JSON API. */
export const JsonAnswer = (): MethodDecorator =>
  applyDecorators(...Object.entries(API_HEADERS).map(([name, value]) => Header(name, value)));

/** Answers with a page. Not by what a handler returns: an application's interceptors may put that into an envelope. */
export function sendPage(adapter: HttpServer, response: AnyResponse, page: string, status = 200): void {
  for (const [name, value] of Object.entries(PAGE_HEADERS)) adapter.setHeader?.(response, name, value);
  adapter.reply(response, page, status);
}
