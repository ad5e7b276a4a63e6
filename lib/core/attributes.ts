import type { SessionCodec } from './codec.js';
import { encodeIfChanged, encodeStorable, UNCHANGED } from './encoding.js';
import { SessionSize, type SessionLimits } from './limits.js';
import { findUnstorable, isWellFormed, standsForNothing, type Unstorable } from './storable.js';

/** What differs from the store. */
export interface AttributeDifference {
  readonly set: ReadonlyMap<string, Uint8Array>;
  readonly remove: readonly string[];
}

/** Hears of attributes that were not stored, or not read, and why. It never gets a value. */
export interface RefusalListener {
  refused(name: string, reason: string): void;
  /** An assigned value, or what was changed inside one, cannot be stored. If this throws, nothing is written at all. */
  unstorable(name: string, what: Unstorable): void;
  /** What was changed inside a value that an atomic write has replaced is not stored. */
  outdated(name: string): void;
}

/** One attribute that was read or written. */
interface Slot {
  state: 'live' | 'removed';
  /** What the store holds, as far as we know. */
  stored: Uint8Array | undefined;
  value: unknown;
  /** It was set or deleted since the last save. A primitive is compared only then, since it cannot change by itself. */
  assigned: boolean;
  /** Whether this request has set or deleted it, saved meanwhile or not. */
  own: boolean;
  /** When that was, as {@link Attributes.assignments} counts; 0: never. */
  assignedAt: number;
}

/** A value that an atomic write has put another in the place of, and what it was when it was last stored. */
interface Replaced {
  readonly value: unknown;
  readonly bytes: Uint8Array;
}

/** Of one attribute: the first, which a handler has read at its beginning, and the latest of those after it. */
const MOST_REPLACED = 4;

const BAD_NAME: Unstorable = { reason: 'its name holds a lone surrogate', path: '' };
const NOTHING_STORED: ReadonlyMap<string, Uint8Array> = new Map();

/**
 * The attributes of one session, and what has changed in them since they were loaded.
 *
 * A value is decoded when it is first read, and the caller has that very value, without a proxy around it. A change
 * inside a value is found by encoding it again and comparing that with the bytes that were loaded. Only attributes that
 * are used get a slot, so that many attributes cost nothing to a request that uses one.
 */
export class Attributes {
  /** What was loaded. Where a name has a slot, the slot counts. */
  #loaded = NOTHING_STORED;
  #slots: Map<string, Slot> | undefined;
  /** What the application may still hold, by name. Most requests never have any. */
  #replaced: Map<string, Replaced[]> | undefined;
  #assignments = 0;
  #codec: SessionCodec;
  readonly #limits: SessionLimits;
  readonly #listener: RefusalListener;

  constructor(codec: SessionCodec, limits: SessionLimits, listener: RefusalListener) {
    this.#codec = codec;
    this.#limits = limits;
    this.#listener = listener;
  }

  /** Forgets everything and starts from what a store holds. The map is kept, and never written to. */
  load(stored: ReadonlyMap<string, Uint8Array>, codec: SessionCodec): void {
    this.#codec = codec;
    this.#loaded = stored;
    this.#slots = this.#replaced = undefined;
  }

  clear(): void {
    this.#loaded = NOTHING_STORED;
    this.#slots = this.#replaced = undefined;
  }

  get isEmpty(): boolean {
    if (this.#slots === undefined) return this.#loaded.size === 0;
    return this.names().length === 0;
  }

  has(name: string): boolean {
    const slot = this.#slots?.get(name);
    return slot === undefined ? this.#loaded.has(name) : slot.state === 'live';
  }

  names(): string[] {
    const slots = this.#slots;
    if (slots === undefined) return [...this.#loaded.keys()];
    const names: string[] = [];
    for (const name of this.#loaded.keys()) if (slots.get(name)?.state !== 'removed') names.push(name);
    for (const [name, slot] of slots) if (slot.state === 'live' && !this.#loaded.has(name)) names.push(name);
    return names;
  }

  get(name: string): unknown {
    const slot = this.#slots?.get(name);
    if (slot !== undefined) return slot.value;
    const bytes = this.#loaded.get(name);
    return bytes === undefined ? undefined : this.#read(name, bytes);
  }

  /**
   * Sets an attribute. As in the servlet API null and undefined remove it, and so does an instance whose toJSON()
   * returns one of them. A value that cannot be stored is not added: the listener hears of it and the attribute stays
   * as it was. Returns whether anything was done.
   */
  set(name: string, value: unknown): boolean {
    if (value === null || value === undefined || standsForNothing(value)) {
      if (this.has(name)) return this.delete(name);
      if (value !== undefined)
        this.#listener.refused(name, 'it is null, which removes an attribute, and there was none');
      return false;
    }
    const unstorable = isWellFormed(name) ? findUnstorable(value) : BAD_NAME;
    if (unstorable !== undefined) {
      this.#listener.unstorable(name, unstorable);
      return false;
    }
    this.#assign(name, 'live', value);
    return true;
  }

  /** Removes an attribute. Always a change, since another request may have added it meanwhile. */
  delete(name: string): boolean {
    this.#assign(name, 'removed', undefined);
    return true;
  }

  #assign(name: string, state: Slot['state'], value: unknown): void {
    const slot = this.#slots?.get(name);
    const assignedAt = (this.#assignments += 1);
    if (slot === undefined) {
      const stored = this.#loaded.get(name);
      this.#put(name, { state, stored, value, assigned: true, own: true, assignedAt });
    } else {
      slot.state = state;
      slot.value = value;
      slot.assigned = true;
      slot.own = true;
      slot.assignedAt = assignedAt;
    }
  }

  #put(name: string, slot: Slot): void {
    (this.#slots ??= new Map<string, Slot>()).set(name, slot);
  }

  /**
   * What a save has to write.
   * @throws SessionLimitError when the session would exceed a limit.
   */
  difference(): AttributeDifference | undefined {
    if (this.#slots === undefined) return undefined;
    if (this.#replaced !== undefined) this.#tellOutdated(this.#replaced);
    let set: Map<string, Uint8Array> | undefined;
    let remove: string[] | undefined;
    for (const [name, slot] of this.#slots) {
      if (slot.state === 'removed') {
        if (slot.assigned) (remove ??= []).push(name);
      } else if (slot.assigned || isMutable(slot.value)) {
        const bytes = this.#changed(name, slot);
        if (bytes !== undefined) (set ??= new Map<string, Uint8Array>()).set(name, bytes);
      }
    }
    if (set === undefined && remove === undefined) return undefined;
    const difference = { set: set ?? new Map<string, Uint8Array>(), remove: remove ?? [] };
    if (set !== undefined) this.#assertWithinLimits(difference.set);
    return difference;
  }

  /** The store has acknowledged a difference: from now on, values are compared with that. */
  settle(difference: AttributeDifference): void {
    for (const [name, bytes] of difference.set) {
      const slot = this.#slots?.get(name);
      if (slot !== undefined) slot.stored = bytes;
    }
    for (const name of difference.remove) {
      const slot = this.#slots?.get(name);
      if (slot === undefined) continue;
      slot.stored = undefined;
      if (slot.state === 'removed') slot.assigned = false;
    }
  }

  /** The stored record is not this session's any more: keeps what was assigned here, as something new, and drops the rest. */
  forgetStored(): void {
    this.#loaded = NOTHING_STORED;
    this.#replaced = undefined;
    for (const [name, slot] of this.#slots ?? []) {
      if (slot.state === 'live' && slot.own) Object.assign(slot, { stored: undefined, assigned: true });
      else this.#slots?.delete(name);
    }
  }

  /** What the store is believed to hold under a name. */
  storedBytes(name: string): Uint8Array | undefined {
    const slot = this.#slots?.get(name);
    return slot === undefined ? this.#loaded.get(name) : slot.stored;
  }

  /** How often something has been set or deleted so far. */
  get assignments(): number {
    return this.#assignments;
  }

  /** Whether a name was set or deleted after so many assignments. */
  isAssignedSince(assignments: number, name: string): boolean {
    return (this.#slots?.get(name)?.assignedAt ?? 0) > assignments;
  }

  /**
   * Takes over what an atomic write has just left in the store. What was set or deleted meanwhile stays, and is still to be
   * written. What is changed inside the value that was there before is nobody's any more, and the listener hears of it.
   * @param begun The number of assignments when the write was begun.
   */
  replace(name: string, bytes: Uint8Array | undefined, value: unknown, begun: number): void {
    if (this.isAssignedSince(begun, name)) {
      Object.assign(this.#slots?.get(name) as Slot, { stored: bytes, assigned: true });
      return;
    }
    this.#keepReplaced(name, value);
    const there = bytes !== undefined;
    this.#put(name, {
      state: there ? 'live' : 'removed',
      stored: bytes,
      value: there ? value : undefined,
      assigned: false,
      own: false,
      assignedAt: 0,
    });
  }

  #keepReplaced(name: string, next: unknown): void {
    const { value, stored: bytes } = this.#slots?.get(name) ?? {};
    if (bytes === undefined || !isMutable(value) || value === next) return;
    const replaced = (this.#replaced ??= new Map<string, Replaced[]>());
    const others = (replaced.get(name) ?? []).filter((other) => other.value !== value);
    if (others.length === MOST_REPLACED) others.splice(1, 1);
    replaced.set(name, [...others, { value, bytes }]);
  }

  /** Once for each change. What was assigned since has the last word, and was meant to have it. */
  #tellOutdated(replaced: Map<string, Replaced[]>): void {
    for (const [name, values] of replaced) {
      const slot = this.#slots?.get(name);
      const isAssigned = slot === undefined || slot.assignedAt > 0;
      const isOutdated = !isAssigned && values.some((one) => this.#isChangedInVain(one, slot));
      if (isAssigned || isOutdated) replaced.delete(name);
      if (isOutdated) this.#listener.outdated(name);
    }
  }

  /** Not where the change has come into the new value as well. */
  #isChangedInVain({ value, bytes }: Replaced, { value: current, stored }: Slot): boolean {
    if (value === current || encodeIfChanged(this.#codec, value, bytes) === UNCHANGED) return false;
    return encodeIfChanged(this.#codec, value, stored) !== UNCHANGED;
  }

  /** The bytes of a value, or why it cannot be stored. */
  encode(value: unknown): Uint8Array | Unstorable {
    return encodeStorable(this.#codec, value);
  }

  /** The value of stored bytes. Damaged bytes count as no value, which the listener hears of; the next write replaces them. */
  decode(name: string, bytes: Uint8Array): unknown {
    try {
      return this.#codec.decode(bytes);
    } catch {
      this.#listener.refused(name, `its stored bytes cannot be decoded by the ${this.#codec.name} codec`);
      return undefined;
    }
  }

  /** @throws SessionLimitError when the session with these bytes under this name would exceed a limit. */
  assertFits(name: string, bytes: Uint8Array): void {
    this.#assertWithinLimits(new Map([[name, bytes]]));
  }

  get codecName(): string {
    return this.#codec.name;
  }

  /** Damaged bytes stay where they are until somebody sets the attribute: nothing is lost by reading. */
  #read(name: string, stored: Uint8Array): unknown {
    const value = this.decode(name, stored);
    const state = value === undefined ? 'removed' : 'live';
    this.#put(name, { state, stored, value, assigned: false, own: false, assignedAt: 0 });
    return value;
  }

  #changed(name: string, slot: Slot): Uint8Array | undefined {
    const encoded = encodeIfChanged(this.#codec, slot.value, slot.stored);
    if (encoded === UNCHANGED) slot.assigned = false;
    else if ('reason' in encoded) this.#listener.unstorable(name, encoded);
    else return encoded;
    return undefined;
  }

  #assertWithinLimits(set: ReadonlyMap<string, Uint8Array>): void {
    const size = new SessionSize();
    for (const [name, bytes] of this.#loaded) if (!this.#slots?.has(name)) size.add(name, bytes);
    for (const [name, slot] of this.#slots ?? []) {
      const stays = slot.state === 'live' || !slot.assigned;
      if (stays && slot.stored !== undefined && !set.has(name)) size.add(name, slot.stored);
    }
    for (const [name, bytes] of set) size.add(name, bytes);
    size.assertWithin(this.#limits, () => this.#storedSize());
  }

  #storedSize(): SessionSize {
    const size = new SessionSize();
    for (const [name, bytes] of this.#loaded) if (!this.#slots?.has(name)) size.add(name, bytes);
    for (const [name, { stored }] of this.#slots ?? []) if (stored !== undefined) size.add(name, stored);
    return size;
  }
}

function isMutable(value: unknown): boolean {
  return typeof value === 'object' && value !== null;
}
