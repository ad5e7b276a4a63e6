import { randomBytes } from 'node:crypto';
import { MemoryStore } from '../../../lib/stores/memory-store.js';
import { idOf, newToken } from '../../../lib/core/token.js';

/** What it took to create many sessions in memory, all held at once as far as the bounds allow. */
export interface MillionReport {
  readonly created: number;
  readonly kept: number;
  /** Heap and buffers at the worst moment that was looked at, after a collection and without what was there before. */
  readonly bytes: number;
}

const LOOKS = 10;

const held = async (): Promise<number> => {
  // Buffers are let go of in the background.
  for (let n = 0; n < 3; n++) {
    globalThis.gc?.();
    await new Promise(setImmediate);
  }
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
};

const [sessions, maxBytes] = [Number(process.env['SESSIONS']), Number(process.env['MAX_BYTES'])];
const bounds = { maxSessions: sessions, maxBytes, tombstoneMs: 60_000, now: Date.now };
const store = new MemoryStore(bounds);
const before = await held();
let bytes = 0;
for (let created = 0; created < sessions; created++) {
  await store.create(idOf(newToken(randomBytes)), {
    // From small to a kilobyte, as carts are.
    attributes: new Map([['cart', Buffer.alloc(created % 1024, 1)]]),
    codec: 'msgpack',
    maxInactiveInterval: 1800,
    absoluteTimeout: 0,
    authenticated: false,
    // Which a record has a field or two more for.
    cookie: created % 2 === 0 ? { maxAge: 86_400, sent: true } : undefined,
  });
  if ((created + 1) % (sessions / LOOKS) === 0) bytes = Math.max(bytes, (await held()) - before);
}
const report: MillionReport = { created: sessions, kept: store.size, bytes };
process.stdout.write(`report ${JSON.stringify(report)}\n`);
