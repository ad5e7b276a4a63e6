import { IncomingMessage, ServerResponse } from 'node:http';

/** The classes of requests and responses that `http.createServer` takes. */
export interface HttpClasses {
  readonly IncomingMessage: typeof IncomingMessage;
  readonly ServerResponse: typeof ServerResponse;
}

/** The first Node (V8 13) in which an object with a new prototype is as fast as any other. */
const FAST_PROTOTYPES_SINCE = 24;

/**
 * Classes whose objects have these prototypes from the start, so that setting the same prototypes later changes nothing: up to Node 22
 * an object whose prototype changes is slow for the rest of its life.
 *
 * Node's classes are functions that can be called on an object that another function has made. `class` does not allow that, and
 * `Reflect.construct` costs more than the change of prototype. Undefined where they are no such functions any more, where these are
 * no prototypes of requests and responses, or where this Node gains nothing.
 */
export function httpClassesWith(
  request: object,
  response: object,
  nodeMajor = Number(process.versions.node.split('.')[0]),
): HttpClasses | undefined {
  if (nodeMajor >= FAST_PROTOTYPES_SINCE) return undefined;
  if (!(request instanceof IncomingMessage && response instanceof ServerResponse)) return undefined;
  const classes = {
    IncomingMessage: calledBy(IncomingMessage, request),
    ServerResponse: calledBy(ServerResponse, response),
  };
  try {
    new classes.ServerResponse(new classes.IncomingMessage(undefined as never));
    return classes;
  } catch {
    return undefined;
  }
}

/** A constructor like another one, whose objects have another prototype. */
function calledBy<T extends typeof IncomingMessage | typeof ServerResponse>(made: T, prototype: object): T {
  const make = made as unknown as (this: object, ...args: unknown[]) => void;
  function Made(this: object, first: unknown, second: unknown): void {
    make.call(this, first, second);
  }
  Made.prototype = prototype;
  return Made as unknown as T;
}
