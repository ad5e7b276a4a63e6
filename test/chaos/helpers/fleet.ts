import { type Vitals } from '../apps/chaos-node.js';
import { type ChaosContext } from '../row.js';
import { Browser } from '../../support/cookie-jar.js';
import { freePort } from '../../support/free-port.js';
import { startNode, type NodeProcess } from '../../support/node-process.js';
import { startBalancer, type Balancer } from '../../support/round-robin.js';

/** The command timeout of the nodes, in ms: the one that is recommended. */
export const TIMEOUT_MS = 500;

const READY = /node is ready/;
const READY_WITHIN_MS = 60_000;

/** Where the nodes find Redis, and what else they are told. */
export interface FleetOptions {
  /** Default 3; 2 in a quick run, since the starts are most of it. */
  readonly nodes?: number | undefined;
  /** Of a server that stands alone; else leave it out and give the settings in `env`. */
  readonly redis?: { readonly host: string; readonly port: number } | undefined;
  /** Settings, REDIS_SESSION_… and others. */
  readonly env?: Readonly<Record<string, string>> | undefined;
  /** Further settings of one node, by its place. */
  readonly envOf?: ((at: number) => Readonly<Record<string, string>>) | undefined;
  /** How much the clock of a node is fast, in ms, by its place. */
  readonly clockErrorOf?: ((at: number) => number) | undefined;
  /** Default: that of the context. */
  readonly script?: string | undefined;
}

export interface FleetNode {
  readonly process: NodeProcess;
  readonly url: string;
  readonly vitals: () => Promise<Vitals>;
  /** Ends it in order and starts it again on the same port. Resolves once it serves. */
  readonly restart: () => Promise<void>;
}

/** Nodes behind a balancer that sends each request to the next of them. */
export interface Fleet {
  readonly nodes: readonly FleetNode[];
  readonly balancer: Balancer;
  readonly url: string;
  /** Everything the nodes have written. */
  readonly output: () => string;
}

/** Starts nodes in processes of their own; resolves once all of them serve. */
export async function startFleet(context: ChaosContext, options: FleetOptions): Promise<Fleet> {
  const count = options.nodes ?? context.scale(3, 2);
  const nodes = await Promise.all(
    Array.from({ length: count }, (_, at) => startFleetNode(context, options, at)),
  );
  const balancer = await startBalancer(nodes.map(({ url }) => url));
  return {
    nodes,
    balancer,
    url: balancer.url,
    output: () => nodes.map((node) => node.process.output()).join('\n'),
  };
}

/** One node more, not behind any balancer yet; `at` is its place. */
export async function startFleetNode(
  { adapter, nodeScript }: ChaosContext,
  { redis, env = {}, envOf, clockErrorOf, script = nodeScript }: FleetOptions,
  at: number,
): Promise<FleetNode> {
  const port = await freePort();
  const clockError = clockErrorOf?.(at) ?? 0;
  const process = await startNode(script, {
    execArgv: ['--expose-gc', ...(clockError === 0 ? [] : ['--import', wrongClock(clockError)])],
    env: {
      PORT: String(port),
      ADAPTER: adapter,
      REDIS_SESSION_ENABLED: 'true',
      REDIS_SESSION_TIMEOUT: String(TIMEOUT_MS),
      // A machine that is busy with three starts at once is no reason to give up.
      REDIS_SESSION_STARTUP: 'wait',
      ...(redis && { REDIS_SESSION_HOST: redis.host, REDIS_SESSION_PORT: String(redis.port) }),
      ...env,
      ...envOf?.(at),
    },
  });
  await process.waitFor(READY, READY_WITHIN_MS);
  const url = `http://127.0.0.1:${port}`;
  return {
    process,
    url,
    vitals: async () => (await new Browser(url).get('/vitals')).json<Vitals>(),
    restart: async () => {
      await process.restart();
      await process.waitFor(READY, READY_WITHIN_MS);
    },
  };
}

/** A module that Node loads before all others: as if the system's clock were wrong by so much. */
function wrongClock(errorMs: number): string {
  const source = `
    const Right = Date;
    globalThis.Date = class Date extends Right {
      constructor(...when) { if (when.length === 0) super(Right.now() + ${errorMs}); else super(...when); }
      static now() { return Right.now() + ${errorMs}; }
    };`;
  return `data:text/javascript,${encodeURIComponent(source)}`;
}
