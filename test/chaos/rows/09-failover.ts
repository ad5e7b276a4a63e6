import { setTimeout as delay } from 'node:timers/promises';
import { adminOf, checkUsers, statuses } from '../helpers/check.js';
import { startFleet } from '../helpers/fleet.js';
import { startLoad } from '../helpers/load.js';
import { allOf, atLeast, atMostMs, exactly, type ChaosContext, type ChaosRow, type Finding } from '../row.js';
import { eventually } from '../../support/eventually.js';
import {
  DATA_PASSWORD,
  MASTER_NAME,
  SENTINEL_PASSWORD,
  startSentinel,
} from '../../topologies/helpers/sentinel.js';

/** Silence after which a sentinel takes a master for dead. */
const DOWN_AFTER_MS = 1000;
const FAILOVER_WITHIN_MS = 30_000;

async function failover(context: ChaosContext, how: 'killed' | 'paused'): Promise<Finding[]> {
  const sentinel = await startSentinel(DOWN_AFTER_MS);
  const [master, replica] = sentinel.servers;
  const fleet = await startFleet(context, {
    env: {
      REDIS_SESSION_SENTINEL_MASTER: MASTER_NAME,
      REDIS_SESSION_SENTINELS: sentinel.sentinels,
      REDIS_SESSION_SENTINEL_PASSWORD: SENTINEL_PASSWORD,
      REDIS_SESSION_PASSWORD: DATA_PASSWORD,
    },
  });
  const load = await startLoad({ url: fleet.url, users: 20 });
  await delay(context.scale(2000, 500));
  await sentinel.replicated();

  const failedAt = performance.now();
  if (how === 'killed') await master.kill();
  else master.pause();
  const promoted = async (): Promise<true | undefined> =>
    (await sentinel.masterPort()) === replica.port || undefined;
  await eventually('the replica is promoted', promoted, FAILOVER_WITHIN_MS);
  const promotedAt = performance.now();
  await delay(context.scale(4000, 3000));
  // What comes back believes at first that it is the master still.
  const returnedAt = performance.now();
  if (how === 'paused') master.resume();
  await delay(context.scale(3000, 1500));
  await load.stop();

  const answers = load.ledger.between(failedAt);
  const refused = answers.filter(({ status }) => status !== 200);
  const lastRefusal = Math.max(failedAt, ...refused.map(({ startedAt, ms }) => startedAt + ms));
  const plain = answers.filter(({ kind }) => kind === 'plain');
  const after = load.ledger.between(returnedAt);
  const checks = await checkUsers(load.users, {
    admin: adminOf(replica.port, { password: DATA_PASSWORD }),
    strictFrom: failedAt,
  });
  return [
    atLeast('503s in the window', refused.filter(({ status }) => status === 503).length, 20),
    exactly('other refusals', refused.filter(({ status }) => status !== 503).length, 0),
    allOf('routes without session served', plain.filter(({ status }) => status === 200).length, plain.length),
    atMostMs('window: the fault until the last 503', lastRefusal - failedAt, DOWN_AFTER_MS + 2000),
    atMostMs('of it, after the sentinels named the new master', lastRefusal - promotedAt, 1000),
    exactly('answers afterwards', statuses(after), { 200: after.length }),
    ...checks,
  ].map((finding) => ({ ...finding, what: `master ${how}: ${finding.what}` }));
}

/** A master behind Sentinel dies, or stands still and comes back later. */
export const row: ChaosRow = {
  row: 9,
  fault: `Sentinel failover, master killed and master paused (down-after ${DOWN_AFTER_MS} ms)`,
  on: 'sentinel',
  run: async (context) => [...(await failover(context, 'killed')), ...(await failover(context, 'paused'))],
};
