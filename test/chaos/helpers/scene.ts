import { type Redis } from 'ioredis';
import { type ChaosContext } from '../row.js';
import { startRedis, type RedisOptions, type RedisProcess } from '../../support/redis-server.js';
import { adminOf } from './check.js';
import { startFleet, type Fleet, type FleetOptions } from './fleet.js';
import { type Answer, type Kind, type Ledger } from './ledger.js';
import { logIn, type User } from './load.js';

/** A Redis that stands alone, nodes that use it, and users who are logged in and have written. */
export interface Scene {
  readonly redis: RedisProcess;
  readonly admin: Redis;
  readonly fleet: Fleet;
  readonly users: readonly User[];
  readonly ledger: Ledger;
}

export interface SceneOptions extends Omit<FleetOptions, 'redis'> {
  /** Of the server. */
  readonly server?: RedisOptions | undefined;
  /** Puts something between nodes and server: gets its port, returns where the nodes shall go. */
  readonly between?: ((port: number) => Promise<{ host: string; port: number }>) | undefined;
  readonly users: number;
}

export async function startScene(context: ChaosContext, options: SceneOptions): Promise<Scene> {
  const redis = await startRedis(options.server);
  const address = (await options.between?.(redis.port)) ?? redis;
  const fleet = await startFleet(context, { ...options, redis: address });
  const users = await logIn({ url: fleet.url, users: options.users });
  const [first] = users;
  if (first === undefined) throw new Error('Chaos helper: a scene needs users.');
  return { redis, admin: adminOf(redis.port), fleet, users, ledger: first.ledger };
}

/** All at the same time, one request each. */
export function askAll(users: readonly User[], kind: Kind): Promise<Answer[]> {
  return Promise.all(users.map((user) => user.ask(kind)));
}

/** A part of a list for each kind of request, so that a logout does not meet a read of the same user. */
export function share<T>(list: readonly T[], parts: number): T[][] {
  return Array.from({ length: parts }, (_, part) => list.filter((_, at) => at % parts === part));
}

/** What a request of each kind is answered, as one text: `plain 200, read 503, …`; `200/503` where it differs. */
export function answered(answers: readonly Answer[]): string {
  const kinds = ['plain', 'read', 'write', 'login', 'logout'] as const;
  return kinds
    .map((kind) => ({ kind, of: answers.filter((it) => it.kind === kind) }))
    .filter(({ of }) => of.length > 0)
    .map(({ kind, of }) => `${kind} ${[...new Set(of.map(({ status }) => status))].sort().join('/')}`)
    .join(', ');
}

/** Milliseconds from `since` until a write of this user, sent again and again, is acknowledged. */
export async function writeRecoveryMs(user: User, since: number, withinMs = 15_000): Promise<number> {
  for (;;) {
    if ((await user.ask('write')).status === 200) return performance.now() - since;
    if (performance.now() - since > withinMs) {
      throw new Error(`Chaos helper: writes were not served again within ${withinMs} ms.`);
    }
  }
}

/** One user who goes past the balancer, for each node. */
export async function userOfEachNode({ nodes }: Fleet, ledger: Ledger): Promise<User[]> {
  const lists = nodes.map(({ url }, at) => logIn({ url, users: 1, ledger, prefix: `node${at}-` }));
  return (await Promise.all(lists)).flat();
}
