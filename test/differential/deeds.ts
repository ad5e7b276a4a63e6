import type { ServerResponse } from 'node:http';
import type { Step } from './program.js';
import type { Scene } from './scene.js';

/** What a step works with. */
export interface Deed {
  readonly scene: Scene;
  readonly response: ServerResponse;
  /** The step's place and name. */
  readonly name: string;
  /** Calls a method of the response by its name, with arguments that need not be what it takes. */
  readonly call: (method: string, ...args: unknown[]) => unknown;
  /** Sets a property of the response. */
  readonly set: (property: string, value: unknown) => void;
}

/** What is done for each kind of step. A promise is waited for; what it resolves to is the outcome. */
export type Deeds<D extends Step['do']> = {
  readonly [K in D]: (deed: Deed, step: Step & { readonly do: K }) => unknown;
};

/** What step number `at` of a scene works with. */
export function deedOf(scene: Scene, step: Step, at: number): Deed {
  const { response } = scene;
  return {
    scene,
    response,
    name: `${at} ${step.do}`,
    call: (method, ...args) => {
      const found = (response as unknown as Record<string, unknown>)[method];
      if (typeof found !== 'function') return `nothing: there is no ${method} here`;
      return Reflect.apply(found, response, args) as unknown;
    },
    set: (property, value) => void Object.assign(response, { [property]: value }),
  };
}
