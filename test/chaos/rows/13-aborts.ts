import { type Shown } from '../apps/chaos-node.js';
import { startFleetNode, type FleetNode } from '../helpers/fleet.js';
import { bytesHeld, PATIENT } from '../helpers/edge.js';
import { abort, requestText, type Moment } from '../helpers/raw-clients.js';
import {
  allOf,
  atLeast,
  atMost,
  exactly,
  none,
  type ChaosContext,
  type ChaosRow,
  type Finding,
} from '../row.js';
import { Browser } from '../../support/cookie-jar.js';
import { startRedis } from '../../support/redis-server.js';

/** How long the handler takes that clients do not wait for, in ms. */
const HANDLER_MS = 60;
const AT_A_TIME = 20;
/** Every so many rounds what was written is looked for. */
const ROUNDS_TO_A_LOOK = 5;
const MOMENTS: readonly Moment[] = ['half-way', 'at once', HANDLER_MS / 3, 'at the first byte'];
/** What a response or a session that is kept would cost is several times this. */
const BYTES_EACH = 2000;

/** Of handlers whose clients had left: how many wrote, and what of it is not stored. */
interface Written {
  count: number;
  readonly missing: string[];
}

/** Aborts by users who are logged in, a share of them at each moment. */
async function leave(node: FleetNode, users: readonly Browser[], count: number): Promise<Written> {
  const outcome: Written = { count: 0, missing: [] };
  for (let done = 0, round = 1; done < count; done += AT_A_TIME, round++) {
    const written = new Map<Browser, string>();
    await Promise.all(
      users.slice(0, AT_A_TIME).map(async (user, at) => {
        const moment = MOMENTS[at % MOMENTS.length] as Moment;
        const value = `abort-${done + at}`;
        const headers = `Cookie: ${user.jar.header('/')}\r\n`;
        await abort(node.url, requestText('POST', '/slow', headers, { value, ms: HANDLER_MS }), moment);
        // Whether a request that was left at once has arrived nobody knows.
        if (moment !== 'half-way' && moment !== 'at once') written.set(user, value);
      }),
    );
    if (round % ROUNDS_TO_A_LOOK !== 0) continue;
    outcome.count += written.size;
    outcome.missing.push(...(await settled(written, node)));
  }
  return outcome;
}

async function settled(written: ReadonlyMap<Browser, string>, node: FleetNode): Promise<string[]> {
  // The last handlers are under way still.
  const until = performance.now() + 50 * HANDLER_MS;
  for (;;) {
    const missing: string[] = [];
    for (const [user, value] of written) {
      const { value: stored } = (await new Browser(node.url, user.jar.clone()).get('/read')).json<Shown>();
      if (stored !== value) missing.push(`${value}: ${stored}`);
    }
    if (missing.length === 0 || performance.now() > until) return missing;
  }
}

async function run(context: ChaosContext): Promise<Finding[]> {
  const redis = await startRedis();
  const node = await startFleetNode(context, { redis, env: PATIENT }, 0);
  const users = await Promise.all(
    Array.from({ length: AT_A_TIME }, async () => {
      const browser = new Browser(node.url);
      await browser.post('/login', { user: 'ann', value: 'before' });
      return browser;
    }),
  );
  const count = context.scale(4000, 400);
  await leave(node, users, 400);
  const [before, bytesBefore] = [await node.vitals(), await bytesHeld(node)];
  const { count: written, missing } = await leave(node, users, count);
  const [after, bytesAfter] = [await node.vitals(), await bytesHeld(node)];
  return [
    atLeast('clients that left: half-way, at once, during the handler, at the first byte', count, 100),
    allOf('written by a handler whose client had left, and stored', written - missing.length, written),
    none('of these lost', missing),
    exactly('unhandled rejections', after.unhandled, 0),
    atMost('bytes kept for each', Math.max(0, (bytesAfter - bytesBefore) / count), BYTES_EACH),
    atMost('sockets and timers left over', Math.max(0, after.resources - before.resources), 5),
  ];
}

export const row: ChaosRow = {
  row: 13,
  fault: 'clients abort before, during and after the handler',
  on: 'standalone',
  run,
};
