import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { Balancer } from './launcher/balancer.js';
import { thisMachine } from './launcher/machine.js';
import { startPrivateRedis, type PrivateRedis } from './launcher/private-redis.js';
import { findRedisSource } from './launcher/redis-source.js';
import { chooseRedis, mayInstall, portOf, readSettings } from './launcher/settings.js';
import { Supervised } from './launcher/supervised.js';
import { type NodeReady } from './main.js';

/** What the nodes are started with, and what to tell the reader about it. */
interface Plan {
  readonly nodeNames: readonly string[];
  readonly environment: Record<string, string>;
  readonly story: readonly string[];
}

const TWO_NODES = ['node-a', 'node-b'];
const ONE_NODE = ['node-a'];
/** Where somebody sits at a terminal, they can refuse an installation so long. */
const GRACE_MS = process.stdout.isTTY ? 5000 : 0;

const settings = readSettings(fileURLToPath(new URL('../.env', import.meta.url)), process.env);
const balancer = new Balancer();
const nodes: Supervised<NodeReady>[] = [];
const stopping = new AbortController();
let redis: PrivateRedis | undefined;
let planning: Promise<Plan> | undefined;
let stopped: Promise<void> | undefined;

const say = (text: string): void => void process.stdout.write(`${text}\n`);

/** Stops everything, the nodes before the Redis that they still save to. */
function stop(exitCode: number): Promise<void> {
  stopped ??= (async () => {
    // Also calls off what is being installed, downloaded or started at this moment.
    stopping.abort();
    await balancer.close();
    await planning?.catch(() => undefined);
    await Promise.all(nodes.map((node) => node.stop()));
    await redis?.stop();
    say('Stopped.');
    process.exit(exitCode);
  })();
  return stopped;
}

/** @param installs Whether a Redis may be installed where there is none. */
async function plan(installs: boolean): Promise<Plan> {
  const choice = chooseRedis(settings);
  switch (choice.kind) {
    case 'named':
      return {
        nodeNames: TWO_NODES,
        environment: { REDIS_SESSION_ENABLED: 'true' },
        story: [`Redis: the one that ${choice.setting} and the other settings name.`],
      };
    case 'switched-off':
      return {
        nodeNames: ONE_NODE,
        environment: {},
        story: [
          `Memory mode: ${choice.setting} switches Redis off. One node runs; its sessions end with it.`,
        ],
      };
    case 'undecided': {
      const machine = thisMachine(settings.PATH, stopping.signal, GRACE_MS, say);
      const source = await findRedisSource(machine, installs);
      if (source.kind === 'none') {
        return {
          nodeNames: ONE_NODE,
          environment: { REDIS_SESSION_ENABLED: 'false' },
          story: [
            'Memory mode: no setting names a Redis, and there is no redis-server on the PATH.',
            ...source.reasons.map((reason) => `  ${reason}`),
            'One node runs; its sessions end with it. To see two nodes share sessions, install Redis',
            '(apt-get install redis-server, brew install redis) or name one:',
            '  REDIS_SESSION_URL=redis://localhost:6379 npm start',
          ],
        };
      }
      redis = await startPrivateRedis(source, stopping.signal, say);
      return {
        nodeNames: TWO_NODES,
        environment: {
          REDIS_SESSION_ENABLED: 'true',
          REDIS_SESSION_HOST: redis.host,
          REDIS_SESSION_PORT: String(redis.port),
        },
        story: [
          `Redis: a private one, port ${redis.port}, ${redis.what}, gone when this stops.`,
          `  See the keys: ${redis.keys}`,
        ],
      };
    }
  }
}

function createNode(name: string, environment: Record<string, string>): Supervised<NodeReady> {
  balancer.setNode(name, undefined);
  return new Supervised<NodeReady>({
    name,
    launch: () =>
      fork(fileURLToPath(new URL('./main.js', import.meta.url)), {
        // A group of its own: Ctrl-C reaches the launcher alone, which then stops things in order.
        detached: true,
        stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
        env: { ...process.env, ...environment, NODE_NAME: name, LISTEN_HOST: '127.0.0.1', PORT: '0' },
      }),
    readiness: (signal) => ('message' in signal ? (signal.message as NodeReady) : undefined),
    onUp: ({ port }) => balancer.setNode(name, port),
    onDown: () => balancer.setNode(name, undefined),
    log: say,
    showOutput: true,
  });
}

async function start(): Promise<void> {
  const port = portOf(settings);
  const installs = mayInstall(settings, process.argv.slice(2));
  // Before anything else is started: a port that is taken ends the run at once.
  const listening = await balancer.listen(port).catch((error: NodeJS.ErrnoException) => {
    throw new Error(
      error.code === 'EADDRINUSE'
        ? `Port ${port} is taken by another program. Stop that one, or choose another port: PORT=${port + 1} npm start`
        : `Port ${port} cannot be listened on (${error.code ?? error.message}). Choose another: PORT=3001 npm start`,
    );
  });
  if (stopped !== undefined) return;
  planning = plan(installs);
  const { nodeNames, environment, story } = await planning;
  if (stopped !== undefined) return;
  nodes.push(...nodeNames.map((name) => createNode(name, environment)));
  const ready = await Promise.all(nodes.map((node) => node.start()));

  say(`\nThe shop is open: http://localhost:${listening}`);
  nodes.forEach((node, at) => say(`  ${nodeNames[at]}: port ${ready[at]?.port}, pid ${node.pid}`));
  story.forEach((line) => say(`  ${line}`));
  if (nodes.length > 1) {
    say(
      `Log in, fill the cart, reload. Then kill a node (kill -9 ${nodes[0]?.pid}) and go on: nothing is lost.`,
    );
  }
  say('Ctrl-C stops everything.\n');
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    if (stopped === undefined) say('\nStopping ...');
    void stop(0);
  });
}
// Whoever read along has gone: `npm start | head`.
process.stdout.on('error', () => void stop(0));
// npm runs scripts through a shell. One that is killed passes nothing on, and would leave all of this behind.
if (process.env.npm_lifecycle_event !== undefined) {
  const parent = process.ppid;
  setInterval(() => {
    if (process.ppid !== parent) void stop(0);
  }, 500).unref();
}

start().catch((error: unknown) => {
  if (stopped !== undefined) return;
  process.stderr.write(`\n${error instanceof Error ? error.message : String(error)}\n`);
  void stop(1);
});
