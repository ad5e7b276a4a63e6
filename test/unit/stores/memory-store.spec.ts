import { describe, expect, it } from '@jest/globals';
import { MemoryStore } from '../../../lib/stores/memory-store.js';
import { change, decoded, freshId, newSession } from '../../contract/builders.js';

function memory(): MemoryStore {
  return new MemoryStore({
    maxSessions: 100_000,
    maxBytes: 4_000_000,
    tombstoneMs: 60_000,
    now: () => 1_700_000_000_000,
  });
}

/** Bytes as a socket or a codec hands them out: a view into a chunk of 64 KiB that holds other things too. */
function view(text: string): Uint8Array {
  const chunk = Buffer.alloc(65_536);
  return chunk.subarray(100, 100 + chunk.write(text, 100));
}

/** What is held of all buffers that some sessions point into. */
function heldBy(store: MemoryStore, ids: readonly ReturnType<typeof freshId>[]): number {
  const buffers = new Set<ArrayBufferLike>();
  for (const id of ids)
    for (const bytes of store.peek(id)?.attributes.values() ?? []) buffers.add(bytes.buffer);
  return [...buffers].reduce((sum, { byteLength }) => sum + byteLength, 0);
}

describe('what is kept in memory', () => {
  it.each<[string, (store: MemoryStore, id: ReturnType<typeof freshId>) => Promise<unknown>]>([
    [
      'copies of another store',
      async (store, id) => {
        const record = { ...newSession(), attributes: new Map([['cart', view('tea')]]) };
        store.keep(id, { ...record, createdAt: 0, lastAccessedAt: 0 }, 1_700_000_000_000, 1_800_000_000_000);
      },
    ],
    [
      'new sessions',
      (store, id) => store.create(id, { ...newSession(), attributes: new Map([['cart', view('tea')]]) }),
    ],
    [
      'changes',
      async (store, id) => {
        await store.create(id, newSession({}));
        await store.save(id, { ...change({}), set: new Map([['cart', view('tea')]]) });
      },
    ],
    [
      'attributes that are set if nobody else did',
      async (store, id) => {
        await store.create(id, newSession({}));
        await store.compareAndSet(id, 'cart', undefined, view('tea'), true);
      },
    ],
  ])('does not hold on to what its bytes came in: %s', async (_what, put) => {
    const store = memory();
    const ids = Array.from({ length: 50 }, () => freshId());
    for (const id of ids) await put(store, id);
    expect(decoded(store.peek(ids[0] as (typeof ids)[0])?.attributes ?? new Map())).toEqual({ cart: 'tea' });
    expect(heldBy(store, ids)).toBe(ids.length * 'tea'.length);
  });
});
