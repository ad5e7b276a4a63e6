import { setTimeout as delay } from 'node:timers/promises';
import { allOf, atLeast, atMostMs, exactly, type ChaosRow } from '../row.js';
import { startRedis } from '../../support/redis-server.js';
import { adminOf, checkUsers, fastOnceOpen, statuses } from '../helpers/check.js';
import { startFleet, TIMEOUT_MS } from '../helpers/fleet.js';
import { startLoad } from '../helpers/load.js';
import { recoveryMs } from '../helpers/recovery.js';

/** Redis dies by SIGKILL under load and comes back with what its file holds. */
export const row: ChaosRow = {
  row: 1,
  fault: 'Redis killed, restarted with its data',
  on: 'standalone',
  run: async (context) => {
    const redis = await startRedis({ persistence: true });
    const fleet = await startFleet(context, { redis });
    const load = await startLoad({ url: fleet.url, users: 30 });
    await delay(context.scale(2000, 500));

    await redis.kill();
    const killed = performance.now();
    await delay(context.scale(5000, 1500));
    const down = load.ledger.between(killed, performance.now());
    const restarting = performance.now();
    await redis.restart();
    const reader = load.users.find(({ browser }) => browser.jar.header('/') !== undefined);
    if (reader === undefined) throw new Error('Chaos helper: nobody is logged in.');
    const back = await recoveryMs(fleet, reader);
    const settled = performance.now();
    await delay(context.scale(2000, 500));
    await load.stop();

    const asked = down.filter(
      ({ kind, startedAt }) => kind !== 'plain' && startedAt < restarting - TIMEOUT_MS,
    );
    const open = asked.filter(({ startedAt }) => startedAt > killed + TIMEOUT_MS);
    const free = down.filter(({ kind }) => kind === 'plain').map(({ ms }) => ms);
    const after = load.ledger.between(settled);
    return [
      atLeast('503s while down', asked.filter(({ status }) => status === 503).length, 50),
      allOf('routes without session served', count(down, 'plain', 200), count(down, 'plain')),
      exactly('answers with a session while down', statuses(asked), { 503: asked.length }),
      fastOnceOpen(open, free),
      atMostMs(
        'longest answer while down',
        Math.max(...asked.map(({ ms }) => ms)),
        TIMEOUT_MS + 50,
        Math.max(...free),
      ),
      atMostMs('all nodes serve again after', back, 1500),
      exactly('answers afterwards', statuses(after), { 200: after.length }),
      ...(await checkUsers(load.users, { admin: adminOf(redis.port), strictFrom: killed })),
    ];
  },
};

function count(
  answers: readonly { readonly kind: string; readonly status: number }[],
  kind: string,
  status?: number,
): number {
  return answers.filter((it) => it.kind === kind && (status === undefined || it.status === status)).length;
}
