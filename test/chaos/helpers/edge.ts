import { type EdgeVitals } from '../apps/edge-node.js';
import { type ChaosContext } from '../row.js';
import { Browser } from '../../support/cookie-jar.js';
import { startRedis, type RedisProcess } from '../../support/redis-server.js';
import { startFleetNode, type FleetNode, type FleetOptions } from './fleet.js';

/** For rows about other things than time: a busy machine is no reason for a 503. */
export const PATIENT = { REDIS_SESSION_TIMEOUT: '10000' };

/** What the session of a browser holds, as a node answers it. */
export interface EdgeView {
  readonly who: string | null;
  readonly entries: readonly (readonly [string, unknown])[];
}

/** One node of `apps/edge-node.ts`, with a Redis of its own unless its settings say otherwise. */
export interface EdgeNode extends FleetNode {
  readonly redis: RedisProcess;
  readonly browser: () => Browser;
  /** A browser that has logged in. */
  readonly loggedIn: () => Promise<Browser>;
}

export async function startEdgeNode(context: ChaosContext, options: FleetOptions = {}): Promise<EdgeNode> {
  const redis = await startRedis();
  const script = await context.compileApp('test/chaos/apps/edge-node.ts');
  const node = await startFleetNode(
    context,
    { redis, script, ...options, env: { ...PATIENT, ...options.env } },
    0,
  );
  const browser = (): Browser => new Browser(node.url);
  return {
    ...node,
    redis,
    browser,
    loggedIn: async () => {
      const one = browser();
      const { status } = await one.post('/login');
      if (status !== 200) throw new Error(`Chaos helper: a login before the fault was answered ${status}.`);
      return one;
    },
  };
}

/** What the session holds. */
export async function viewOf(browser: Browser): Promise<EdgeView> {
  return (await browser.get('/read')).json<EdgeView>();
}

/** The bytes that a node holds once garbage is gone. */
export async function bytesHeld(node: Pick<FleetNode, 'url'>): Promise<number> {
  let least = Number.POSITIVE_INFINITY;
  // What one collection finds others may have to finish.
  for (let n = 0; n < 3; n++) {
    const { heapUsed, external } = (await new Browser(node.url).get('/vitals')).json<Partial<EdgeVitals>>();
    least = Math.min(least, (heapUsed ?? 0) + (external ?? 0));
  }
  return least;
}
