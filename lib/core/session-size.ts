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

  /** @throws SessionLimitError */
  assertWithin({ maxSessionBytes, maxAttributes }: SessionLimits): void {
    if (this.#bytes > maxSessionBytes) {
      throw new SessionLimitError(
        `The session would hold ${this.#bytes} bytes; ${maxSessionBytes} are allowed. Nothing was saved. ` +
          'Keep large data elsewhere and its key in the session, or raise REDIS_SESSION_MAX_BYTES.',
      );
    }
    if (this.#attributes > maxAttributes) {
      throw new SessionLimitError(
        `The session would hold ${this.#attributes} attributes; ${maxAttributes} are allowed. Nothing was saved. ` +
          'Group them, or raise REDIS_SESSION_MAX_ATTRIBUTES.',
      );
    }
  }
}
