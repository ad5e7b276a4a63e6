import { describe, expect, it } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { inspect } from 'node:util';
import { onlyIssue, resolve } from './environment.js';

describe('secrets', () => {
  it.each([
    'x'.repeat(31),
    'a'.repeat(64),
    'secret'.repeat(8),
    'keyboard cat keyboard cat keyboard cat',
    'ChangeMe-0cf1b7a92e6d4853-9e8a7c6b5d',
    'a-secret-with-minimum-length-of-32-characters',
    'averylogphrasebiggerthanthirtytwochars',
    'abcdeedcbaabbccddeeaaabbbcccdddeee1',
    'q7Zk-Wm2xq7Zk-Wm2xq7Zk-Wm2xq7Zk-Wm2x',
  ])('refuse the secret %p', (secret) => {
    const issue = onlyIssue({}, { secrets: [randomBytes(32).toString('base64'), secret] });
    expect(issue).toMatch(/^- secrets = \(not shown\): must be secrets of at least 32 bytes each/);
    expect(issue).not.toContain(secret);
  });

  it('accept random secrets, and count bytes and not characters', () => {
    for (const encoding of ['hex', 'base64', 'base64url'] as const) {
      for (let round = 0; round < 100; round++)
        resolve({}, { secrets: [randomBytes(32).toString(encoding)] });
    }
    expect(resolve({}, { secrets: ['äöüßéèêåøæçñ-õãíð'] }).secrets).toHaveLength(1);
    const twice = randomBytes(32).toString('hex');
    expect(onlyIssue({ REDIS_SESSION_SECRETS: `${twice},${twice}` })).toContain(
      'must be secrets that differ',
    );
  });
});

describe('encryption keys', () => {
  it.each([
    Buffer.alloc(32).toString('base64'),
    Buffer.from('abcdabcdabcdabcdabcdabcdabcdabcd').toString('base64'),
    randomBytes(31).toString('base64'),
    randomBytes(33).toString('base64'),
    randomBytes(32).toString('hex'),
    'password',
  ])('refuse the key %p', (key) => {
    const issue = onlyIssue({}, { encryptionKeys: [randomBytes(32).toString('base64'), key] });
    expect(issue).toMatch(/^- encryptionKeys = \(not shown\): must be random keys of exactly 32 bytes each/);
    expect(issue).not.toContain(key);
  });

  it('accept random keys in either alphabet, and show none of them', () => {
    for (const encoding of ['base64', 'base64url'] as const) {
      for (let round = 0; round < 100; round++) {
        const key = randomBytes(32).toString(encoding);
        const settings = resolve({ REDIS_SESSION_ENCRYPTION_KEYS: key });
        expect(settings.encryptionKeys).toEqual([key]);
        expect(JSON.stringify(settings) + inspect(settings)).not.toContain(key);
      }
    }
    const twice = randomBytes(32).toString('base64');
    expect(onlyIssue({}, { encryptionKeys: [twice, twice] })).toContain('must be keys that differ');
  });
});
