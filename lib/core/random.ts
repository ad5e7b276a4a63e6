import { randomFillSync } from 'node:crypto';

/** Source of randomness; a parameter so that tests can fix it. Must be a CSPRNG in production. */
export type RandomSource = (bytes: number) => Uint8Array;

/** Some hundred tokens. */
const POOL_BYTES = 4096;

/**
 * Random bytes that are fetched in advance, since to ask for a few takes as long as to ask for thousands: several microseconds. Each
 * byte is handed out once, as a copy that nobody else holds, and is gone from here by then.
 *
 * No two processes hold the same bytes: a child process, `cluster` and a worker thread load their modules anew, and nothing is
 * fetched before it is asked for. Node's own `randomUUID()` keeps bytes in the same way.
 */
export class RandomPool {
  /** No Buffer, whose `slice` would hand out the pool itself. */
  readonly #bytes = new Uint8Array(POOL_BYTES);
  readonly #fill: (bytes: Uint8Array) => unknown;
  #used = POOL_BYTES;

  /** @param fill Puts random bytes in place of all that are there, or throws. */
  constructor(fill: (bytes: Uint8Array) => unknown = randomFillSync) {
    this.#fill = fill;
  }

  take(bytes: number): Uint8Array {
    if (bytes > POOL_BYTES - this.#used) this.#refill(bytes);
    const start = this.#used;
    this.#used += bytes;
    const taken = this.#bytes.slice(start, this.#used);
    this.#bytes.fill(0, start, this.#used);
    return taken;
  }

  #refill(bytes: number): void {
    if (bytes > POOL_BYTES) throw new RangeError(`${bytes} random bytes are more than ${POOL_BYTES}.`);
    // What a filling that throws has left is nobody's.
    this.#used = POOL_BYTES;
    this.#fill(this.#bytes);
    this.#used = 0;
  }
}

const pool = new RandomPool();

/** Bytes of the system's CSPRNG. */
export const randomBytes: RandomSource = (bytes) => pool.take(bytes);
