import { type Redis } from 'ioredis';
import { setTimeout as delay } from 'node:timers/promises';
import { allOf, atLeast, atMost, atMostMs, exactly, type ChaosRow } from '../row.js';
import { checkUsers, fastOnceOpen } from '../helpers/check.js';
import { TIMEOUT_MS, type Fleet } from '../helpers/fleet.js';
import { recoveryMs } from '../helpers/recovery.js';
import { answered, askAll, share, startScene } from '../helpers/scene.js';

const MEGABYTE = 2 ** 20;

/** Redis hangs (SIGSTOP): connections stay, nothing is answered, and all that was sent waits in its sockets. */
export const row: ChaosRow = {
  row: 2,
  fault: 'paused for 10 s (SIGSTOP)',
  on: 'standalone',
  run: async (context) => {
    const many = context.scale(1000, 100);
    // Of the handlers in whose middle Redis stops: they have loaded their session by then, and save it afterwards.
    const handlerMs = context.scale(6000, 3000);
    const { redis, admin, fleet, users, ledger } = await startScene(context, { users: many + 46 });
    const [writers, others] = [users.slice(0, many), users.slice(many)];
    const [readers = [], leavers = [], again = []] = share(others, 3);
    // So that code is compiled and buffers are there before memory is compared.
    await askAll(writers, 'write');
    const before = await memoryOf(fleet);

    const asked = performance.now();
    const saving = writers.map((user) => user.ask('write', handlerMs));
    // Once a route without session is served all of them are in their handlers: they came before it.
    await Promise.all(fleet.nodes.map((node) => node.vitals()));
    await delay(handlerMs / 2);
    const scriptsBefore = await scriptsRun(admin);
    redis.pause();
    const paused = performance.now();
    await delay(handlerMs - (paused - asked));
    // All saves have been sent by then, and wait for their timeout.
    await delay(TIMEOUT_MS / 2);
    let peak = Math.max(before, await memoryOf(fleet));
    const saved = await Promise.all(saving);
    const silent = performance.now();
    do {
      const kinds = [askAll(readers, 'read'), askAll(leavers, 'logout'), askAll(again, 'write')];
      await Promise.all([...kinds, askAll(readers, 'plain')]);
      peak = Math.max(peak, await memoryOf(fleet));
      await delay(50);
    } while (performance.now() - paused < context.scale(10_000, 4000));
    const down = ledger.between(silent, performance.now());
    const resumed = performance.now();
    redis.resume();
    const [reader] = readers;
    if (reader === undefined) throw new Error('Chaos helper: no reader.');
    const back = await recoveryMs(fleet, reader, resumed);

    const scripts = (await scriptsRun(admin)) - scriptsBefore;

    const waits = down.filter(({ kind }) => kind !== 'plain').map(({ ms }) => ms);
    const free = down.filter(({ kind }) => kind === 'plain').map(({ ms }) => ms);
    const open = down.filter((it) => it.kind !== 'plain' && it.startedAt > silent + TIMEOUT_MS);
    return [
      allOf('saves sent and refused', saved.filter(({ status }) => status === 503).length, many),
      // Of what waits on a connection that was given up meanwhile Redis reads only the beginning.
      atLeast('scripts that it ran when it went on', scripts, 0.3 * many),
      exactly('answers while paused', answered(down), 'plain 200, read 503, write 503, logout 503'),
      atMost('memory of a node grew by', (peak - before) / MEGABYTE, 20, ' MB'),
      atMostMs('longest answer', Math.max(...waits), TIMEOUT_MS + 50, Math.max(...free)),
      fastOnceOpen(open, free),
      atMostMs('all nodes serve again after', back, 1500),
      ...(await checkUsers(users, { admin, strictFrom: asked })),
    ];
  },
};

/** How many scripts the server was asked to run so far. */
async function scriptsRun(admin: Redis): Promise<number> {
  return Number(/^cmdstat_evalsha:calls=(\d+)/m.exec(await admin.info('commandstats'))?.[1] ?? 0);
}

/** Of the node that has most, in bytes. */
async function memoryOf({ nodes }: Fleet): Promise<number> {
  const vitals = await Promise.all(nodes.map((node) => node.vitals()));
  return Math.max(...vitals.map(({ heapUsed, external }) => heapUsed + external));
}
