import { applyDecorators, Header } from '@nestjs/common';

/** AnswerHeaders of a handler's answers. */
export function AnswerHeaders(headers: Readonly<Record<string, string>>): MethodDecorator {
  return applyDecorators(...Object.entries(headers).map(([name, value]) => Header(name, value)));
}
