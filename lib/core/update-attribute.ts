import type { Attributes } from './attributes.js';
import { SessionUnstorableValueError, SessionUpdateConflictError } from './errors.js';
import { findUnstorable } from './storable.js';
import type { NotThere, SessionStore, Written } from './store.js';
import type { SessionId } from './token.js';

/** Lost races after which an update gives up. With one contender a node this is never seen. */
const MAX_ATTEMPTS = 100;
const MAX_PAUSE_MS = 50;

interface UpdateContext {
  readonly store: SessionStore;
  readonly attributes: Attributes;
  readonly id: () => SessionId;
  readonly authenticated: () => boolean;
  readonly sleep: (milliseconds: number) => Promise<void>;
}

/** What came of it: `value` is what the store holds now, if the write was acknowledged. */
export interface UpdateResult {
  readonly outcome: Written | NotThere;
  readonly value: unknown;
}

/**
 * Compare-and-set with retries: starts from the bytes that were loaded, and after each lost race from those
 * that won it, with a random, growing pause so that contenders of several nodes come apart.
 * @throws SessionUpdateConflictError after {@link MAX_ATTEMPTS} lost races.
 * @throws SessionUnstorableValueError when `change` returns what cannot be stored.
 */
export async function updateAttribute(
  context: UpdateContext,
  name: string,
  change: (current: unknown) => unknown,
): Promise<UpdateResult> {
  const { store, attributes } = context;
  let expected = attributes.storedBytes(name);
  for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt += 1) {
    const value = await change(expected === undefined ? undefined : attributes.decode(expected));
    const next = encoded(attributes, name, value);
    const id = context.id();
    const outcome = await store.compareAndSet(id, name, expected, next, context.authenticated());
    if (outcome.status === 'written') {
      attributes.replace(name, next, value);
      return { outcome, value };
    }
    if (outcome.status === 'conflict') {
      expected = outcome.actual;
      await context.sleep(Math.random() * Math.min(MAX_PAUSE_MS, 2 ** attempt));
    } else if (context.id() === id) {
      return { outcome, value: undefined };
    }
    // Otherwise this very request renewed the session meanwhile: once more, under its new id.
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
