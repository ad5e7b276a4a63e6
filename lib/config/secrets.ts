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

/** Whether a secret may sign: long enough, no sample, and nothing that is plainly not random. */
export function isStrongSecret(secret: unknown): boolean {
  if (typeof secret !== 'string' || Buffer.byteLength(secret, 'utf8') < MIN_BYTES) return false;
  const letters = secret.toLowerCase().replace(/[^a-z0-9]/g, '');
  if (SAMPLES.some((sample) => letters.includes(sample))) return false;
  // A text that repeats a shorter one occurs in its own double before the end.
  const repeats = (secret + secret).indexOf(secret, 1) < secret.length;
  return !repeats && new Set(secret).size >= MIN_DISTINCT;
}

/** Base64 of 32 bytes, in either alphabet, with or without padding. */
const KEY = /^[A-Za-z0-9+/_-]{43}=?$/;
/** 32 random bytes have fewer different ones than this once in 10^24 times. */
const MIN_DISTINCT_BYTES = 16;

/** Whether a text is an encryption key: 32 bytes in base64 that look random. */
export function isEncryptionKey(key: unknown): boolean {
  if (typeof key !== 'string' || !KEY.test(key)) return false;
  return new Set(Buffer.from(key, 'base64')).size >= MIN_DISTINCT_BYTES;
}
