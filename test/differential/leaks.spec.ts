import { beforeAll, describe, expect, it } from '@jest/globals';
import { Court } from './court.js';

/** On each, some 2000 together. */
const RESPONSES = 700;
/** What a heap of some 30 MB may differ by between two collections: a held response weighs ten kilobytes. */
const HEAP_NOISE_BYTES = 2_000_000;
/** Each kind that leaked one would leave more than a hundred. */
const DESCRIPTOR_NOISE = 10;

describe.each(['bare', 'express', 'fastify'] as const)('%s', (target) => {
  let court: Court;
  beforeAll(async () => {
    court = await Court.open();
  });

  it(`holds nothing of ${RESPONSES} responses that were streamed, cut off, or refused by the store`, async () => {
    const growths: number[] = [];
    // Twice: the first time code is compiled as well, as much as a loaded machine comes to. A leak grows by the same again.
    for (let round = 0; round < 2; round += 1) {
      const [before, after] = await court.holdingsAround(target, RESPONSES);
      expect(after.descriptors - before.descriptors).toBeLessThan(DESCRIPTOR_NOISE);
      expect(after.listeners).toBe(before.listeners);
      growths.push(after.heapBytes - before.heapBytes);
    }
    expect(Math.min(...growths)).toBeLessThan(HEAP_NOISE_BYTES);
  }, 600_000);
});
