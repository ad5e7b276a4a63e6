import { type MillionReport } from '../apps/million.js';
import { bytesHeld, startEdgeNode } from '../helpers/edge.js';
import { flood, requestText } from '../helpers/raw-clients.js';
import { allOf, atLeast, atMost, exactly, type ChaosContext, type ChaosRow, type Finding } from '../row.js';
import { startNode } from '../../support/node-process.js';

const MIB = 1024 * 1024;
/** The default of REDIS_SESSION_MEMORY_MAX_BYTES. */
const CAP_MIB = 64;

/** The store itself, since a million over HTTP takes minutes. */
async function million(context: ChaosContext): Promise<Finding[]> {
  const script = await context.compileApp('test/chaos/apps/million.ts');
  // The store knows no adapter: once is enough, and takes a minute.
  const sessions = context.adapter === 'express' ? context.scale(1_000_000, 100_000) : 100_000;
  const capMib = context.scale(CAP_MIB, 8);
  const env = { SESSIONS: String(sessions), MAX_BYTES: String(capMib * MIB) };
  const node = await startNode(script, { execArgv: ['--expose-gc'], env });
  const [, json = ''] = await node.waitFor(/report (.*)\n/, 300_000);
  const { created, kept, bytes } = JSON.parse(json) as MillionReport;
  return [
    exactly('sessions created in the store', created, sessions),
    atLeast('of these still there', kept, capMib * 300),
    atMost('memory they take', bytes / MIB, capMib, ' MiB'),
  ];
}

async function overHttp(context: ChaosContext): Promise<Finding[]> {
  const capMib = context.scale(8, 1);
  const node = await startEdgeNode(context, {
    env: {
      REDIS_SESSION_ENABLED: 'false',
      REDIS_SESSION_MEMORY_MAX_SESSIONS: '1000000',
      REDIS_SESSION_MEMORY_MAX_BYTES: String(capMib * MIB),
    },
  });
  const count = context.scale(60_000, 5000);
  const text = requestText('POST', '/mark/visited');
  // Warm, and not of the cap: code, connections, the tables of the process.
  await flood(node.url, 1000, () => requestText('GET', '/read'));
  const before = await bytesHeld(node);
  const { ok, cookies } = await flood(node.url, count, () => text);
  const bytes = (await bytesHeld(node)) - before;
  const user = await node.loggedIn();
  return [
    allOf('new sessions over HTTP', Math.min(ok, cookies), count),
    // What a process gathers that serves so many requests is not all sessions.
    atMost('memory of the node for them', bytes / MIB, capMib + 4, ' MiB'),
    exactly('the latest is there', (await user.get('/read')).json<{ who: string | null }>().who, 'ann'),
  ];
}

export const row: ChaosRow = {
  row: 25,
  fault: 'memory mode, a million sessions',
  on: 'memory',
  run: async (context) => [...(await million(context)), ...(await overHttp(context))],
};
