import { SessionLimitError } from './errors.js';

/** Bounds on one session. */
export interface SessionLimits {
  /** Names and encoded values together, in bytes. */
  readonly maxSessionBytes: number;
  readonly maxAttributes: number;
}

/** What a session would hold, counted up attribute by attribute. */
export class SessionSize {
  #attributes = 0;
  #bytes = 0;

  add(name: string, encoded: Uint8Array): void {
    this.#attributes += 1;
    this.#bytes += Buffer.byteLength(name) + encoded.length;
  }

  /**
   * @param before What the session holds now: what is too large already may stay so, or shrink.
   * @throws SessionLimitError
   */
  assertWithin(limits: SessionLimits, before: () => SessionSize): void {
    const [bytes, attributes] = [this.#bytes, this.#attributes];
    if (bytes <= limits.maxSessionBytes && attributes <= limits.maxAttributes) return;
    const held = before();
    if (bytes > Math.max(held.#bytes, limits.maxSessionBytes)) throw limitError(bytes, attributes, limits);
    if (attributes > Math.max(held.#attributes, limits.maxAttributes))
      throw limitError(bytes, attributes, limits);
  }
}

/** What a session would hold is over one of its limits. */
export function limitError(
  bytes: number,
  attributes: number,
  { maxSessionBytes, maxAttributes }: SessionLimits,
): SessionLimitError {
  return new SessionLimitError(
    bytes > maxSessionBytes
      ? `The session would hold ${bytes} bytes; ${maxSessionBytes} are allowed. Nothing was saved. ` +
          'Keep large data elsewhere and its key in the session, or raise REDIS_SESSION_MAX_BYTES.'
      : `The session would hold ${attributes} attributes; ${maxAttributes} are allowed. Nothing was saved. ` +
          'Group them, or raise REDIS_SESSION_MAX_ATTRIBUTES.',
  );
}
