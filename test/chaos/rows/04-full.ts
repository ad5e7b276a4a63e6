import { allOf, exactly, none, type ChaosRow } from '../row.js';
import { checkUsers } from '../helpers/check.js';
import { answered, askAll, share, startScene } from '../helpers/scene.js';

/** No memory left, and nothing may be evicted: Redis refuses whatever would need some. */
export const row: ChaosRow = {
  row: 4,
  fault: 'full (maxmemory, noeviction)',
  on: 'standalone',
  run: async (context) => {
    const { admin, fleet, users, ledger } = await startScene(context, { users: context.scale(90, 30) });
    const [leavers = [], writers = [], readers = []] = share(users, 3);
    await admin.config('SET', 'maxmemory-policy', 'noeviction');
    await admin.config('SET', 'maxmemory', '1');
    const full = performance.now();
    for (let n = 0; n < context.scale(10, 3); n++) {
      await Promise.all([
        askAll(readers, 'read'),
        askAll(writers, 'write'),
        askAll(writers.slice(0, 3), 'plain'),
      ]);
      await askAll(writers, 'read');
    }
    await askAll(leavers, 'logout');
    const refused = await Promise.all(leavers.map((user) => user.ask('login')));
    const down = ledger.between(full);
    const of = (kind: string): typeof down => down.filter((it) => it.kind === kind);
    const changed = writers.filter(({ name, ledger }) => ledger.who(name) !== name);

    await admin.config('SET', 'maxmemory', '0');
    const again = await askAll(users.slice(0, fleet.nodes.length * 3), 'write');
    return [
      exactly('answers while full', answered(down), 'plain 200, read 200, write 503, login 503, logout 200'),
      allOf('reads served', of('read').filter(({ status }) => status === 200).length, of('read').length),
      allOf('logouts served', of('logout').filter(({ status }) => status === 200).length, leavers.length),
      allOf('writes refused', of('write').filter(({ status }) => status === 503).length, of('write').length),
      allOf('logins refused', refused.filter(({ status }) => status === 503).length, leavers.length),
      none('users whose old value is not intact', changed),
      exactly('writes once there is room', answered(again), 'write 200'),
      ...(await checkUsers(users, { admin, strictFrom: full })),
    ];
  },
};
