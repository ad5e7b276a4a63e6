import type { Attributes } from './attributes.js';
import type { SessionEnvironment } from './environment.js';
import { SessionUnstorableValueError, SessionUpdateConflictError } from './errors.js';
import { hasMoved } from './following.js';
import { goneError } from './session-refusals.js';
import type { SessionState } from './session-state.js';
import { findUnstorable } from './storable.js';

/** Lost races after which an update gives up. With one contender a node this is never seen. */
const MAX_ATTEMPTS = 100;
const MAX_PAUSE_MS = 50;

interface UpdateContext {
  readonly environment: Pick<SessionEnvironment, 'store' | 'sleep'>;
  readonly state: SessionState;
  readonly authenticated: () => boolean;
}

/**
 * Compare-and-set with retries: starts from the bytes that were loaded, and after each lost race from those
 * that won it, with a random, growing pause so that contenders of several nodes come apart.
 * Resolves to the value that the store has acknowledged.
 * @throws SessionGoneError when the session is not there any more.
 * @throws SessionUpdateConflictError after {@link MAX_ATTEMPTS} lost races.
 * @throws SessionUnstorableValueError when `change` returns what cannot be stored.
 */
export async function updateAttribute(
  { environment, state, authenticated }: UpdateContext,
  name: string,
  change: (current: unknown) => unknown,
): Promise<unknown> {
  const { store, sleep } = environment;
  const { attributes } = state;
  let expected = attributes.storedBytes(name);
  for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt += 1) {
    const value = await change(expected === undefined ? undefined : attributes.decode(expected));
    const next = encoded(attributes, name, value);
    const { id } = state;
    const outcome = await store.compareAndSet(id, name, expected, next, authenticated());
    if (outcome.status === 'written') {
      attributes.replace(name, next, value);
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

function encoded(attributes: Attributes, name: string, value: unknown): Uint8Array | undefined {
  if (value === undefined || value === null) return undefined;
  const reason = findUnstorable(value);
  if (reason !== undefined) {
    throw new SessionUnstorableValueError(
      `update() of attribute ${JSON.stringify(name)} returned what cannot be stored: ${reason}.`,
    );
  }
  const bytes = attributes.encode(value);
  attributes.assertFits(name, bytes);
  return bytes;
}
