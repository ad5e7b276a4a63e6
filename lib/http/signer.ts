import { LRUCache } from 'lru-cache';
import { createHmac, timingSafeEqual } from 'node:crypto';

const SIGNATURE_LENGTH = 43;

/** How many cookies are remembered, of some 200 bytes each: those of the users of the moment. */
const REMEMBERED = 10_000;

/**
 * Signs cookie values with HMAC-SHA-256 and a ring of secrets: the first signs, all verify, so that a secret can
 * be rotated without logging anyone out. The name is signed too, so that a value cannot be moved to another cookie.
 */
export class CookieSigner {
  readonly #secrets: readonly string[];
  /**
   * Signed values that were found valid, with the name they were signed under: browsers send the same cookie again and
   * again, and a signature costs a tenth of a small request. Only those, so that forgeries take no place.
   */
  readonly #valid = new LRUCache<string, string>({ max: REMEMBERED });

  /** @param secrets At least one, newest first. */
  constructor(secrets: readonly string[]) {
    this.#secrets = secrets;
  }

  /** `value.signature` */
  sign(name: string, value: string): string {
    return `${value}.${signature(this.#secrets[0] as string, name, value)}`;
  }

  /** The value, if one of the secrets signed it under this name. An unsigned value is never accepted. */
  verify(name: string, signed: string): string | undefined {
    const dot = signed.length - SIGNATURE_LENGTH - 1;
    if (dot < 1 || signed[dot] !== '.') return undefined;
    const value = signed.slice(0, dot);
    if (this.#valid.get(signed) === name) return value;
    const given = Buffer.from(signed.slice(dot + 1));
    let valid = false;
    for (const secret of this.#secrets) {
      const expected = Buffer.from(signature(secret, name, value));
      // Each secret is tried, whether or not one has matched: the time tells nothing about which it was.
      valid = (given.length === expected.length && timingSafeEqual(given, expected)) || valid;
    }
    if (!valid) return undefined;
    // A copy: what was cut out of a Cookie header keeps all of that header in memory.
    this.#valid.set(Buffer.from(signed).toString(), name);
    return value;
  }
}

function signature(secret: string, name: string, value: string): string {
  return createHmac('sha256', secret).update(`${name}=${value}`).digest('base64url');
}
