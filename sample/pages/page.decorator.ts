import { applyDecorators, Get, Header } from '@nestjs/common';

/** A GET route that answers with a page. */
export const Page = (path = ''): MethodDecorator =>
  applyDecorators(Get(path), Header('Content-Type', 'text/html; charset=utf-8'));
