import { setTimeout as delay } from 'node:timers/promises';
import { Cluster } from 'ioredis';
import { atLeast, exactly, type ChaosRow } from '../row.js';
import { onCleanup } from '../../support/cleanup.js';
import { startCluster } from '../../topologies/helpers/cluster.js';
import { checkUsers, statuses } from '../helpers/check.js';
import { startFleet } from '../helpers/fleet.js';
import { startLoad } from '../helpers/load.js';

/** Longer than any node waits. */
const STANDS_STILL_MS = 3000;
/** Of the masters, in ms: right, fast, slow. */
const ERRORS = [0, 3000, -10_000];
const ASKS_TIME = "local time = redis.call('TIME')";
const READS_TIME = 'local now = time[1] * 1000 + math.floor(time[2] / 1000)';

/** Where scripts ask for the time. */
export const TIME_SOURCE = 'lib/redis/script.ts';

/** Scripts that believe the clock of the server they run on to be wrong by so much. */
export function wrongClocks(ports: readonly number[]): (file: string, source: string) => string {
  const table = ports.map((port, at) => `['${port}'] = ${ERRORS[at] ?? 0}`).join(', ');
  const error = `(({${table}})[string.match(redis.call('INFO', 'server'), 'tcp_port:(%d+)')] or 0)`;
  return (file, source) => {
    if (!file.endsWith(TIME_SOURCE)) return source;
    const edited = source.replace(`${ASKS_TIME}\n${READS_TIME}`, `${ASKS_TIME}\n${READS_TIME} + ${error}`);
    if (edited === source) throw new Error('Chaos helper: the scripts ask for the time in another way.');
    return edited;
  };
}

/** Three masters whose clocks differ, in slots that every user's sessions are spread over. */
export const row: ChaosRow = {
  row: 27,
  fault: 'Cluster masters whose clocks differ by 3 s and 10 s',
  on: 'cluster',
  run: async (context) => {
    const cluster = await startCluster();
    const script = await context.compileApp(
      'test/chaos/apps/chaos-node.ts',
      wrongClocks(cluster.servers.map(({ port }) => port)),
    );
    const fleet = await startFleet(context, {
      script,
      env: { REDIS_SESSION_CLUSTER_NODES: cluster.nodes, REDIS_SESSION_TIMEOUT: '2000' },
    });
    const from = performance.now();
    const load = await startLoad({ url: fleet.url, users: context.scale(30, 12), pauseMs: 50 });
    await delay(context.scale(10_000, 3000));
    // Late by the clock of whoever is asked: refused, and never applied. The server itself holds back what comes: a process that
    // is stopped may have done something that it has not told yet, and whether that was early or late nobody could say.
    for (const master of cluster.admins.slice(0, 3)) {
      await master.call('CLIENT', 'PAUSE', STANDS_STILL_MS, 'ALL');
      await delay(STANDS_STILL_MS + context.scale(2000, 1500));
    }
    const paused = load.ledger.between(from).filter(({ status }) => status === 503).length;
    const calm = performance.now();
    await delay(context.scale(5000, 1500));
    await load.stop();
    const before = load.ledger.between(from, calm).filter(({ startedAt }) => startedAt < from + 2500);
    const after = load.ledger.between(calm);
    const admin = new Cluster(cluster.servers.map(({ host, port }) => ({ host, port })));
    admin.on('error', () => undefined);
    onCleanup(() => admin.disconnect());
    return [
      exactly('answers while all masters serve', statuses(before), { 200: before.length }),
      atLeast('answers of 503 while one stands still', paused, 3),
      exactly('answers afterwards', statuses(after), { 200: after.length }),
      ...(await checkUsers(load.users, { admin, strictFrom: from })),
    ];
  },
};
