import { setImmediate as nextTurn } from 'node:timers/promises';

/** How long something may take: both must have passed. Turns of the event loop do not depend on how fast a machine is. */
export interface Patience {
  readonly turns: number;
  readonly ms: number;
}

/** For what may well never happen. Server and client are in this process, so that a turn brings both on. */
export const SHORT: Patience = { turns: 150, ms: 15 };
/** For what has to happen. */
export const LONG: Patience = { turns: 1000, ms: 1500 };

/** In which a save is done and its response has left. */
export const SETTLE_TURNS = 8;

/** For timers, and for what their callbacks begin. */
const DUE_TURNS = 5;

/** Waits until a condition holds. Resolves to whether it does, in the end. */
export async function until(condition: () => boolean, { turns, ms }: Patience): Promise<boolean> {
  const start = performance.now();
  for (let turn = 0; turn < turns || performance.now() - start < ms; turn += 1) {
    if (condition()) return true;
    await nextTurn();
  }
  // The time may have passed in one go, while the process had no processor: what fell due in it has its turn yet.
  for (let turn = 0; turn < DUE_TURNS; turn += 1) await nextTurn();
  return condition();
}

/** Lets so many turns of the event loop pass. */
export async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn += 1) await nextTurn();
}
