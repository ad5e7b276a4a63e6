import { type Shown } from '../apps/chaos-node.js';
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
import { adminOf } from '../helpers/check.js';
import { bytesHeld, PATIENT } from '../helpers/edge.js';
import { startFleet } from '../helpers/fleet.js';
import { keyOf } from '../../support/records.js';

const MIB = 2 ** 20;
const POOL = { REDIS_SESSION_MAX_CONNECTIONS: '8', REDIS_SESSION_MIN_IDLE_CONNECTIONS: '8' };

const shownBy = async (url: string, { jar }: Browser): Promise<Shown> =>
  (await new Browser(url, jar.clone()).get('/read')).json<Shown>();

/** Loads and saves of a guest at the same time, over several connections; then its copy in Redis expires. */
async function newestWins(context: ChaosContext): Promise<Finding[]> {
  const redis = await startRedis();
  const admin = adminOf(redis.port);
  const fleet = await startFleet(context, { redis, nodes: 2, env: { ...PATIENT, ...POOL } });
  const [node] = fleet.nodes;
  if (node === undefined) throw new Error('Chaos helper: no node.');
  const [guests, rounds] = [context.scale(60, 20), 10];
  const [lost, back]: [string[], string[]] = [[], []];
  let acknowledged = 0;
  for (let n = 0; n < guests; n += 1) {
    const browser = new Browser(node.url);
    const { id } = (await browser.post('/write', { value: 'first' })).json<Shown>();
    for (let round = 0; round < rounds; round += 1) {
      const value = `${n}-${round}`;
      const [write] = await Promise.all([
        browser.clone().post('/write', { value }),
        ...Array.from({ length: 6 }, () => browser.clone().get('/read')),
      ]);
      if (write.status === 200) acknowledged += 1;
      await admin.del(keyOf(id));
      const shown = await shownBy(node.url, browser);
      if (shown.value !== value) lost.push(`${shown.value} instead of ${value}`);
    }
    // On the node that does not know the session: its copy has expired.
    await admin.del(keyOf(id));
    await new Browser(fleet.nodes[1]?.url ?? '', browser.jar.clone()).post('/logout');
    for (const { url } of fleet.nodes) {
      const shown = await shownBy(url, browser);
      if (shown.value !== null) back.push(`${shown.value} after a logout`);
    }
  }
  return [
    allOf('writes of guests acknowledged', acknowledged, guests * rounds),
    none('acknowledged and lost', lost),
    none('logged out on a node that did not know them, and back', back),
  ];
}

/** Small sessions of guests that arrive in the same chunks of a socket as big ones of users. */
async function memory(context: ChaosContext): Promise<Finding[]> {
  const redis = await startRedis();
  const cap = 8 * MIB;
  const env = {
    ...PATIENT,
    REDIS_SESSION_MEMORY_MAX_BYTES: String(cap),
    REDIS_SESSION_MEMORY_MAX_SESSIONS: '100000',
    REDIS_SESSION_MAX_BYTES: '100000',
  };
  const fleet = await startFleet(context, { redis, nodes: 1, env });
  const { url } = fleet;
  const users = await Promise.all(
    Array.from({ length: 8 }, async (_, at) => {
      const browser = new Browser(url);
      await browser.post('/login', { user: `u${at}`, value: 'x'.repeat(60_000) });
      return browser;
    }),
  );
  const before = await bytesHeld({ url });
  const guests: Browser[] = [];
  const count = context.scale(4000, 800);
  while (guests.length < count) {
    const some = Array.from({ length: 16 }, () => new Browser(url));
    await Promise.all(some.map((browser) => browser.post('/write', { value: 'small' })));
    await Promise.all([...some, ...users].map((browser) => browser.get('/read')));
    guests.push(...some);
  }
  const held = (await bytesHeld({ url })) - before;
  const last = guests.at(-1);
  return [
    atLeast('guests', guests.length, count),
    exactly('the latest is there', last && (await shownBy(url, last)).value, 'small'),
    atMost('memory of the node for them', held / MIB, (cap * 1.25) / MIB, ' MiB'),
  ];
}

export const row: ChaosRow = {
  row: 31,
  fault: 'guests in memory: late loads, a logout elsewhere, big sessions beside them',
  on: 'standalone',
  run: async (context) => [...(await newestWins(context)), ...(await memory(context))],
};
