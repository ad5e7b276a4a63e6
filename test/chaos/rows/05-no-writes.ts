import { type Redis } from 'ioredis';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { allOf, atMostMs, exactly, none, type ChaosContext, type ChaosRow, type Finding } from '../row.js';
import { startRedis } from '../../support/redis-server.js';
import { adminOf, checkUsers } from '../helpers/check.js';
import { type User } from '../helpers/load.js';
import { switchboards } from '../helpers/switchboards.js';
import {
  answered,
  askAll,
  share,
  startScene,
  userOfEachNode,
  writeRecoveryMs,
  type Scene,
} from '../helpers/scene.js';

const RECOVERS_WITHIN_MS = 2000;

/** Redis serves reads and refuses writes: it became a replica, has too few of them, or cannot save to its disk. */
export const row: ChaosRow = {
  row: 5,
  fault: 'READONLY after a role change; NOREPLICAS; MISCONF',
  on: 'standalone',
  run: async (context) => {
    const { boards, between } = switchboards();
    const server = { args: ['--enable-protected-configs', 'yes', '--repl-diskless-sync-delay', '0'] };
    const scene = await startScene(context, { server, between, users: context.scale(60, 18) });
    const { admin, redis } = scene;
    const direct = await userOfEachNode(scene.fleet, scene.ledger);
    const started = performance.now();
    const findings: Finding[] = [];
    const part = async (name: string, fail: () => Promise<unknown>, repair: () => Promise<unknown>) =>
      void findings.push(...(await partOf(context, scene, direct, name, fail, repair)));

    await part(
      'NOREPLICAS',
      () => admin.config('SET', 'min-replicas-to-write', '1'),
      () => admin.config('SET', 'min-replicas-to-write', '0'),
    );
    await part(
      'MISCONF',
      () => failToSave(admin, redis.dir),
      () => admin.config('SET', 'stop-writes-on-bgsave-error', 'no'),
    );
    // The address stays with the server that was the master, and then goes over to the one that is it now.
    const next = await startRedis(server);
    const nextAdmin = adminOf(next.port);
    await part(
      'READONLY',
      async () => {
        await nextAdmin.replicaof('127.0.0.1', redis.port);
        await inStep(admin, nextAdmin);
        await nextAdmin.replicaof('NO', 'ONE');
        await admin.replicaof('127.0.0.1', next.port);
        await inStep(nextAdmin, admin);
      },
      async () => {
        for (const board of boards) board.target = next.port;
      },
    );
    const users = [...scene.users, ...direct];
    return [...findings, ...(await checkUsers(users, { admin: nextAdmin, strictFrom: started }))];
  },
};

async function partOf(
  context: ChaosContext,
  { users, ledger }: Scene,
  direct: readonly User[],
  name: string,
  fail: () => Promise<unknown>,
  repair: () => Promise<unknown>,
): Promise<Finding[]> {
  await fail();
  const failed = performance.now();
  const [readers = [], writers = [], leavers = []] = share(users, 3);
  for (let n = 0; n < context.scale(10, 3); n++) {
    const kinds = [askAll(readers, 'read'), askAll(writers, 'write'), askAll(leavers, 'logout')];
    await Promise.all([...kinds, askAll(readers.slice(0, 3), 'plain')]);
    await Promise.all([askAll(writers, 'read'), askAll(leavers, 'read')]);
  }
  const down = ledger.between(failed);
  const reads = down.filter(({ kind }) => kind === 'read');
  await repair();
  const since = performance.now();
  const waits = await Promise.all(direct.map((user) => writeRecoveryMs(user, since)));
  return [
    exactly(`${name}: answers`, answered(down), 'plain 200, read 200, write 503, logout 503'),
    allOf(`${name}: reads served`, reads.filter(({ status }) => status === 200).length, reads.length),
    none(
      `${name}: users logged out`,
      users.filter((user) => ledger.who(user.name) === null),
    ),
    atMostMs(`${name}: writes on all nodes again after`, Math.max(...waits), RECOVERS_WITHIN_MS),
  ];
}

async function failToSave(admin: Redis, dir: string): Promise<void> {
  await mkdir(join(dir, 'taken'));
  await admin.config('SET', 'dbfilename', 'taken');
  await admin.config('SET', 'save', '3600 1');
  await admin.call('BGSAVE');
  while (!(await admin.info('persistence')).includes('rdb_last_bgsave_status:err')) await delay(5);
}

/** Resolves once the replica has all that the master has. */
async function inStep(master: Redis, replica: Redis): Promise<void> {
  for (;;) {
    const [theirs, its] = await Promise.all([master.info('replication'), replica.info('replication')]);
    const offset = /master_repl_offset:(\d+)/.exec(theirs)?.[1];
    const isLinked = its.includes('master_link_status:up');
    if (isLinked && /slave_repl_offset:(\d+)/.exec(its)?.[1] === offset) return;
    await delay(10);
  }
}
