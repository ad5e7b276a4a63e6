/** From a value to one inside it: a property, an index, or the place of an entry in a Map or Set, whose keys are data. */
export type Step = string | number | { readonly entry: number };

/** Keys that are shown as they are. Others may be data, or too long for a line. */
const PLAIN_KEY = /^[A-Za-z_$][\w$]{0,39}$/;
/** Most steps of a path that are shown. */
const MOST_STEPS = 20;

/** `.items[0].owner` */
export function pathOf(steps: readonly Step[]): string {
  const shown = steps.slice(0, MOST_STEPS).map(stepOf).join('');
  return steps.length > MOST_STEPS ? `${shown}…` : shown;
}

/** A path with the attribute it begins at: `cart.items[0]`. */
export function pathFrom(name: string, path: string): string {
  return PLAIN_KEY.test(name) ? name + path : `session[${nameInLog(name)}]${path}`;
}

/** An attribute's name as a line of a log shows it: it may be a client's words, of any length. */
export function nameInLog(name: string): string {
  return name.length <= 80 ? JSON.stringify(name) : `${JSON.stringify(name.slice(0, 80))}…`;
}

function stepOf(step: Step): string {
  if (typeof step === 'number') return `[${step}]`;
  if (typeof step === 'object') return `[entry ${step.entry}]`;
  return PLAIN_KEY.test(step) ? `.${step}` : '[…]';
}
