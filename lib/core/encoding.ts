import type { SessionCodec } from './codec.js';
import { SessionUnstorableValueError } from './errors.js';
import { kindOfObject, plainForm } from './object-kind.js';
import { findUnstorable, inspectionOf, type Unstorable } from './storable.js';

/** The bytes are those that are stored. */
export const UNCHANGED = 'unchanged';

/** The bytes of a value, if they differ from the stored ones; {@link UNCHANGED} if not; or why it cannot be stored. */
export function encodeIfChanged(
  codec: SessionCodec,
  value: unknown,
  stored: Uint8Array | undefined,
): Uint8Array | typeof UNCHANGED | Unstorable {
  const encoded = encode(codec, value);
  if ('reason' in encoded) return encoded;
  if (stored !== undefined && sameBytes(encoded, stored)) return UNCHANGED;
  // Although whoever assigned it has looked: what was storable may have been given something unstorable since.
  return findUnstorable(value) ?? encoded;
}

/** The bytes of a value, or why it cannot be stored. */
export function encodeStorable(codec: SessionCodec, value: unknown): Uint8Array | Unstorable {
  return findUnstorable(value) ?? encode(codec, value);
}

function encode(codec: SessionCodec, value: unknown): Uint8Array | Unstorable {
  try {
    return codec.encode(codec.takesInstances === true ? value : withoutInstances(value));
  } catch (error) {
    return findUnstorable(value) ?? refusalOf(error, codec.name);
  }
}

/** The words of a codec of ours are safe to show; what another one throws may quote the value. */
function refusalOf(error: unknown, codec: string): Unstorable {
  return isOurs(error)
    ? { reason: error.message, path: error.path }
    : { reason: `the ${codec} codec refused it`, path: '' };
}

/** What an application throws may throw in turn when it is asked what it is. */
function isOurs(error: unknown): error is SessionUnstorableValueError {
  try {
    return error instanceof SessionUnstorableValueError;
  } catch {
    return false;
  }
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && Buffer.compare(a, b) === 0;
}

/**
 * A value as a codec may have it that knows nothing of classes: the value itself, or where it holds instances a copy
 * with the plain form of each in its place. What is shared or cyclic stays so.
 * @throws SessionUnstorableValueError when it cannot be stored.
 */
function withoutInstances(value: unknown): unknown {
  const inspection = inspectionOf(value);
  if (inspection === undefined) return value;
  if (inspection.unstorable !== undefined) {
    const { reason, path } = inspection.unstorable;
    throw new SessionUnstorableValueError(reason, { path });
  }
  return inspection.holdsInstances ? new Copier().copy(value) : value;
}

class Copier {
  /** One for each instance, so that a form which leads back to its instance ends there. */
  readonly #forms = new Map<object, unknown>();
  readonly #copies = new Map<object, unknown>();

  copy(value: unknown): unknown {
    const form = this.#formOf(value);
    if (typeof form !== 'object' || form === null) return form;
    return this.#copies.has(form) ? this.#copies.get(form) : this.#copyObject(form);
  }

  #formOf(value: unknown): unknown {
    if (typeof value !== 'object' || value === null || kindOfObject(value).kind !== 'instance') return value;
    if (this.#forms.has(value)) return this.#forms.get(value);
    const plain = plainForm(value);
    if (!('form' in plain)) throw new SessionUnstorableValueError(plain.reason);
    this.#forms.set(value, plain.form);
    return plain.form;
  }

  #copyObject(value: object): unknown {
    switch (kindOfObject(value).kind) {
      case 'object': {
        const copy: Record<string, unknown> = this.#remember(value, {});
        const from = value as Record<string, unknown>;
        for (const key of Object.keys(from)) copy[key] = this.copy(from[key]);
        return copy;
      }
      case 'array': {
        const copy: unknown[] = this.#remember(value, []);
        for (const element of value as unknown[]) copy.push(this.copy(element));
        return copy;
      }
      case 'map': {
        const copy = this.#remember(value, new Map<unknown, unknown>());
        for (const [key, member] of Map.prototype.entries.call(value)) {
          copy.set(this.copy(key), this.copy(member));
        }
        return copy;
      }
      case 'set': {
        const copy = this.#remember(value, new Set<unknown>());
        for (const member of Set.prototype.values.call(value)) copy.add(this.copy(member));
        return copy;
      }
      default:
        return value;
    }
  }

  #remember<T extends object>(value: object, copy: T): T {
    this.#copies.set(value, copy);
    return copy;
  }
}
