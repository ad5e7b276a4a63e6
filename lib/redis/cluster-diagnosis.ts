import { Redis } from 'ioredis';
import { connect } from 'node:net';
import type { SessionStoreUnavailableError } from '../core/errors.js';
import { endpointOf, nodeOptions, type RedisAddress, type RedisConnectionOptions } from './client.js';
import { within } from './deadline.js';
import { cause, causeOf, isReply, unavailable, type Cause } from './failure.js';

const SLOTS = 16_384;

/** A range of slots, and who serves it: `[first, last, [host, port, …], …]`. */
type SlotRange = readonly [number, number, ...(readonly [string | null, number])[]];

/**
 * Why a cluster cannot be used from here. Its client does not tell: it asks one node after the other, and only reports
 * that none can be used. Undefined where nothing more is known.
 */
export async function diagnoseCluster(
  options: RedisConnectionOptions,
): Promise<SessionStoreUnavailableError | undefined> {
  const found = await Promise.all((options.cluster?.nodes ?? []).map((node) => examine(node, options)));
  const first = found.find((it) => it !== undefined);
  return first && unavailable(endpointOf(options), first);
}

/** What one node says of its cluster. Never rejects. */
async function examine(node: RedisAddress, options: RedisConnectionOptions): Promise<Cause | undefined> {
  const client = new Redis({
    ...nodeOptions(options),
    ...node,
    enableReadyCheck: false,
    retryStrategy: () => null,
  });
  client.on('error', () => undefined);
  const work = async (): Promise<Cause | undefined> => {
    await client.connect();
    const [info, slots] = await Promise.all([
      client.call('CLUSTER', 'INFO'),
      client.call('CLUSTER', 'SLOTS'),
    ]);
    return judge(String(info), slots as SlotRange[], options);
  };
  try {
    return await within(work(), options.timeoutMs);
  } catch (error) {
    return isReply(error) ? causeOf(error) : undefined;
  } finally {
    client.disconnect();
  }
}

async function judge(
  info: string,
  slots: readonly SlotRange[],
  options: RedisConnectionOptions,
): Promise<Cause | undefined> {
  const unassigned = unassignedSlots(info);
  if (unassigned !== undefined) return unassigned;
  const masters = slots.map(([, , master]) => master).filter((master) => master !== undefined);
  if (masters.some(([host]) => host === null || host === '')) {
    return cause('CLUSTER_ADDRESS_UNKNOWN', 'its nodes tell no address of theirs');
  }
  const addresses = new Map(
    masters.map(([host, port]) => [`${host ?? ''}:${port}`, { host: host ?? '', port }]),
  );
  const unreached = await Promise.all(
    [...addresses].map(async ([name, address]) =>
      (await isOpen(mapped(name, address, options), options)) ? [] : [name],
    ),
  );
  const names = unreached.flat();
  if (names.length === addresses.size && names.length > 0) {
    return cause(
      'CLUSTER_NODES_UNREACHABLE',
      `its nodes call themselves ${names.join(', ')}, where nobody answers from here`,
    );
  }
  if (!info.includes('cluster_state:fail')) return undefined;
  return cause(
    'CLUSTERDOWN',
    `cluster_state is fail${names.length > 0 ? `, ${names.join(', ')} cannot be reached` : ''}`,
  );
}

/** What CLUSTER INFO says of slots that no node serves, if any. */
export function unassignedSlots(info: string): Cause | undefined {
  const assigned = /^cluster_slots_assigned:(\d+)/m.exec(info)?.[1];
  if (assigned === undefined || Number(assigned) === SLOTS) return undefined;
  return cause(
    'CLUSTER_SLOTS_UNASSIGNED',
    `${assigned} of ${SLOTS} slots of the cluster are assigned to nodes`,
  );
}

function mapped(name: string, address: RedisAddress, { cluster }: RedisConnectionOptions): RedisAddress {
  const natMap = cluster?.natMap;
  const there = typeof natMap === 'function' ? natMap(name) : natMap?.[name];
  return there ?? address;
}

/** Whether anybody takes connections there. */
function isOpen({ host, port }: RedisAddress, { timeoutMs }: RedisConnectionOptions): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: timeoutMs / 2 });
    const done = (open: boolean): void => {
      socket.destroy();
      resolve(open);
    };
    socket.once('connect', () => done(true));
    socket.once('error', () => done(false));
    socket.once('timeout', () => done(false));
  });
}
