import type { SessionCodec } from './codec.js';
import { SessionLimitError, SessionUnstorableValueError } from './errors.js';
import { findUnstorable } from './storable.js';

/** Bounds on one session. */
export interface SessionLimits {
  /** Names and encoded values together, in bytes. */
  readonly maxSessionBytes: number;
  readonly maxAttributes: number;
}

/** What differs from the store. */
export interface AttributeDifference {
  readonly set: ReadonlyMap<string, Uint8Array>;
  readonly remove: readonly string[];
}

/** Told of an attribute that was not stored (or not read), and why. Never gets a value. */
export type OnRefused = (name: string, reason: string) => void;

/**
 * One attribute. `stored` is what the store holds as far as we know; `value` is in hand once `live`.
 * `assigned` asks for a comparison even of primitives, which cannot change by themselves.
 */
interface Slot {
  state: 'stored' | 'live' | 'removed';
  stored: Uint8Array | undefined;
  value: unknown;
  assigned: boolean;
}

/**
 * The attributes of one session and what became of them since they were loaded.
 *
 * Values are decoded on first read and are the caller's own from then on: no proxies around them. A change
 * inside a value is found by encoding again what was read and comparing it with the bytes that were loaded.
 */
export class Attributes {
  readonly #slots = new Map<string, Slot>();
  #codec: SessionCodec;
  readonly #limits: SessionLimits;
  readonly #onRefused: OnRefused;

  constructor(codec: SessionCodec, limits: SessionLimits, onRefused: OnRefused) {
    this.#codec = codec;
    this.#limits = limits;
    this.#onRefused = onRefused;
  }

  /** Forgets everything and starts from what a store holds. */
  load(stored: ReadonlyMap<string, Uint8Array>, codec: SessionCodec): void {
    this.#codec = codec;
    this.#slots.clear();
    for (const [name, bytes] of stored) {
      this.#slots.set(name, { state: 'stored', stored: bytes, value: undefined, assigned: false });
    }
  }

  clear(): void {
    this.#slots.clear();
  }

  get isEmpty(): boolean {
    for (const slot of this.#slots.values()) if (slot.state !== 'removed') return false;
    return true;
  }

  has(name: string): boolean {
    const slot = this.#slots.get(name);
    return slot !== undefined && slot.state !== 'removed';
  }

  names(): string[] {
    const names: string[] = [];
    for (const [name, slot] of this.#slots) if (slot.state !== 'removed') names.push(name);
    return names;
  }

  get(name: string): unknown {
    const slot = this.#slots.get(name);
    if (slot === undefined || slot.state === 'removed') return undefined;
    if (slot.state === 'stored') this.#decode(name, slot);
    return slot.value;
  }

  /**
   * Sets an attribute. As in the servlet API null and undefined remove it. A value that cannot be stored is
   * not added: `onRefused` hears of it and the attribute stays as it was. Returns whether anything was done.
   */
  set(name: string, value: unknown): boolean {
    if (value === null || value === undefined) {
      if (this.has(name)) return this.delete(name);
      if (value === null) this.#onRefused(name, 'it is null, which removes an attribute, and there was none');
      return false;
    }
    const reason = name.isWellFormed() ? unstorable(value) : 'its name holds a lone surrogate';
    if (reason !== undefined) {
      this.#onRefused(name, reason);
      return false;
    }
    const slot = this.#slots.get(name);
    if (slot === undefined) {
      this.#slots.set(name, { state: 'live', stored: undefined, value, assigned: true });
    } else {
      slot.state = 'live';
      slot.value = value;
      slot.assigned = true;
    }
    return true;
  }

  /** Removes an attribute. Always a change, since another request may have added it meanwhile. */
  delete(name: string): boolean {
    const slot = this.#slots.get(name);
    if (slot === undefined) {
      this.#slots.set(name, { state: 'removed', stored: undefined, value: undefined, assigned: true });
    } else {
      slot.state = 'removed';
      slot.value = undefined;
      slot.assigned = true;
    }
    return true;
  }

  /**
   * What a save has to write.
   * @throws SessionLimitError when the session would exceed a limit.
   */
  difference(): AttributeDifference | undefined {
    let set: Map<string, Uint8Array> | undefined;
    let remove: string[] | undefined;
    for (const [name, slot] of this.#slots) {
      if (slot.state === 'removed') {
        (remove ??= []).push(name);
      } else if (slot.state === 'live' && (slot.assigned || isMutable(slot.value))) {
        const bytes = this.#changed(name, slot);
        if (bytes !== undefined) (set ??= new Map<string, Uint8Array>()).set(name, bytes);
      }
    }
    if (set === undefined && remove === undefined) return undefined;
    const difference = { set: set ?? new Map<string, Uint8Array>(), remove: remove ?? [] };
    if (set !== undefined) this.#assertWithinLimits(difference);
    return difference;
  }

  /** The store has acknowledged a difference: from now on that is what is compared with. */
  settle(difference: AttributeDifference): void {
    for (const [name, bytes] of difference.set) {
      const slot = this.#slots.get(name);
      if (slot !== undefined) slot.stored = bytes;
    }
    for (const name of difference.remove) {
      const slot = this.#slots.get(name);
      if (slot === undefined) continue;
      if (slot.state === 'removed') this.#slots.delete(name);
      else slot.stored = undefined;
    }
  }

  /** The stored record is gone: keeps what was assigned here, as something new, and drops the rest. */
  forgetStored(): void {
    for (const [name, slot] of this.#slots) {
      if (slot.state === 'live' && slot.assigned) slot.stored = undefined;
      else this.#slots.delete(name);
    }
  }

  /** What the store is believed to hold under a name. */
  storedBytes(name: string): Uint8Array | undefined {
    return this.#slots.get(name)?.stored;
  }

  /** Takes over what an atomic write has just left in the store. */
  replace(name: string, bytes: Uint8Array | undefined, value: unknown): void {
    if (bytes === undefined) this.#slots.delete(name);
    else this.#slots.set(name, { state: 'live', stored: bytes, value, assigned: false });
  }

  encode(value: unknown): Uint8Array {
    return this.#codec.encode(value);
  }

  decode(bytes: Uint8Array): unknown {
    return this.#codec.decode(bytes);
  }

  /** @throws SessionLimitError when the session with these bytes under this name would exceed a limit. */
  assertFits(name: string, bytes: Uint8Array): void {
    this.#assertWithinLimits({ set: new Map([[name, bytes]]), remove: [] });
  }

  get codecName(): string {
    return this.#codec.name;
  }

  #decode(name: string, slot: Slot): void {
    slot.state = 'live';
    try {
      slot.value = this.#codec.decode(slot.stored as Uint8Array);
    } catch {
      // The bytes stay where they are until somebody sets the attribute: nothing is lost by reading.
      slot.state = 'removed';
      this.#slots.delete(name);
      this.#onRefused(name, `its stored bytes cannot be decoded by the ${this.#codec.name} codec`);
    }
  }

  #changed(name: string, slot: Slot): Uint8Array | undefined {
    let bytes: Uint8Array;
    try {
      bytes = this.#codec.encode(slot.value);
    } catch (error) {
      this.#onRefused(name, unstorable(slot.value) ?? refusalOf(error, this.#codec.name));
      return undefined;
    }
    if (slot.stored !== undefined && sameBytes(bytes, slot.stored)) {
      slot.assigned = false;
      return undefined;
    }
    // Checked again although set() has: what was stored may have been given something unstorable since.
    const reason = unstorable(slot.value);
    if (reason === undefined) return bytes;
    this.#onRefused(name, reason);
    return undefined;
  }

  #assertWithinLimits(difference: AttributeDifference): void {
    const { maxSessionBytes, maxAttributes } = this.#limits;
    let count = 0;
    let bytes = 0;
    for (const [name, slot] of this.#slots) {
      if (slot.state === 'removed' || difference.set.has(name) || slot.stored === undefined) continue;
      count += 1;
      bytes += Buffer.byteLength(name) + slot.stored.length;
    }
    for (const [name, encoded] of difference.set) {
      count += 1;
      bytes += Buffer.byteLength(name) + encoded.length;
    }
    if (bytes > maxSessionBytes) {
      throw new SessionLimitError(
        `The session would hold ${bytes} bytes; ${maxSessionBytes} are allowed. Nothing was saved. ` +
          'Keep large data elsewhere and its key in the session, or raise REDIS_SESSION_MAX_BYTES.',
      );
    }
    if (count > maxAttributes) {
      throw new SessionLimitError(
        `The session would hold ${count} attributes; ${maxAttributes} are allowed. Nothing was saved. ` +
          'Group them, or raise REDIS_SESSION_MAX_ATTRIBUTES.',
      );
    }
  }
}

function isMutable(value: unknown): boolean {
  return typeof value === 'object' && value !== null;
}

function unstorable(value: unknown): string | undefined {
  const type = typeof value;
  if (type === 'number' || type === 'boolean' || type === 'bigint') return undefined;
  return findUnstorable(value);
}

/** The words of a codec of ours are safe to show; what another one throws may quote the value. */
function refusalOf(error: unknown, codec: string): string {
  return error instanceof SessionUnstorableValueError ? error.message : `the ${codec} codec refused it`;
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && Buffer.compare(a, b) === 0;
}
