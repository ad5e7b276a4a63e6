import { setTimeout as delay } from 'node:timers/promises';
import { atLeast, atMostMs, exactly, type ChaosRow, type Finding } from '../row.js';
import { startProxy, type TcpProxy } from '../../support/tcp-proxy.js';
import { adminOf, checkUsers, percentile } from '../helpers/check.js';
import { TIMEOUT_MS } from '../helpers/fleet.js';
import { type Kind } from '../helpers/ledger.js';
import { recoveryMs } from '../helpers/recovery.js';
import { answered, askAll, share, startScene } from '../helpers/scene.js';

const ROUND_TRIP_MS = 100;
/** Of the handlers in whose middle the way becomes that slow. */
const HANDLER_MS = 1000;
/** Each loads its session and writes it; a login enters it in the list of its user's before. */
const KINDS = ['read', 'write', 'login', 'logout'] as const;

/** The way to Redis is slow: first a little, then so much that no answer comes in time. */
export const row: ChaosRow = {
  row: 3,
  fault: '+100 ms, then +5 s latency',
  on: 'standalone',
  run: async (context) => {
    const proxies: TcpProxy[] = [];
    const between = async (port: number): Promise<TcpProxy> => {
      const proxy = await startProxy(port);
      proxies.push(proxy);
      return proxy;
    };
    const { admin, fleet, users, ledger } = await startScene(context, { between, users: 12 });
    const [proxy] = proxies;
    const [user] = users;
    if (proxy === undefined || user === undefined) throw new Error('Chaos helper: no proxy.');
    const through = adminOf(proxy.port);
    await through.ping();

    const quick: Record<string, number[]> = {
      plain: [],
      read: [],
      write: [],
      login: [],
      logout: [],
      ping: [],
    };
    const slow: typeof quick = { plain: [], read: [], write: [], login: [], logout: [], ping: [] };
    const note = async (times: typeof quick, kind: Kind): Promise<void> =>
      void times[kind]?.push((await user.ask(kind)).ms);
    const slowFrom = performance.now();
    // In turns, so that both are measured on the same machine in the same mood.
    for (let n = 0; n < context.scale(25, 5); n++) {
      for (const times of [quick, slow]) {
        proxy.setDelay(times === slow ? ROUND_TRIP_MS / 2 : 0);
        const startedAt = performance.now();
        await through.ping();
        times['ping']?.push(performance.now() - startedAt);
        for (const kind of ['plain', ...KINDS] as const) await note(times, kind);
        proxy.setDelay(0);
        await user.ask('login');
      }
    }
    const slowAnswers = ledger.between(slowFrom);
    const added = (kind: string): number => median(slow[kind]) - median(quick[kind]);
    const roundTrip = added('ping');
    const limitOf = (kind: (typeof KINDS)[number]): number => (kind === 'login' ? 3 : 2) * roundTrip + 5;
    const free = Math.max(0, added('plain'));
    const findings: Finding[] = [
      atLeast('round trip added', roundTrip, 0.9 * ROUND_TRIP_MS, ' ms'),
      exactly(
        'answers at +100 ms',
        answered(slowAnswers),
        'plain 200, read 200, write 200, login 200, logout 200',
      ),
      ...KINDS.map((kind) => atMostMs(`added to a ${kind} (median)`, added(kind), limitOf(kind), free)),
      atMostMs('added to a route without session', added('plain'), 5),
    ];

    const lateMs = context.scale(5000, 1500);
    const [readers = [], writers = [], leavers = []] = share(users, 3);
    const late = performance.now();
    // These have loaded their session before, and their saves are on their way for longer than they may take.
    const saving = writers.map((user) => user.ask('write', HANDLER_MS));
    await delay(HANDLER_MS / 2);
    proxy.setDelay(lateMs);
    const saved = await Promise.all(saving);
    const groups = [askAll(readers, 'read'), askAll(writers, 'write'), askAll(leavers, 'logout')];
    await Promise.all(groups);
    await askAll(readers, 'plain');
    const down = ledger.between(late).filter((answer) => !saved.includes(answer));
    const waits = down.filter(({ kind }) => kind !== 'plain').map(({ ms }) => ms);
    const others = down.filter(({ kind }) => kind === 'plain').map(({ ms }) => ms);
    // What is still on its way arrives, long after its answer.
    await delay(2 * lateMs);
    proxy.setDelay(0);
    await recoveryMs(fleet, user);
    return [
      ...findings,
      exactly('saves begun at +5 s', answered(saved), 'write 503'),
      exactly('answers at +5 s', answered(down), 'plain 200, read 503, write 503, logout 503'),
      atMostMs('longest answer at +5 s', Math.max(...waits), TIMEOUT_MS + 50, Math.max(...others)),
      ...(await checkUsers(users, { admin, strictFrom: late })),
    ];
  },
};

function median(values: readonly number[] = []): number {
  return percentile(values, 0.5);
}
