import { setTimeout as delay } from 'node:timers/promises';
import { exactly, atLeast, none, type ChaosContext, type ChaosRow, type Finding } from '../row.js';
import { Browser } from '../../support/cookie-jar.js';
import { startRedis } from '../../support/redis-server.js';
import { adminOf, checkUsers, statuses } from '../helpers/check.js';
import { startFleet } from '../helpers/fleet.js';
import { startLoad } from '../helpers/load.js';

const STALL_MS = 3000;
/** What a node says where it holds Redis to be slow or gone. */
const BLAME = /^.*Redis at .*(?:did not answer|is down|got to a write later|could not serve).*$/gm;

/** Each node in turn; `pool`: with several connections. */
async function stalls(context: ChaosContext, pool: boolean): Promise<Finding[]> {
  const redis = await startRedis();
  const env = pool ? { REDIS_SESSION_MAX_CONNECTIONS: '8', REDIS_SESSION_MIN_IDLE_CONNECTIONS: '4' } : {};
  const fleet = await startFleet(context, { redis, nodes: 2, env });
  const load = await startLoad({ url: fleet.url, users: context.scale(30, 10), pauseMs: 30 });
  await delay(context.scale(1000, 300));
  const from = performance.now();
  for (const { url } of fleet.nodes) {
    await new Browser(url).post('/stall', { ms: STALL_MS });
    await delay(context.scale(1000, 300));
  }
  await load.stop();
  const answers = load.ledger.between(from);
  const waited = answers.filter(({ ms }) => ms > STALL_MS / 2).length;
  const findings = [
    atLeast('requests that waited for a node', waited, 5),
    exactly('answers', statuses(answers), { 200: answers.length }),
    none('lines that blame Redis', fleet.output().match(BLAME) ?? []),
    ...(await checkUsers(load.users, { admin: adminOf(redis.port), strictFrom: from })),
  ];
  return findings.map((finding) => ({
    ...finding,
    what: `${pool ? 'pool' : 'connection'}: ${finding.what}`,
  }));
}

/** The event loop of a node stands still under load; Redis is well all the time. */
export const row: ChaosRow = {
  row: 26,
  fault: 'a node stands still for 3 s, Redis is well',
  on: 'standalone',
  run: async (context) => [...(await stalls(context, false)), ...(await stalls(context, true))],
};
