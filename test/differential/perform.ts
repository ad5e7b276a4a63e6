import { BODY_STEPS } from './body-steps.js';
import { deedOf, type Deed, type Deeds } from './deeds.js';
import { FLOW_STEPS } from './flow-steps.js';
import { HEAD_STEPS } from './head-steps.js';
import { nameOf } from './observation.js';
import type { Step } from './program.js';
import type { Scene } from './scene.js';
import { SESSION_STEPS } from './session-steps.js';
import { described } from './values.js';

const STEPS: Deeds<Step['do']> = { ...HEAD_STEPS, ...BODY_STEPS, ...FLOW_STEPS, ...SESSION_STEPS };

/**
 * The handler of a program: does its steps one after the other, those that need no time in the same tick. Rejects as a
 * handler would that does not catch: always for a throw of its own, for what calls throw where the program is careless.
 */
export async function perform(scene: Scene): Promise<void> {
  const { steps, careless } = scene.program;
  for (const [at, step] of steps.entries()) {
    const deed = deedOf(scene, step, at);
    try {
      const result = doStep(deed, step);
      const value = result instanceof Promise ? ((await result) as unknown) : result;
      scene.note(deed.name, `returned ${described(value, scene.response)}`);
    } catch (error) {
      scene.note(deed.name, `threw ${nameOf(error)}`);
      if (careless || step.do === 'throw') throw error;
    }
  }
}

function doStep(deed: Deed, step: Step): unknown {
  const act = STEPS[step.do] as (deed: Deed, step: Step) => unknown;
  return act(deed, step);
}
