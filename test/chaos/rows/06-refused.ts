import { atMostMs, exactly, none, type ChaosRow, type Finding } from '../row.js';
import { checkUsers } from '../helpers/check.js';
import { recoveryMs } from '../helpers/recovery.js';
import { answered, askAll, share, startScene } from '../helpers/scene.js';

const USER = 'shop';
const PASSWORD = 'canary-5ef1-password';

/** What an administrator does to the user, how it is undone, and under which name that is told. */
const FAULTS = [
  ['NOPERM, no commands', ['nocommands'], ['+@all']],
  ['NOPERM, no keys', ['resetkeys'], ['~*']],
  ['WRONGPASS', ['resetpass', '>another-password'], ['resetpass', `>${PASSWORD}`]],
  ['NOAUTH, user off', ['off'], ['on']],
] as const;

/** The rights of our user at Redis are taken away while the nodes run, and given back. */
export const row: ChaosRow = {
  row: 6,
  fault: 'NOAUTH, WRONGPASS, NOPERM while running',
  on: 'standalone',
  run: async (context) => {
    const aclFile = ['user default on nopass ~* &* +@all', `user ${USER} on >${PASSWORD} ~* &* +@all`];
    const env = { REDIS_SESSION_USERNAME: USER, REDIS_SESSION_PASSWORD: PASSWORD };
    const { admin, fleet, users, ledger } = await startScene(context, {
      server: { aclFile },
      env,
      users: 12,
    });
    const [readers = [], writers = [], leavers = []] = share(users, 3);
    const [reader] = readers;
    if (reader === undefined) throw new Error('Chaos helper: no reader.');
    const pids = fleet.nodes.map((node) => node.process.pid);
    const started = performance.now();
    const findings: Finding[] = [];
    for (const [name, fault, repair] of FAULTS) {
      await admin.call('ACL', 'SETUSER', USER, ...fault);
      await admin.call('CLIENT', 'KILL', 'USER', USER);
      const failed = performance.now();
      for (let n = 0; n < context.scale(5, 2); n++) {
        const kinds = [askAll(readers, 'read'), askAll(writers, 'write'), askAll(leavers, 'logout')];
        await Promise.all(kinds);
        await askAll(readers, 'plain');
      }
      const down = ledger.between(failed);
      await admin.call('ACL', 'SETUSER', USER, ...repair);
      const back = await recoveryMs(fleet, reader);
      findings.push(
        exactly(`${name}: answers`, answered(down), 'plain 200, read 503, write 503, logout 503'),
        atMostMs(`${name}: all nodes serve again after`, back, 2000),
      );
    }
    const output = fleet.output();
    const lines = output.split('\n');
    const isTold = lines.some((line) => line.includes('RedisConnection'));
    return [
      ...findings,
      exactly('the fault is in the log', isTold, true),
      none(
        'the password in the logs',
        lines.filter((line) => line.includes(PASSWORD)).map(() => 'a line'),
      ),
      exactly('restarts', fleet.nodes.filter((node, at) => node.process.pid !== pids[at]).length, 0),
      ...(await checkUsers(users, { admin, strictFrom: started })),
    ];
  },
};
