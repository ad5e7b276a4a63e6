import { HttpCode } from '@nestjs/common';

/** What `@Get('read') read(@Session() session)` compiles to: these files are plain JavaScript. */
export function route(target, name, verb, ...parameters) {
  const { prototype } = target;
  const descriptor = Object.getOwnPropertyDescriptor(prototype, name);
  parameters.forEach((decorate, index) => decorate(prototype, name, index));
  verb(prototype, name, descriptor);
  HttpCode(200)(prototype, name, descriptor);
}
