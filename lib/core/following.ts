import type { SessionState } from './session-state.js';
import type { NotThere } from './store.js';
import type { SessionId } from './token.js';

/** Id changes in a row that are followed. More than a request can meet, and an end to whatever goes round in a ring. */
export const MOST_MOVES = 20;

/**
 * Asks the store for something under the session's id, and where another request has changed that meanwhile, under the one
 * that it has now: what was under way goes where the session goes. A login is not followed.
 * @param goesOn Whether it is still to be asked there.
 */
export async function following<T extends { readonly status: string }>(
  state: SessionState,
  ask: (id: SessionId) => Promise<T | NotThere>,
  goesOn = (): boolean => true,
): Promise<T | NotThere> {
  for (let moves = 0; ; moves += 1) {
    const outcome = await ask(state.id);
    if (!hasMoved(outcome) || moves === MOST_MOVES) return outcome;
    state.moved(outcome.movedTo, outcome.inGrace === true);
    if (!goesOn()) return outcome;
  }
}

/** Whether the session goes on under another id. */
export function hasMoved(outcome: object): outcome is NotThere & { readonly movedTo: SessionId } {
  return 'movedTo' in outcome && outcome.movedTo !== undefined;
}
