import { createParamDecorator, type ExecutionContext, type PipeTransform, type Type } from '@nestjs/common';
import { serviceOf } from './registry.js';

/**
 * The session of the request as a handler's parameter, loaded when the handler is called; `@Session('cart')` is
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
    const service = serviceOf(context.getArgByIndex<object>(0));
    const session = service.of<Record<string, unknown>>(context);
    return attribute === undefined ? session : session.then((loaded) => loaded[attribute]);
  },
);
