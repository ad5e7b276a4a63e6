import { goneError } from './assertions.js';
import type { Attributes } from './attributes.js';
import { hasMoved } from './changes.js';
import { realSleep, realTimer, type Timer } from './clock.js';
import type { SessionEnvironment, SessionRules } from './environment.js';
import { SessionUnstorableValueError, SessionUpdateConflictError, SessionUsageError } from './errors.js';
import { RESERVED_MEMBERS } from './members.js';
import { THROWING_GETTER } from './object-kind.js';
import { reservedMember } from './session-handler.js';
import type { SessionState } from './state.js';
import { isWellFormed, nameInLog, reasonFor, standsForNothing, type Unstorable } from './storable.js';

/** Lost races after which an update gives up. With one contender a node this is never seen. */
const MAX_ATTEMPTS = 100;
const MAX_PAUSE_MS = 50;
/** How long a function may take. Others of this process go ahead sooner: see MAX_TURN_MS. */
const MAX_FUNCTION_MS = 30_000;

/** An atomic change of one attribute. */
interface Update {
  readonly name: string;
  readonly change: (current: unknown) => unknown;
  /** {@link Attributes.assignments} when it was begun. */
  readonly begun: number;
}

/**
 * Compare-and-set with retries: starts from the bytes that were loaded, and after each lost race from those that won
 * it, with a random, growing pause so that contenders of several nodes come apart.
 * @param authenticated Whether the session counts as authenticated.
 * @returns The value that the store has acknowledged.
 * @throws SessionGoneError when the session is not there any more.
 * @throws SessionUpdateConflictError after {@link MAX_ATTEMPTS} lost races.
 * @throws SessionUnstorableValueError when `change` returns what cannot be stored.
 * @throws SessionUsageError when it takes longer than {@link MAX_FUNCTION_MS}.
 */
export async function updateAttribute(
  { store, sleep = realSleep, timer }: Pick<SessionEnvironment, 'store' | 'sleep' | 'timer'>,
  state: SessionState,
  authenticated: boolean,
  { name, change, begun }: Update,
): Promise<unknown> {
  const { attributes } = state;
  let expected = attributes.storedBytes(name);
  for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt += 1) {
    const current = expected === undefined ? undefined : attributes.decode(name, expected);
    const value = await settled(name, change(current), timer);
    const next = encoded(attributes, name, value);
    const { id } = state;
    // The function itself may have logged in.
    const isAuthenticated = state.authenticated || authenticated;
    const outcome = await store.compareAndSet(id, name, expected, next, isAuthenticated);
    if (outcome.status === 'written') {
      attributes.replace(name, next, value, begun);
      state.used(outcome);
      return value;
    }
    if (outcome.status === 'conflict') {
      expected = outcome.actual;
      await sleep(Math.random() * Math.min(MAX_PAUSE_MS, 2 ** attempt));
    } else if (state.id === id) {
      if (!hasMoved(outcome)) {
        state.lost(outcome);
        throw goneError('update', id);
      }
      state.moved(outcome.movedTo, outcome.inGrace === true);
    }
    // The session has another id now, by this very request or another one: once more, under that.
  }
  throw new SessionUpdateConflictError(
    `update() of attribute ${JSON.stringify(name)} lost ${MAX_ATTEMPTS} races in a row and gave up; nothing was ` +
      'written. Too many requests change this attribute at once: keep such a counter in a key of its own.',
  );
}

/**
 * What an update's function returned, once it is there.
 * @throws SessionUsageError when that takes too long.
 * @throws SessionUnstorableValueError when it cannot be told whether it is a promise.
 */
export function settled(name: string, returned: unknown, timer: Timer = realTimer): unknown {
  if (!isThenable(name, returned)) return returned;
  return new Promise((resolve, reject) => {
    const stop = timer(MAX_FUNCTION_MS, () => {
      reject(
        new SessionUsageError(
          `The function given to update() of attribute ${nameInLog(name)} did not settle within ` +
            `${MAX_FUNCTION_MS / 1000} s; nothing was written. Do slow work before update(), not inside it.`,
        ),
      );
    });
    Promise.resolve(returned).then(resolve, reject).finally(stop);
  });
}

function isThenable(name: string, returned: unknown): boolean {
  try {
    return typeof (returned as Partial<PromiseLike<unknown>> | null | undefined)?.then === 'function';
  } catch {
    throw unstorable(name, { reason: THROWING_GETTER, path: '' });
  }
}

/** Why an attribute cannot be updated at all, if so: it is one that could not be assigned either. */
export function updateRefusal(
  name: unknown,
  change: unknown,
  { manualDirtyAttribute, persistOnDemandAttribute }: SessionRules,
): Error | undefined {
  if (typeof name !== 'string')
    return new SessionUsageError('update() takes the name of an attribute, a string, first.');
  if (typeof change !== 'function')
    return new SessionUsageError(
      `update() of attribute ${nameInLog(name)} takes a function second, which makes the new value of the current one.`,
    );
  if (RESERVED_MEMBERS.has(name)) return reservedMember(name, 'HttpSession');
  if (name === manualDirtyAttribute || name === persistOnDemandAttribute)
    return new SessionUsageError(
      `${nameInLog(name)} asks for a save where it is assigned and is never stored, so that update() cannot change it.`,
    );
  if (isWellFormed(name)) return undefined;
  return new SessionUnstorableValueError(
    `update() of attribute ${nameInLog(name)}: its name holds a lone surrogate, so it cannot be stored.`,
    { path: '' },
  );
}

export function updateInsideItself(name: string): SessionUsageError {
  return new SessionUsageError(
    `update() of attribute ${nameInLog(name)} was called inside the function of another update() of the same attribute, ` +
      'which would wait for itself. Return the new value from the outer function instead.',
  );
}

/** @throws SessionUnstorableValueError, or SessionLimitError, for what an update must not return. */
export function assertStorable(attributes: Attributes, name: string, value: unknown): void {
  encoded(attributes, name, value);
}

function encoded(attributes: Attributes, name: string, value: unknown): Uint8Array | undefined {
  if (value === undefined || value === null || standsForNothing(value)) return undefined;
  const bytes = attributes.encode(value);
  if ('reason' in bytes) throw unstorable(name, bytes);
  attributes.assertFits(name, bytes);
  return bytes;
}

function unstorable(name: string, what: Unstorable): SessionUnstorableValueError {
  return new SessionUnstorableValueError(
    `update() of attribute ${nameInLog(name)} returned what cannot be stored: ${reasonFor(name, what)}.`,
    { path: what.path },
  );
}
