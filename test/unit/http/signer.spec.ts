import { describe, expect, it } from '@jest/globals';
import { CookieSigner } from '../../../lib/http/signer.js';

const [OLD, NEW] = ['o'.repeat(32), 'n'.repeat(32)];

describe('a signer remembers what it found valid', () => {
  it('and says the same of it each time, by each secret of its ring', () => {
    const signed = new CookieSigner([OLD]).sign('sid', 'token');
    const signer = new CookieSigner([NEW, OLD]);
    for (let n = 0; n < 3; n++) expect(signer.verify('sid', signed)).toBe('token');
  });

  it('for the name it was signed under, and for no other', () => {
    const signer = new CookieSigner([NEW]);
    const signed = signer.sign('sid', 'token');
    expect(signer.verify('sid', signed)).toBe('token');
    expect(signer.verify('__Host-sid', signed)).toBeUndefined();
    expect(signer.verify('sid', signed)).toBe('token');
  });

  it('and nothing of what is forged, before or after', () => {
    const signer = new CookieSigner([NEW]);
    const signed = signer.sign('sid', 'token');
    const forged = `${signed.slice(0, -1)}${signed.endsWith('A') ? 'B' : 'A'}`;
    for (let n = 0; n < 2; n++) {
      expect(signer.verify('sid', forged)).toBeUndefined();
      expect(signer.verify('sid', `x${signed}`)).toBeUndefined();
      expect(signer.verify('sid', signed)).toBe('token');
    }
  });
});
