import { randomBytes } from 'node:crypto';
import { adminOf } from '../helpers/check.js';
import { bytesHeld, startEdgeNode } from '../helpers/edge.js';
import { flood, requestText } from '../helpers/raw-clients.js';
import { allOf, atMost, exactly, type ChaosContext, type ChaosRow, type Finding } from '../row.js';

/** Requests of each adapter in a full run; the million of the matrix: `CHAOS_FLOOD=1000000`. */
const REQUESTS = Number(process.env['CHAOS_FLOOD'] ?? 200_000);
/** Anything that is kept of a request is more than this. */
const BYTES_EACH = 20;
/** Commands that Redis gets without any request. */
const OF_ITS_OWN = new Set(['info', 'ping', 'client', 'hello', 'select', 'command', 'config', 'dbsize']);

async function run(context: ChaosContext): Promise<Finding[]> {
  const secrets = { REDIS_SESSION_SECRETS: randomBytes(32).toString('base64') };
  const node = await startEdgeNode(context, { env: secrets });
  const admin = adminOf(node.redis.port);
  const commands = async (): Promise<number> => {
    const calls = [...(await admin.info('commandstats')).matchAll(/cmdstat_([^:|]+)[^:]*:calls=(\d+)/g)];
    return calls.reduce(
      (sum, [, name, count]) => sum + (OF_ITS_OWN.has(String(name)) ? 0 : Number(count)),
      0,
    );
  };
  const forged = Array.from({ length: 100 }, () => {
    const token = randomBytes(36).toString('base64url').slice(0, 47);
    return `Cookie: sid=${token}.${randomBytes(32).toString('base64url')}\r\n`;
  });
  const textOf = (at: number): string =>
    requestText('GET', '/read', at % 2 === 0 ? '' : forged[at % forged.length]);
  const count = context.scale(REQUESTS, 5000);
  await flood(node.url, count / 5, textOf);
  const [commandsBefore, bytesBefore] = [await commands(), await bytesHeld(node)];
  const { ok, cookies } = await flood(node.url, count, textOf);
  const [commandsAfter, bytesAfter] = [await commands(), await bytesHeld(node)];
  const lines = node.process.output().match(/cannot be ours/g)?.length ?? 0;
  const user = node.browser();
  await user.post('/login');
  return [
    allOf(
      `anonymous or forged requests answered 200${count < 1e6 ? ' (of the million, as CHAOS_FLOOD says)' : ''}`,
      ok,
      count,
    ),
    exactly('log lines that tell of it: some', lines > 0, true),
    exactly('cookies set', cookies, 0),
    exactly('commands sent to Redis', commandsAfter - commandsBefore, 0),
    // The session, and the list of its user's.
    exactly('keys, after one login', await admin.dbsize(), 2),
    atMost(
      'bytes kept for each',
      Math.max(0, (bytesAfter - bytesBefore) / count),
      context.quick ? 200 : BYTES_EACH,
    ),
  ];
}

export const row: ChaosRow = {
  row: 24,
  fault: 'a flood of anonymous and forged requests',
  on: 'standalone',
  run,
};
