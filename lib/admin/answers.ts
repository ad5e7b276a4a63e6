import { applyDecorators, Header, type HttpServer } from '@nestjs/common';
import type { AnyResponse } from '../nest/raw-http.js';
import { STYLE_SOURCE } from './style.js';

/**
 * Sent with each answer of the page. Its one style is known by its hash and it has no script, so that what a client has put into a
 * name could do nothing even if it got into the markup.
 */
const PAGE_HEADERS: Readonly<Record<string, string>> = {
  'Content-Type': 'text/html; charset=utf-8',
  'Content-Security-Policy': `default-src 'none'; style-src ${STYLE_SOURCE}; img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'`,
  'X-Frame-Options': 'DENY',
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'same-origin',
  'Cache-Control': 'no-store',
};

/** Sent with each answer of the JSON API. */
const API_HEADERS: Readonly<Record<string, string>> = {
  'X-Content-Type-Options': 'nosniff',
  'Cache-Control': 'no-store',
};

/** Headers of the answers of a handler of the JSON API. */
export const JsonAnswer = (): MethodDecorator =>
  applyDecorators(...Object.entries(API_HEADERS).map(([name, value]) => Header(name, value)));

/** Answers with a page. Not by what a handler returns: an application's interceptors may put that into an envelope. */
export function sendPage(adapter: HttpServer, response: AnyResponse, page: string, status = 200): void {
  for (const [name, value] of Object.entries(PAGE_HEADERS)) adapter.setHeader?.(response, name, value);
  adapter.reply(response, page, status);
}
