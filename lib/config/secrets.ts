/** Fewest bytes of a secret: as many as HMAC-SHA-256 puts out (RFC 2104, section 3; ASVS 5.0 V11). */
const MIN_BYTES = 32;

/** Compared without case and without anything but letters and digits. From tutorials, READMEs and templates. */
const SAMPLES = [
  'keyboardcat',
  'changeme',
  'changethis',
  'replaceme',
  'yoursecret',
  'mysecret',
  'supersecret',
  'topsecret',
  'notsosecret',
  'secretsecret',
  'secretwithminimumlength',
  'averylogphrasebiggerthanthirtytwochars',
  'correcthorsebatterystaple',
  'abcdefghijklmnop',
  '0123456789',
  '1234567890',
  'password',
];

/** Fewer different characters than this cannot be random text of 32 bytes. */
const MIN_DISTINCT = 8;

/** Why a secret is refused, or undefined. Holds nothing of the secret. */
export function secretWeakness(secret: unknown): string | undefined {
  if (typeof secret !== 'string') return 'is not text';
  if (Buffer.byteLength(secret, 'utf8') < MIN_BYTES) return `is shorter than ${MIN_BYTES} bytes`;
  const letters = secret.toLowerCase().replace(/[^a-z0-9]/g, '');
  if (SAMPLES.some((sample) => letters.includes(sample))) return 'is a well-known sample';
  if (new Set(secret).size < MIN_DISTINCT) return 'has too few different characters';
  // A text is a repetition of a shorter one if it occurs in its own double before the end.
  if ((secret + secret).indexOf(secret, 1) < secret.length) return 'repeats itself';
  return undefined;
}

const KEY_BYTES = 32;
/** Base64 of 32 bytes, in either alphabet, with or without padding. */
const KEY = /^[A-Za-z0-9+/_-]{43}=?$/;
/** 32 random bytes have fewer different ones than this once in 10^24 times. */
const MIN_DISTINCT_BYTES = 16;

/** Why an encryption key is refused, or undefined. Holds nothing of the key. */
export function encryptionKeyWeakness(key: unknown): string | undefined {
  if (typeof key !== 'string' || !KEY.test(key)) return `is not ${KEY_BYTES} bytes in base64`;
  return new Set(Buffer.from(key, 'base64')).size < MIN_DISTINCT_BYTES ? 'is not random' : undefined;
}
