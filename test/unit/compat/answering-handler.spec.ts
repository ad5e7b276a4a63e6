import { describe, expect, it } from '@jest/globals';
import { Controller, Next, Req, Res, createParamDecorator } from '@nestjs/common';
import { answersItself } from '../../../lib/compat/answering-handler.js';

/** As of a tool that traces or retries. */
function Wrapped(): MethodDecorator {
  return (_target, _name, descriptor) => ({
    ...descriptor,
    value: function () {
      return undefined;
    } as never,
  });
}

const Tenant = createParamDecorator(() => 'tenant');

@Controller()
class Handlers {
  get broken(): never {
    throw new Error('nobody may look');
  }
  plain(this: void): void {
    // Nest answers.
  }
  asked(this: void, @Req() _request: unknown, @Tenant() _tenant: unknown): void {
    // Nest answers.
  }
  passing(this: void, @Res({ passthrough: true }) _response: unknown): void {
    // Nest answers.
  }
  answers(this: void, @Req() _request: unknown, @Res() _response: unknown): void {
    // By itself.
  }
  handsOn(this: void, @Next() _next: unknown): void {
    // By itself.
  }
  @Wrapped()
  wrapped(this: void, @Res() _response: unknown): void {
    // By itself.
  }
}

class Derived extends Handlers {
  more(this: void): void {
    // Nest answers.
  }
}

class Replacing extends Handlers {
  override answers(this: void, @Res({ passthrough: true }) _request: unknown, _response: unknown): void {
    // Nest answers.
  }
}

/** A canary: where Nest keeps this elsewhere, a handler that answers later may find its response answered. */
describe('Whether a handler answers by itself', () => {
  it.each<[keyof Handlers, boolean]>([
    ['plain', false],
    ['asked', false],
    ['passing', false],
    ['answers', true],
    ['handsOn', true],
    ['wrapped', true],
  ])('%s: %s', (name, answers) => {
    expect(answersItself(Handlers, new Handlers()[name] as object)).toBe(answers);
    expect(answersItself(Handlers, new Handlers()[name] as object)).toBe(answers);
  });

  it('is told of what a class has from another one, and of what it has in its place', () => {
    class Twice extends Derived {}
    const { answers, more } = new Twice();
    expect([answersItself(Twice, answers), answersItself(Twice, more)]).toEqual([true, false]);
    expect(answersItself(Replacing, new Replacing().answers)).toBe(false);
  });

  it('is not asked of what is no method of a controller', () => {
    const stray = (): void => undefined;
    expect(answersItself(Handlers, stray)).toBe(false);
    expect(
      answersItself(
        Object.assign(() => undefined, { prototype: undefined }),
        stray,
      ),
    ).toBe(false);
  });
});
