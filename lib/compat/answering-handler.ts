/**
 * Private: the metadata that Nest's parameter decorators leave. By it Nest decides whether what a handler returns becomes the
 * response; nobody else is told.
 */

/** Where they keep what a handler's parameters are, by `type:index`, and where `@Res({ passthrough: true })` says so (@nestjs/common, constants). */
const [PARAMETERS, PASSTHROUGH] = ['__routeArguments__', '__responsePassthrough__'];
/** `@Res()` and `@Next()` (@nestjs/common, RouteParamtypes). */
const ANSWERING = /^[12]:/;

/** The part of `reflect-metadata`, which Nest installs, that is used here. */
const metadata = Reflect as typeof Reflect & {
  getMetadata(key: string | undefined, target: object, property: string): unknown;
};

interface Controller {
  readonly prototype: unknown;
}

const known = new WeakMap<object, boolean>();

/**
 * Whether a handler answers by itself, by `@Res()` or `@Next()`: what it returns means nothing then, nor does that it has returned. Where
 * Nest keeps that elsewhere than it does now, nobody is taken for one.
 */
export function answersItself(controller: Controller, handler: object): boolean {
  let answers = known.get(handler);
  if (answers === undefined) known.set(handler, (answers = isAnswering(controller, handler)));
  return answers;
}

function isAnswering(controller: Controller, handler: object): boolean {
  const name = nameOf(controller.prototype as object | null, handler);
  if (name === undefined) return false;
  const parameters = (metadata.getMetadata(PARAMETERS, controller, name) ?? {}) as object;
  const isGiven = Object.keys(parameters).some((each) => ANSWERING.test(each));
  return isGiven && metadata.getMetadata(PASSTHROUGH, controller, name) !== true;
}

/** The name of a method, which need not be its function's: decorators put others in its place. */
function nameOf(prototype: object | null, handler: object): string | undefined {
  for (let owner = prototype ?? null; owner !== null; owner = Object.getPrototypeOf(owner) as object | null) {
    for (const name of Object.getOwnPropertyNames(owner))
      if (Object.getOwnPropertyDescriptor(owner, name)?.value === handler) return name;
  }
  return undefined;
}
