import { type Shown } from '../apps/chaos-node.js';
import { atLeast, atMost, exactly, none, type ChaosRow } from '../row.js';
import { Browser } from '../../support/cookie-jar.js';
import { checkUsers } from '../helpers/check.js';
import { type Answer } from '../helpers/ledger.js';
import { askAll, answered, startScene } from '../helpers/scene.js';
import { keyOf } from '../../support/records.js';

const HOUR_MS = 3_600_000;
/** Of the nodes, in ms: right, fast, slow. */
const ERRORS = [0, HOUR_MS, -HOUR_MS];
const IDLE_S = 1800;
/** Less than the clocks differ: a node that believes its own clock ends sessions, or never does. */
const ABSOLUTE_S = 2700;

/** Clocks of the nodes an hour fast and slow, by a change of Date in the whole process. */
export const row: ChaosRow = {
  row: 19,
  fault: 'node clocks ±1 h',
  on: 'standalone',
  run: async (context) => {
    const env = {
      REDIS_SESSION_USER_TIMEOUT: String(IDLE_S),
      REDIS_SESSION_ABSOLUTE_TIMEOUT: String(ABSOLUTE_S),
      // Each use is noted: what differs is the clocks' doing.
      REDIS_SESSION_TOUCH_INTERVAL: '0',
    };
    const clockErrorOf = (at: number): number => ERRORS[at] ?? 0;
    const scene = await startScene(context, { nodes: 3, env, clockErrorOf, users: context.scale(12, 6) });
    const { admin, fleet, users, ledger } = scene;
    const clocks = await Promise.all(fleet.nodes.map(async (node) => (await node.vitals()).now ?? NaN));
    const answers: Answer[] = [];
    const differences: number[] = [];
    for (let round = 0; round < context.scale(10, 3); round++) {
      // Through the balancer: each request of a user meets another node.
      for (const kind of ['read', 'write', 'login', 'read'] as const) {
        answers.push(...(await askAll(users, kind)));
        for (const { name } of users) {
          const life = await admin.pttl(keyOf(ledger.idOf(name) ?? ''));
          differences.push(Math.abs(life - IDLE_S * 1000));
        }
      }
    }
    const limits = await Promise.all(
      users.map(async ({ browser }) => {
        const shown = await Promise.all(
          fleet.nodes.map(async ({ url }) => new Browser(url, browser.jar.clone()).get('/read')),
        );
        return shown.filter((answer) => answer.json<Shown>().who === null).length;
      }),
    );
    return [
      atLeast('clocks differ by', (Math.max(...clocks) - Math.min(...clocks)) / HOUR_MS, 1.9, ' h'),
      exactly('answers', answered(answers), 'read 200, write 200, login 200'),
      atMost('expiry differs by', Math.max(...differences) / 1000, 1, ' s'),
      none(
        'nodes on which a user is not logged in',
        limits.filter((count) => count > 0),
      ),
      ...(await checkUsers(users, { admin })),
    ];
  },
};
