import type { SessionCodec } from './codec.js';
import { SessionUnstorableValueError } from './errors.js';
import { findUnstorable, type Unstorable } from './storable.js';
import { withoutInstances } from './without-instances.js';

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
  return error instanceof SessionUnstorableValueError
    ? { reason: error.message, path: error.path }
    : { reason: `the ${codec} codec refused it`, path: '' };
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && Buffer.compare(a, b) === 0;
}
