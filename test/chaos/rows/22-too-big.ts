import { adminOf, percentile } from '../helpers/check.js';
import { startEdgeNode, viewOf, type EdgeNode } from '../helpers/edge.js';
import { allOf, atMost, exactly, type ChaosRow, type Finding } from '../row.js';
import { type Browser } from '../../support/cookie-jar.js';

const BYTES = 1_000_000;
const READERS = 6;
/** What a load with its touch takes; the session would be hundreds of times that. */
const BYTES_OF_A_READ = 1000;
/** p99 of others: this much more than where the application makes such a value and keeps it to itself. */
const MORE_MS = 20;

/** Latencies of reads by others, in ms, while something else happens. */
async function readsDuring(readers: readonly Browser[], work: () => Promise<unknown>): Promise<number[]> {
  let running = true;
  const all = readers.map(async (reader) => {
    const latencies: number[] = [];
    while (running) {
      const startedAt = performance.now();
      await reader.get('/read');
      latencies.push(performance.now() - startedAt);
    }
    return latencies;
  });
  await work();
  running = false;
  return (await Promise.all(all)).flat();
}

async function refusals(node: EdgeNode, count: number): Promise<Finding[]> {
  const admin = adminOf(node.redis.port);
  const received = async (): Promise<number> =>
    Number(/total_net_input_bytes:(\d+)/.exec(await admin.info('stats'))?.[1]);
  const user = await node.loggedIn();
  await user.post('/set', { entries: [['value', 'before']] });
  let refused = 0;
  const before = await received();
  for (let n = 0; n < count; n++) {
    const { status, setCookies } = await user.post('/big', { bytes: BYTES });
    if (status === 500 && setCookies.length === 0) refused += 1;
  }
  const bytes = ((await received()) - before) / count;
  // Never a megabyte of it in the table.
  const entries = (await viewOf(user)).entries.map(([name, value]) => [name, String(value).slice(0, 20)]);
  const told = /would hold \d+ bytes; 65536 are allowed/.test(node.process.output());
  return [
    allOf('sessions of 1 MB refused', refused, count),
    exactly('the log says why, and what the limit is', told, true),
    atMost('sent to Redis for each (a read)', bytes, BYTES_OF_A_READ, ' bytes'),
    exactly('what was stored before', entries, [['value', 'before']]),
  ];
}

async function others(node: EdgeNode, rounds: number): Promise<Finding> {
  const readers = await Promise.all(Array.from({ length: READERS }, () => node.loggedIn()));
  const user = await node.loggedIn();
  const usual: number[] = [];
  const meanwhile: number[] = [];
  // In turns, so that whatever else the machine does meets both.
  for (let round = 0; round < rounds; round++) {
    usual.push(
      ...(await readsDuring(readers, () => many(20, () => user.post('/big', { bytes: BYTES, keep: false })))),
    );
    meanwhile.push(
      ...(await readsDuring(readers, () => many(20, () => user.post('/big', { bytes: BYTES })))),
    );
  }
  const [p99, limit] = [percentile(meanwhile, 0.99), percentile(usual, 0.99) + MORE_MS];
  return { ...atMost("others' p99 meanwhile, and without it", p99, limit, ' ms'), timing: true };
}

async function many(count: number, ask: () => Promise<unknown>): Promise<void> {
  for (let n = 0; n < count; n++) await ask();
}

export const row: ChaosRow = {
  row: 22,
  fault: 'a session of 1 MB',
  on: 'standalone',
  run: async (context) => {
    const node = await startEdgeNode(context);
    return [...(await refusals(node, 50)), await others(node, context.scale(6, 2))];
  },
};
