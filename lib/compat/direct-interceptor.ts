import type { ExternalContextCreator } from '@nestjs/core';

/**
 * Private: the method of Nest's that runs the interceptors of a route. Each of them takes it many objects a request
 * (Observables, subscribers, async resources), a quarter of the time of a small request, for which one that only wants to
 * know when the handler is done has no use. Such a one, where it is the first, is called around the others here.
 */

/** What runs the handler, within the interceptors that are left. */
type Handler = () => Promise<unknown>;

/** A controller and its method. */
export interface Route {
  readonly instance: object;
  readonly method: object;
}

/** An interceptor that can also do its work in one call. */
export interface DirectInterceptor {
  /**
   * Resolves with what the handler did, or with an Observable in its place, which may also tell of a failure.
   * @param route The object whose method the handler is, and that.
   */
  around(request: unknown, response: unknown, handler: Handler, route: Route): Promise<unknown>;
}

interface InterceptorsConsumer {
  intercept: (
    this: InterceptorsConsumer,
    interceptors: readonly unknown[] | undefined,
    args: readonly unknown[],
    instance: object,
    callback: object,
    next: Handler,
    type?: string,
  ) => Promise<unknown>;
}

/** The part of `reflect-metadata`, which Nest installs, that is used here. */
const metadata = Reflect as typeof Reflect & { hasMetadata(key: string, target: object): boolean };

/** `@Sse()` marks a handler with it (@nestjs/common, constants). Whatever it returns, Nest expects an Observable of its pipeline. */
const SSE_MARK = '__sse__';

/** The `intercept()` that each of them has as long as nobody has replaced it. */
const direct = new WeakMap<object, unknown>();
const changed = new WeakSet<object>();
const sendsEvents = new WeakMap<object, boolean>();

/**
 * Has an interceptor called directly from now on, where it is the first of a route of HTTP, in the applications of one copy
 * of Nest. Where that has not the parts that this leans on, nothing changes: Nest calls `intercept()` as it calls any.
 * @param own What `intercept()` of the interceptor is as it was written. Whoever has replaced it wants it called.
 */
export function callDirectly(
  creator: ExternalContextCreator,
  interceptor: DirectInterceptor,
  own: unknown,
): void {
  // An object of the same class as the one that the router keeps to itself.
  const consumer = Reflect.get(creator, 'interceptorsConsumer') as InterceptorsConsumer | undefined;
  const prototype = consumer && (Object.getPrototypeOf(consumer) as InterceptorsConsumer);
  if (typeof prototype?.intercept !== 'function' || prototype.intercept.length !== 6) return;
  direct.set(interceptor, own);
  if (changed.has(prototype)) return;
  changed.add(prototype);
  const { intercept } = prototype;
  prototype.intercept = function (interceptors, args, instance, callback, next, type) {
    const first = interceptors?.[0];
    if (type !== 'http' || !isDirect(first) || isOfEvents(callback))
      return intercept.call(this, interceptors, args, instance, callback, next, type);
    const handler =
      interceptors?.length === 1
        ? next
        : () => intercept.call(this, interceptors?.slice(1), args, instance, callback, next, type);
    return first.around(args[0], args[1], handler, { instance, method: callback });
  };
}

function isDirect(interceptor: unknown): interceptor is DirectInterceptor {
  const own = direct.get(interceptor as object);
  // Asked at each call: tools that trace come after the constructor, and may come at any time.
  return own !== undefined && (interceptor as { readonly intercept: unknown }).intercept === own;
}

function isOfEvents(handler: object): boolean {
  let isOf = sendsEvents.get(handler);
  if (isOf === undefined) sendsEvents.set(handler, (isOf = metadata.hasMetadata(SSE_MARK, handler)));
  return isOf;
}
