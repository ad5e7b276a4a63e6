import { createParamDecorator, type ExecutionContext, type PipeTransform, type Type } from '@nestjs/common';
import { serviceIn } from './registry.js';

/**
 * The session of the request, or of a gateway's message, as a handler's parameter, loaded when the handler is called; `@Session('cart')` is
 * its attribute of that name. Pipes may follow, as with Nest's own decorators.
 *
 * @example
 * home(@Session() session: HttpSession<ShopSession>) { session.views = (session.views ?? 0) + 1; }
 */
export const Session: (
  attribute?: string | PipeTransform | Type<PipeTransform>,
  ...pipes: (PipeTransform | Type<PipeTransform>)[]
) => ParameterDecorator = createParamDecorator(
  (attribute: string | undefined, context: ExecutionContext): Promise<unknown> => {
    const session = serviceIn(context, '@Session()').of<Record<string, unknown>>(context);
    return attribute === undefined ? session : session.then((loaded) => loaded[attribute]);
  },
);

/**
 * Who is logged in, as a handler's parameter: what `authenticate()` was given, as a string. Undefined for a guest, which
 * {@link AuthenticatedGuard} lets in nowhere. Pipes may follow.
 *
 * @example
 * @UseGuards(AuthenticatedGuard) @Get('me') me(@Principal() userId: string) {}
 */
export const Principal: (...pipes: (PipeTransform | Type<PipeTransform>)[]) => ParameterDecorator =
  createParamDecorator(
    async (_: unknown, context: ExecutionContext): Promise<string | undefined> =>
      (await serviceIn(context, '@Principal()').of(context)).principal,
  );
