import { createCipheriv, createDecipheriv, createHash } from 'node:crypto';
import { randomBytes } from '../../core/random.js';

const ALGORITHM = 'aes-256-gcm';
const KEY_BYTES = 32;
/** NIST SP 800-38D, 8.2: 96 bits; random ones are good for 2^32 values of one key, and each session has a key of its own. */
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const KEY_ID_BYTES = 4;

/** By how many bytes a sealed value is longer. */
export const SEAL_BYTES = NONCE_BYTES + TAG_BYTES;
/** The length of a locked key. */
export const LOCK_BYTES = KEY_ID_BYTES + KEY_BYTES + SEAL_BYTES;

/** A key that encrypts values, each together with the context it belongs in: elsewhere it cannot be decrypted. */
export class ValueKey {
  readonly #key: Uint8Array;

  constructor(key: Uint8Array) {
    this.#key = key;
  }

  static random(): ValueKey {
    return new ValueKey(randomBytes(KEY_BYTES));
  }

  /** Nonce, ciphertext and tag. */
  seal(plain: Uint8Array, context: string): Buffer {
    const nonce = randomBytes(NONCE_BYTES);
    const cipher = createCipheriv(ALGORITHM, this.#key, nonce, { authTagLength: TAG_BYTES });
    cipher.setAAD(Buffer.from(context));
    return Buffer.concat([nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
  }

  /** What was sealed; undefined for anything else, be it one bit. */
  open(sealed: Uint8Array, context: string): Buffer | undefined {
    const end = sealed.length - TAG_BYTES;
    if (end < NONCE_BYTES) return undefined;
    const nonce = sealed.subarray(0, NONCE_BYTES);
    const decipher = createDecipheriv(ALGORITHM, this.#key, nonce, { authTagLength: TAG_BYTES });
    decipher.setAAD(Buffer.from(context));
    decipher.setAuthTag(sealed.subarray(end));
    try {
      return Buffer.concat([decipher.update(sealed.subarray(NONCE_BYTES, end)), decipher.final()]);
    } catch {
      return undefined;
    }
  }

  /** Seals this very key with another. */
  sealedWith(other: ValueKey, context: string): Buffer {
    return other.seal(this.#key, context);
  }
}

/** A key that came out of the ring. */
export interface Unlocked {
  readonly key: ValueKey;
  /** Whether the first key of the ring had locked it. */
  readonly current: boolean;
}

/**
 * The operator's keys. They encrypt nothing but the keys of sessions: the first locks, all unlock. What is locked names
 * the key that did it by 4 bytes of its hash.
 */
export class KeyRing {
  readonly #keys: readonly { readonly id: Buffer; readonly key: ValueKey }[];

  /** @param keys At least one, newest first, 32 bytes each. */
  constructor(keys: readonly Uint8Array[]) {
    this.#keys = keys.map((key) => ({
      id: createHash('sha256').update(key).digest().subarray(0, KEY_ID_BYTES),
      key: new ValueKey(key),
    }));
  }

  lock(key: ValueKey, context: string): Buffer {
    const [first] = this.#keys;
    if (first === undefined) throw new Error('A key ring holds at least one key.');
    return Buffer.concat([first.id, key.sealedWith(first.key, context)]);
  }

  /** Whether what is locked names a key of the ring. */
  has(locked: Uint8Array): boolean {
    const id = locked.subarray(0, KEY_ID_BYTES);
    return this.#keys.some((ours) => ours.id.equals(id));
  }

  /** Undefined if no key of the ring fits, or the bytes were not locked in this context. */
  unlock(locked: Uint8Array, context: string): Unlocked | undefined {
    const id = locked.subarray(0, KEY_ID_BYTES);
    for (const [index, ours] of this.#keys.entries()) {
      if (!ours.id.equals(id)) continue;
      const key = ours.key.open(locked.subarray(KEY_ID_BYTES), context);
      if (key?.length === KEY_BYTES) return { key: new ValueKey(key), current: index === 0 };
    }
    return undefined;
  }
}
