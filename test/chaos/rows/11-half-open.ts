import { setTimeout as delay } from 'node:timers/promises';
import { atLeast, atMostMs, exactly, type ChaosRow, type Finding } from '../row.js';
import { checkUsers } from '../helpers/check.js';
import { TIMEOUT_MS } from '../helpers/fleet.js';
import { startLoad } from '../helpers/load.js';
import { recoveryMs } from '../helpers/recovery.js';
import { switchboards } from '../helpers/switchboards.js';
import { answered, startScene } from '../helpers/scene.js';

const RECONNECTED_WITHIN_MS = 2500;

/** Connections go dead without a word, as when a firewall forgets them; new ones work, or do not either for a while. */
export const row: ChaosRow = {
  row: 11,
  fault: 'half-open: idle, mid-command, during the handshake',
  on: 'standalone',
  run: async (context) => {
    const { boards, between } = switchboards();
    const { admin, fleet, users, ledger } = await startScene(context, { between, users: 3 });
    const [board] = boards;
    const [reader] = users;
    if (board === undefined || reader === undefined) throw new Error('Chaos helper: no switchboard.');
    const findings: Finding[] = [];

    // Idle: the next request finds out.
    board.deaden();
    await delay(context.scale(2000, 200));
    const found = performance.now();
    const first = await reader.ask('write');
    findings.push(
      exactly('idle: the first request', first.status, 503),
      atMostMs('idle: its answer', first.ms, TIMEOUT_MS + 50, (await reader.ask('plain')).ms),
      atMostMs(
        'idle: all nodes reconnected after',
        await recoveryMs(fleet, reader, found),
        RECONNECTED_WITHIN_MS,
      ),
    );

    // Under load: commands are under way on each connection.
    const load = await startLoad({ url: fleet.url, users: 24, ledger, prefix: 'load' });
    await delay(context.scale(1000, 300));
    const cut = performance.now();
    board.deaden();
    const back = await recoveryMs(fleet, reader, cut);
    await delay(context.scale(1000, 300));
    await load.stop();
    const during = ledger.between(cut, cut + back).filter(({ user }) => user.startsWith('load'));
    const refused = during.filter(({ status }) => status === 503);
    findings.push(
      atLeast('mid-command: 503s', refused.length, 3),
      exactly(
        'mid-command: routes without session',
        answered(during.filter(({ kind }) => kind === 'plain')),
        'plain 200',
      ),
      atMostMs('mid-command: all nodes reconnected after', back, RECONNECTED_WITHIN_MS),
    );

    // New connections are taken, and nobody answers there either.
    board.deadOnArrival = true;
    board.deaden();
    const dead = performance.now();
    const before = board.accepted;
    do {
      await reader.ask('read');
      await reader.ask('plain');
      await delay(20);
    } while (
      board.accepted < before + fleet.nodes.length ||
      performance.now() - dead < context.scale(4000, 1000)
    );
    const answers = ledger.between(dead);
    const revived = performance.now();
    board.deadOnArrival = false;
    findings.push(
      exactly('handshake: answers', answered(answers), 'plain 200, read 503'),
      atLeast('handshake: dead connections', board.accepted - before, fleet.nodes.length),
      atMostMs(
        'handshake: all nodes reconnected after',
        await recoveryMs(fleet, reader, revived),
        RECONNECTED_WITHIN_MS,
      ),
    );
    return [...findings, ...(await checkUsers([...users, ...load.users], { admin }))];
  },
};
