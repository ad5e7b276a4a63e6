import { describe, expect, it } from '@jest/globals';
import { RandomPool, randomBytes } from '../../../lib/core/random.js';

/** Fills with numbers that go on counting, of which each can be told from its neighbours. */
function counting(): { pool: RandomPool; filled: () => Uint8Array; fills: () => number } {
  let next = 1;
  let filled: Uint8Array = new Uint8Array();
  let fills = 0;
  const pool = new RandomPool((bytes) => {
    filled = bytes;
    fills += 1;
    for (let at = 0; at < bytes.length; at += 1) bytes[at] = next++ % 251 || 250;
  });
  return { pool, filled: () => filled, fills: () => fills };
}

describe('RandomPool', () => {
  it('fetches nothing before it is asked', () => {
    const { fills } = counting();
    expect(fills()).toBe(0);
  });

  it('hands each byte out once, in pieces of any size, over many fillings', () => {
    const { pool, fills } = counting();
    const whole = pool.take(4096);
    const pieces = [32, 3, 12, 1, 0, 4048, 32].map((size) => pool.take(size));
    expect(pieces.map(({ length }) => length)).toEqual([32, 3, 12, 1, 0, 4048, 32]);
    const second = Uint8Array.from(pieces.slice(0, 6).flatMap((piece) => [...piece]));
    // The second filling goes on where the first has ended, and is handed out whole.
    expect([...second]).toEqual([...whole].map((_byte, at) => (at + 1 + 4096) % 251 || 250));
    expect(fills()).toBe(3);
  });

  it('keeps nothing of what it has handed out', () => {
    const { pool, filled } = counting();
    pool.take(32);
    pool.take(3);
    expect([...filled().subarray(0, 36)]).toEqual([...new Uint8Array(35), 36]);
  });

  it('hands out copies: nobody alters what another has, or what is still to come', () => {
    const { pool, filled } = counting();
    const first = pool.take(4);
    const second = pool.take(4);
    expect(first.buffer).not.toBe(filled().buffer);
    first.fill(99);
    new Uint8Array(first.buffer).fill(99);
    filled().fill(7);
    expect([...second]).toEqual([5, 6, 7, 8]);
    expect([...pool.take(2)]).toEqual([7, 7]);
  });

  it('leaves out what is too little for a request rather than to hand out less', () => {
    const { pool, fills } = counting();
    pool.take(4090);
    expect([...pool.take(32)]).not.toContain(0);
    expect(fills()).toBe(2);
  });

  it('hands out nothing that a filling has left which failed, and tries again', () => {
    let fails = false;
    const pool = new RandomPool((bytes) => {
      bytes.fill(fails ? 13 : 5);
      if (fails) throw new Error('no entropy');
    });
    pool.take(4090);
    fails = true;
    expect(() => pool.take(32)).toThrow('no entropy');
    expect(() => pool.take(1)).toThrow('no entropy');
    fails = false;
    expect([...pool.take(2)]).toEqual([5, 5]);
  });

  it('refuses more than it can hold', () => {
    expect(() => new RandomPool().take(4097)).toThrow('4097 random bytes are more than 4096.');
  });
});

describe('randomBytes', () => {
  it('is of the system: no two of ten thousand are the same', () => {
    const seen = new Set<string>();
    for (let n = 0; n < 10_000; n += 1) seen.add(Buffer.from(randomBytes(12)).toString('hex'));
    expect(seen.size).toBe(10_000);
  });
});
