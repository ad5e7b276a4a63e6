import type { SessionLimitError } from '../../core/errors.js';
import { limitError, type SessionLimits } from '../../core/limits.js';
import type { Argument } from '../../redis/executor.js';
import { sizeOf } from './script-limits.js';

/** What a layer adds to a session: attributes of its own, the bytes of those, and bytes to each attribute. */
export interface SessionOverhead {
  readonly attributes: number;
  readonly bytes: number;
  readonly bytesOfEach: number;
}

const NO_OVERHEAD: SessionOverhead = { attributes: 0, bytes: 0, bytesOfEach: 0 };

/** The limits of a session as limits of its record, to which other layers may have added. */
export class RecordLimits {
  /** The arguments of scripts. */
  readonly args: readonly Argument[];
  readonly #limits: SessionLimits;
  readonly #overhead: SessionOverhead;

  /** @param limits Undefined: none. */
  constructor(limits: SessionLimits | undefined, overhead = NO_OVERHEAD) {
    this.#limits = limits ?? { maxSessionBytes: Infinity, maxAttributes: Infinity };
    this.#overhead = overhead;
    const { bytes, attributes, bytesOfEach } = overhead;
    this.args =
      limits === undefined
        ? [0, 0]
        : [sizeOf(limits.maxAttributes + attributes, limits.maxSessionBytes + bytes), bytesOfEach];
  }

  /** The error for a record that would hold this much. */
  refusal(bytes: number, attributes: number): SessionLimitError {
    return limitError(bytes - this.#overhead.bytes, attributes - this.#overhead.attributes, this.#limits);
  }
}
