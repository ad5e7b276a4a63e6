/**
 * Turns one attribute's value into bytes and back.
 *
 * Promises an implementation makes:
 * - `decode(encode(v))` is equal to `v`, types included, for every value that `findUnstorable` lets pass. An instance of
 *   a class never comes here, but its plain form, unless `takesInstances` is set; nor should one come out of `decode`.
 * - Encoding is deterministic, and encoding a decoded value gives the bytes it was decoded from: that is
 *   how a change inside a value is seen.
 * - A decoded value shares no memory with the bytes: changing it in place must not change them.
 * - `encode` throws on a value it cannot keep, and the message holds nothing of the value;
 *   `decode` throws on bytes it did not write.
 */
export interface SessionCodec {
  /** Stored with each session, so that it is read with the codec it was written with. At most 32 of `[a-z0-9_-]`. */
  readonly name: string;
  /** `encode` writes instances of classes itself, as their `plainForm`. Spares it a look through each value beforehand. */
  readonly takesInstances?: boolean | undefined;
  /** The bytes of a value. Throws on one it cannot keep. */
  encode(value: unknown): Uint8Array;
  /** The value of bytes that `encode` returned. Throws on any other. */
  decode(bytes: Uint8Array): unknown;
}
