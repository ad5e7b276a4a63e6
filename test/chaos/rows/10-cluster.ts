import { Cluster } from 'ioredis';
import { setTimeout as delay } from 'node:timers/promises';
import { checkUsers, statuses } from '../helpers/check.js';
import { startFleet, TIMEOUT_MS } from '../helpers/fleet.js';
import { type Answer } from '../helpers/ledger.js';
import { startLoad } from '../helpers/load.js';
import { recoveryMs } from '../helpers/recovery.js';
import { createSessions, missingOf, runOperations } from '../helpers/store-operations.js';
import {
  allOf,
  atLeast,
  atMostMs,
  exactly,
  none,
  type ChaosContext,
  type ChaosRow,
  type Finding,
} from '../row.js';
import { onCleanup } from '../../support/cleanup.js';
import {
  moveSlot,
  slotOf,
  startCluster,
  type ClusterInstallation,
} from '../../topologies/helpers/cluster.js';
import { storeOn } from '../../topologies/helpers/store-on.js';
import { keyOf } from '../../support/records.js';

const MASTERS = 3;
const SLOTS = 16_384;
const DOWN_LIMIT_MS = TIMEOUT_MS + 100;
const STEADY = { plain: 2, read: 5, write: 4 } as const;

/** Slots go from the first master to the second and back for as long as the operations take. */
async function reshard(context: ChaosContext, cluster: ClusterInstallation): Promise<Finding[]> {
  const env = { REDIS_SESSION_CLUSTER_NODES: cluster.nodes, REDIS_SESSION_TIMEOUT: '5000' };
  const fleet = await startFleet(context, { env });
  const load = await startLoad({ url: fleet.url, users: 6, pauseMs: 100 });
  const store = await storeOn({ settings: env });
  const total = context.scale(100_000, 2000);
  const standing = await createSessions(store, context.scale(10_000, 3000));

  let running = true;
  let moves = 0;
  let keys = 0;
  const moving = (async () => {
    const slots = context.scale(1500, 300);
    while (running) {
      for (const [from, to] of [
        [0, 1],
        [1, 0],
      ] as const) {
        for (let slot = 0; slot < slots; slot++) {
          keys += await moveSlot(cluster, slot, from, to);
          moves += 1;
        }
      }
    }
  })();
  const { done, failures, wrong } = await runOperations(store, total);
  running = false;
  await moving;
  await load.stop();
  const missing = await missingOf(store, standing);
  const { answers } = load.ledger;
  return [
    atLeast('reshard: operations', done, total),
    none('reshard: operations that failed', failures),
    none('reshard: sessions that are not what was written', wrong),
    none(`reshard: of ${standing.length} sessions, lost`, missing),
    atLeast('reshard: slots moved', moves, 300),
    atLeast('reshard: keys moved', keys, 50),
    exactly('reshard: answers of the nodes', statuses(answers), { 200: answers.length }),
    ...(await checkUsers(load.users, { admin: clientOf(cluster) })).map((finding) => ({
      ...finding,
      what: `reshard: ${finding.what}`,
    })),
  ];
}

/** One master stands still, then the whole cluster; too short for a failover. */
async function outages(context: ChaosContext, cluster: ClusterInstallation): Promise<Finding[]> {
  const fleet = await startFleet(context, { env: { REDIS_SESSION_CLUSTER_NODES: cluster.nodes } });
  const load = await startLoad({ url: fleet.url, users: 24, mix: STEADY });
  await delay(context.scale(2000, 500));
  const affected = new Set<string>();
  for (const { name } of load.users) {
    const slot = await slotOf(cluster, keyOf(load.ledger.idOf(name) ?? ''));
    if (Math.floor((slot * MASTERS) / SLOTS) === 0) affected.add(name);
  }
  const faultyAt = performance.now();
  cluster.servers[0]?.pause();
  await delay(context.scale(5000, 2000));
  const one = load.ledger.between(faultyAt).filter(isOfSession);
  cluster.servers[0]?.resume();
  const [reader] = load.users.filter(({ name }) => affected.has(name));
  if (reader === undefined) throw new Error('Chaos helper: no session in the slots of the first master.');
  const backAfterOne = await recoveryMs(fleet, reader);
  await delay(context.scale(2000, 500));

  const downAt = performance.now();
  for (const server of cluster.servers) server.pause();
  await delay(context.scale(5000, 2000));
  const all = load.ledger.between(downAt);
  for (const server of cluster.servers) server.resume();
  const backAfterAll = await recoveryMs(fleet, reader);
  const settledAt = performance.now();
  await delay(context.scale(2000, 500));
  await load.stop();

  const theirs = one.filter(({ user }) => affected.has(user));
  const others = one.filter(({ user }) => !affected.has(user));
  const plain = all.filter(({ kind }) => kind === 'plain');
  const down = all.filter(isOfSession);
  const after = load.ledger.between(settledAt);
  return [
    atLeast('a master down: 503s in its slots', withStatus(theirs, 503), 5),
    exactly('a master down: answers in its slots', statuses(theirs), { 503: theirs.length }),
    atMostMs('a master down: longest answer in its slots', longest(theirs), DOWN_LIMIT_MS),
    exactly('a master down: answers in other slots', statuses(others), { 200: others.length }),
    atMostMs('a master down: served again after', backAfterOne, 1500),
    atLeast('all down: 503s', withStatus(down, 503), 20),
    exactly('all down: answers', statuses(down), { 503: down.length }),
    atMostMs('all down: longest answer', longest(down), DOWN_LIMIT_MS),
    allOf('all down: routes without session served', withStatus(plain, 200), plain.length),
    atMostMs('all down: served again after', backAfterAll, 1500),
    exactly('answers afterwards', statuses(after), { 200: after.length }),
    ...(await checkUsers(load.users, { admin: clientOf(cluster), strictFrom: faultyAt })),
  ];
}

function isOfSession({ kind }: Answer): boolean {
  return kind !== 'plain';
}

function withStatus(answers: readonly Answer[], status: number): number {
  return answers.filter((answer) => answer.status === status).length;
}

function longest(answers: readonly Answer[]): number {
  return Math.max(...answers.map(({ ms }) => ms));
}

function clientOf({ servers }: ClusterInstallation): Cluster {
  const client = new Cluster(servers.map(({ host, port }) => ({ host, port })));
  client.on('error', () => undefined);
  onCleanup(() => client.disconnect());
  return client;
}

/** Slots move under operations; then masters stand still. */
export const row: ChaosRow = {
  row: 10,
  fault: 'Cluster reshard; a master down; the whole cluster down',
  on: 'cluster',
  run: async (context) => {
    const cluster = await startCluster();
    return [...(await reshard(context, cluster)), ...(await outages(context, cluster))];
  },
};
