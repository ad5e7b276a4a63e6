import type { Redis } from 'ioredis';
import { redisClient } from '../../support/redis-client.js';
import { startRedis, type RedisProcess } from '../../support/redis-server.js';
import { eventually } from '../../support/eventually.js';

const SLOTS = 16_384;
const MASTERS = 3;

export interface ClusterInstallation {
  /** Three masters, then a replica of each. */
  readonly servers: readonly RedisProcess[];
  /** A plain client of each server, in the same order. */
  readonly admins: readonly Redis[];
  /** `host:port,…` of the first two: the rest is found. */
  readonly nodes: string;
}

/** Three masters with a replica each. `args` go to every server. */
export async function startCluster(args: readonly string[] = []): Promise<ClusterInstallation> {
  const cluster = [
    '--cluster-enabled',
    'yes',
    '--cluster-node-timeout',
    // A busy machine is no reason for a failover.
    '15000',
    '--repl-diskless-sync-delay',
    '0',
  ];
  const servers = await Promise.all(
    Array.from({ length: 2 * MASTERS }, () => startRedis({ args: [...cluster, ...args] })),
  );
  const admins = servers.map(({ port }) => redisClient(port));
  const [first] = admins as [Redis, ...Redis[]];
  await Promise.all(
    admins.slice(0, MASTERS).map((admin, at) => {
      const from = Math.ceil((SLOTS * at) / MASTERS);
      return addSlots(admin, from, Math.ceil((SLOTS * (at + 1)) / MASTERS));
    }),
  );
  for (const { port } of servers.slice(1)) await first.call('CLUSTER', 'MEET', '127.0.0.1', port);
  const ids = await Promise.all(admins.map(async (admin) => String(await admin.call('CLUSTER', 'MYID'))));
  await Promise.all(
    admins.slice(MASTERS).map((admin, at) =>
      eventually('a replica knows its master', async () => {
        await admin.call('CLUSTER', 'REPLICATE', String(ids[at]));
        return true;
      }),
    ),
  );
  await Promise.all(
    admins.map((admin) =>
      eventually('the cluster is up, with its replicas in step', async () => {
        const [state, nodes, replication] = await Promise.all([
          admin.call('CLUSTER', 'INFO'),
          admin.call('CLUSTER', 'NODES'),
          admin.info('replication'),
        ]);
        const replicas = String(nodes).match(/ (?:myself,)?slave /g)?.length;
        // Where a cluster serves what it can, a server is ok before it has heard of the slots of the others.
        const isWhole = String(state).includes(`cluster_slots_assigned:${SLOTS}`);
        const isUp = isWhole && String(state).includes('cluster_state:ok') && replicas === MASTERS;
        return isUp && !replication.includes('master_link_status:down') ? true : undefined;
      }),
    ),
  );
  return {
    servers,
    admins,
    nodes: servers
      .slice(0, 2)
      .map(({ port }) => `127.0.0.1:${port}`)
      .join(','),
  };
}

/** Gives slots to a server, from one up to the next but `end`; all of them by default. One by one: Redis 6.2 knows no ranges. */
export async function addSlots(admin: Redis, from = 0, end = SLOTS): Promise<void> {
  await admin.call('CLUSTER', 'ADDSLOTS', ...Array.from({ length: end - from }, (_, slot) => from + slot));
}

/** The slot of a key, as the server counts it. */
export async function slotOf({ admins }: ClusterInstallation, key: string): Promise<number> {
  return Number(await admins[0]?.call('CLUSTER', 'KEYSLOT', key));
}

/** A slot is being moved from one master to another, and no key of it is yet. */
export async function beginMove(
  { admins }: ClusterInstallation,
  slot: number,
  from: number,
  to: number,
): Promise<{ source: Redis; target: Redis; targetId: string }> {
  const [source, target] = [admins[from] as Redis, admins[to] as Redis];
  const [sourceId, targetId] = await Promise.all([source.cluster('MYID'), target.cluster('MYID')]);
  await target.call('CLUSTER', 'SETSLOT', slot, 'IMPORTING', sourceId);
  await source.call('CLUSTER', 'SETSLOT', slot, 'MIGRATING', targetId);
  return { source, target, targetId };
}

/**
 * Moves a slot with all its keys from one master to another (by their place in `servers`), step by step. Resolves to
 * how many keys it held.
 */
export async function moveSlot(
  cluster: ClusterInstallation,
  slot: number,
  from: number,
  to: number,
): Promise<number> {
  const { source, target, targetId } = await beginMove(cluster, slot, from, to);
  let moved = 0;
  for (;;) {
    const keys = (await source.call('CLUSTER', 'GETKEYSINSLOT', slot, 2)) as string[];
    if (keys.length === 0) break;
    await source.call(
      'MIGRATE',
      '127.0.0.1',
      Number(cluster.servers[to]?.port),
      '',
      0,
      5000,
      'KEYS',
      ...keys,
    );
    moved += keys.length;
  }
  for (const admin of [target, source]) await admin.call('CLUSTER', 'SETSLOT', slot, 'NODE', targetId);
  return moved;
}
