import { setTimeout as delay } from 'node:timers/promises';
import { Cluster } from 'ioredis';
import { atLeast, exactly, type ChaosRow } from '../row.js';
import { onCleanup } from '../../support/cleanup.js';
import { startCluster } from '../../topologies/helpers/cluster.js';
import { checkUsers, statuses } from '../helpers/check.js';
import { startFleet } from '../helpers/fleet.js';
import { askAll } from '../helpers/scene.js';
import { logIn, startLoad } from '../helpers/load.js';

const TIMEOUT_MS = 2000;
/** Of those who write: a master stops in the middle of it. */
const HANDLER_MS = 3000;
/** Longer than a node waits for what it sends at the end of a handler. */
const STANDS_STILL_MS = HANDLER_MS / 2 + TIMEOUT_MS + 1000;
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
      env: { REDIS_SESSION_CLUSTER_NODES: cluster.nodes, REDIS_SESSION_TIMEOUT: String(TIMEOUT_MS) },
    });
    const from = performance.now();
    const load = await startLoad({ url: fleet.url, users: context.scale(30, 12), pauseMs: 50 });
    await delay(context.scale(10_000, 3000));
    await load.stop();
    const before = load.ledger.between(from);

    // Late by the clock of whoever is asked: refused, and never applied. When a master stops, those who write have loaded their
    // session and save it later, and nothing else is under way: it may have done what it has not told yet, and nobody could say
    // whether that was early or late.
    const more = { url: fleet.url, users: context.scale(90, 30), ledger: load.ledger, prefix: 'w' };
    const writers = await logIn(more);
    const refused: number[] = [];
    for (const master of cluster.servers.slice(0, 3)) {
      const saving = writers.map((user) => user.ask('write', HANDLER_MS));
      await delay(HANDLER_MS / 2);
      master.pause();
      const saved = await Promise.all(saving);
      refused.push(saved.filter(({ status }) => status === 503).length);
      await delay(STANDS_STILL_MS - HANDLER_MS / 2 - TIMEOUT_MS);
      master.resume();
      await delay(context.scale(2000, 1000));
      await askAll(writers, 'read');
    }

    const calm = performance.now();
    const users = [...load.users, ...writers];
    for (let times = context.scale(20, 4); times > 0; times -= 1)
      for (const kind of ['read', 'write'] as const) await askAll(users, kind);
    const after = load.ledger.between(calm);
    const admin = new Cluster(cluster.servers.map(({ host, port }) => ({ host, port })));
    admin.on('error', () => undefined);
    onCleanup(() => admin.disconnect());
    return [
      exactly('answers while all masters serve', statuses(before), { 200: before.length }),
      atLeast(
        'saves refused by the master that had fewest, while it stood still',
        Math.min(...refused),
        writers.length / 6,
      ),
      exactly('answers afterwards', statuses(after), { 200: after.length }),
      ...(await checkUsers(users, { admin, strictFrom: from })),
    ];
  },
};
