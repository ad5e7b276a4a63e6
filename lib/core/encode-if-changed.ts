import type { SessionCodec } from './codec.js';
import { SessionUnstorableValueError } from './errors.js';
import { findUnstorable } from './storable.js';

/** The bytes are those that are stored. */
export const UNCHANGED = '';

/**
 * The bytes of a value, if they differ from the stored ones; {@link UNCHANGED} if not; or why the value cannot be
 * stored, in words that hold nothing of it.
 */
export function encodeIfChanged(
  codec: SessionCodec,
  value: unknown,
  stored: Uint8Array | undefined,
): Uint8Array | string {
  let bytes: Uint8Array;
  try {
    bytes = codec.encode(value);
  } catch (error) {
    return findUnstorable(value) ?? refusalOf(error, codec.name);
  }
  if (stored !== undefined && sameBytes(bytes, stored)) return UNCHANGED;
  // Although whoever assigned it has looked: what was storable may have been given something unstorable since.
  return findUnstorable(value) ?? bytes;
}

/** The words of a codec of ours are safe to show; what another one throws may quote the value. */
function refusalOf(error: unknown, codec: string): string {
  return error instanceof SessionUnstorableValueError ? error.message : `the ${codec} codec refused it`;
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && Buffer.compare(a, b) === 0;
}
