import { setTimeout as delay } from 'node:timers/promises';
import { atLeast, atMostMs, exactly, type ChaosRow, type Finding } from '../row.js';
import { adminOf, checkUsers } from '../helpers/check.js';
import { recoveryMs } from '../helpers/recovery.js';
import { answered, askAll, share, startScene } from '../helpers/scene.js';

const DOWN = 'plain 200, read 503, write 503, logout 503';
const READY_WITHIN_MS = 500;
/** Slows a load down: so many microseconds for each key. */
const KEY_LOAD_DELAY = 20_000;

/** Redis runs a script that does not end; it reads its data for a long time, also after a crash. */
export const row: ChaosRow = {
  row: 8,
  fault: 'BUSY (endless script); LOADING',
  on: 'standalone',
  run: async (context) => {
    const args = ['--enable-debug-command', 'yes', '--busy-reply-threshold', '20'];
    const slowLoad = [
      '--key-load-delay',
      String(KEY_LOAD_DELAY),
      '--loading-process-events-interval-bytes',
      '1024',
    ];
    const persistent = {
      persistence: true,
      args: [...args, ...slowLoad],
    };
    const scene = await startScene(context, { server: persistent, users: 18 });
    const { redis, admin, fleet, users, ledger } = scene;
    const [readers = [], writers = [], leavers = []] = share(users, 3);
    const [reader] = readers;
    if (reader === undefined) throw new Error('Chaos helper: no reader.');
    const other = adminOf(redis.port);
    await other.ping();
    for (let n = 0; n < 120; n++) await admin.set(`filler:${n}`, 'x'.repeat(2000));
    const started = performance.now();
    /** Requests of all kinds for a while, each user one at a time. */
    const ask = async (forMs: number): Promise<void> => {
      const until = performance.now() + forMs;
      do {
        await Promise.all([askAll(readers, 'read'), askAll(writers, 'write'), askAll(leavers, 'logout')]);
        await askAll(readers.slice(0, 3), 'plain');
        await delay(20);
      } while (performance.now() < until);
    };
    const findings: Finding[] = [];
    const note = (name: string, from: number, to: number, back: number): void => {
      // Those answered before it was over.
      const down = ledger.between(from).filter(({ startedAt, ms }) => startedAt + ms < to);
      findings.push(
        atLeast(`${name}: 503s`, down.filter(({ status }) => status === 503).length, 15),
        exactly(`${name}: answers`, answered(down), DOWN),
        atMostMs(`${name}: all nodes serve again after`, back, READY_WITHIN_MS),
      );
    };

    const endless = admin.eval('while true do end', 0).catch(() => undefined);
    // It counts as busy after its threshold; until then Redis is silent, and the nodes wait.
    while ((await reader.ask('read')).status === 200) await delay(5);
    const busy = performance.now();
    await ask(context.scale(3000, 500));
    const killing = performance.now();
    await other.script('KILL');
    await endless;
    note('BUSY', busy, killing, await recoveryMs(fleet, reader));

    const reload = admin.call('DEBUG', 'RELOAD').then(() => performance.now());
    while ((await reader.ask('read')).status === 200) await delay(5);
    const loading = performance.now();
    await ask(context.scale(500, 100));
    const loaded = await reload;
    note('LOADING', loading, loaded, await recoveryMs(fleet, reader, loaded));

    await redis.kill();
    const killed = performance.now();
    const restart = redis.restart().then(() => performance.now());
    await ask(context.scale(500, 100));
    const ready = await restart;
    note('LOADING after a crash', killed, ready, await recoveryMs(fleet, reader, ready));
    return [...findings, ...(await checkUsers(users, { admin, strictFrom: started }))];
  },
};
