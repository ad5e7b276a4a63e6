/**
 * `npm run bench`: every contestant side by side on the Node that runs this, then those whose figures decide the goals again and
 * again on each Node version. Writes RESULTS.md and plots/peers-*.svg. Options: `--quick`, `--nodes=20,22,24` (or paths of
 * binaries), `--contestants=A,B`, `--adapters=A`, `--workloads=A,B`, `--rounds=N` (of all, 0: no tables), `--heats=N` (of those that
 * decide), `--turn=MS`, `--connections=N`, `--no-write`, `--other=DIST/index.js` (another build of the library, as the contestant `module-other`).
 */
import { mkdir, writeFile } from 'node:fs/promises';
import process from 'node:process';
import { pathToFileURL, URL } from 'node:url';
import { parseArgs } from 'node:util';
import { peersChart } from './lib/chart.js';
import { Contest } from './lib/contest.js';
import { DECIDING_NODES, isInGoal } from './lib/goals.js';
import { findNodes } from './lib/nodes.js';
import { startNode, startRedis } from './lib/processes.js';
import { serverUsage } from './lib/redis-usage.js';
import { markdownReport } from './lib/report.js';
import { inTurns, together } from './lib/turns.js';
import { takesPart, WORKLOADS } from './lib/workloads.js';

const { values: options } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    nodes: { type: 'string', default: '20,22,24' },
    contestants: { type: 'string', default: '' },
    adapters: { type: 'string', default: '' },
    workloads: { type: 'string', default: '' },
    heats: { type: 'string' },
    rounds: { type: 'string' },
    turn: { type: 'string', default: '250' },
    connections: { type: 'string', default: '32' },
    other: { type: 'string' },
    'no-write': { type: 'boolean', default: false },
  },
});
// Before the contestants are loaded, here and in their processes.
if (options.other) process.env.BENCH_OTHER = new URL(options.other, pathToFileURL(`${process.cwd()}/`)).href;
const { CONTESTANTS } = await import('./app/contestants.js');
/** Of one application at a time, short, so that no turn has the machine at its best or worst, and nobody stands idle for long. */
const TURN_MS = Number(options.turn);
/** Where one request of a peer can take longer than that: sessions of 256 KiB. */
const LONG_TURN_MS = Math.max(1000, TURN_MS);
/** Of everybody: a table of all. Before each workload some turns to warm up. */
const TABLE = {
  warmUpTurns: options.quick ? 1 : Math.ceil(1000 / TURN_MS),
  rounds: Number(options.rounds ?? 1),
  turns: options.quick ? 1 : 2,
};
/**
 * Of those whose figures decide a goal, each time with new processes: two of one and the same application differ by up to a tenth
 * for as long as they live. `firstTurns` of each to warm up before its first workload, whichever that is, and before each that runs code of its
 * own: the more there is of that, the longer V8 takes to compile it, and a server runs for longer. `warmUpTurns` before each, in any case.
 */
const HEAT = options.quick
  ? { firstTurns: 2, warmUpTurns: 1, turns: 2 }
  : { firstTurns: 10, warmUpTurns: 3, turns: 3 };
/** What each application has code of its own for. */
const OF_ITS_OWN = ['read', 'change', 'login'];
/** Quick: what takes long is left out. */
const inTable = (name, workload) =>
  takesPart(name, workload) && !(options.quick && WORKLOADS[workload].kib > 0);
const heats = Number(options.heats ?? (options.quick ? 1 : 7));
/** On Node versions that decide nothing. */
const otherHeats = Math.min(heats, 1);
const connections = Number(options.connections);
const chosen = (names, list) => names.filter((name) => list === '' || list.split(',').includes(name));

const nodes = heats > 0 ? await findNodes(options.nodes.split(',')) : [];
const redis = await startRedis();
const load = await startNode('load-generator.js');
const started = new Date();
const adapters = chosen(['express', 'fastify'], options.adapters);
const workloads = chosen(Object.keys(WORKLOADS), options.workloads);
/** Of each workload, adapter and contestant: `{ workload, adapter, name, samples, cost }`. */
const table = [];
/** Likewise of those that decide, with the `node`, its major version; a sample is a heat. */
const deciding = [];

if (TABLE.rounds > 0)
  for (const adapter of adapters) await run({ adapter, workloads, takesPart: inTable, measure: measureAll });
for (let heat = 0; heat < heats; heat += 1) {
  for (const node of nodes) {
    if (heat >= otherHeats && !DECIDING_NODES.includes(node.major)) continue;
    for (const adapter of adapters) await runHeat(heat, node, adapter);
  }
}
await load.stop();
await redis.stop();

const report = markdownReport(table, deciding, {
  ...{ started, table: TABLE, heat: HEAT, heats, otherHeats, durationMs: TURN_MS },
  ...{ connections, nodes, contestants: CONTESTANTS, minutes: (Date.now() - started) / 60_000 },
});
console.log(report);
if (!options['no-write']) {
  await writeFile(new URL('RESULTS.md', import.meta.url), report);
  await mkdir(new URL('plots/', import.meta.url), { recursive: true });
  for (const { major, version } of nodes) {
    const chart = peersChart(
      version,
      deciding.filter(({ node }) => node === major),
    );
    await writeFile(new URL(`plots/peers-node-${major}.svg`, import.meta.url), chart);
  }
}
process.exit(0);

/** Some workloads with new processes of those that take part in one of them. */
async function run({ adapter, workloads, takesPart, measure, node }) {
  const names = chosen(Object.keys(CONTESTANTS), options.contestants).filter(
    (name) =>
      (CONTESTANTS[name].adapter ?? adapter) === adapter &&
      workloads.some((workload) => takesPart(name, workload)),
  );
  const contests = [];
  for (const name of names) {
    const contest = new Contest(name, adapter, redis, connections);
    contests.push(await contest.start(node && { path: node.path }));
  }
  for (const workload of workloads) {
    const taking = contests.filter(({ name }) => takesPart(name, workload));
    if (taking.length > 0) await measure(workload, taking);
  }
  for (const contest of contests) await contest.stop();
}

async function measureAll(workload, contests) {
  await measure(table, TABLE, workload, contests, 0);
  for (const contest of contests) resultOf(table, workload, contest).cost = await contest.cost(workload);
}

async function runHeat(heat, node, adapter) {
  const decides = (name, workload) => isInGoal(workload, adapter, name);
  const short = workloads.filter((workload) => turnMsOf(WORKLOADS[workload]) === TURN_MS);
  const warm = new Set();
  await run({
    ...{ adapter, node, workloads: short, takesPart: decides },
    measure: async (workload, contests) => {
      const cold = contests.filter((contest) => OF_ITS_OWN.includes(workload) || !warm.has(contest));
      // Of one connection there are too few requests to warm up with.
      const { connections: few, kib } = WORKLOADS[workload];
      const warming = few === undefined ? workload : 'read';
      await inTurns(cold, HEAT.firstTurns, heat, (contest) =>
        turnOf(contest, { ...WORKLOADS[warming], kib }),
      );
      for (const contest of cold) warm.add(contest);
      await measure(deciding, { ...HEAT, rounds: 1 }, workload, contests, heat, node.major);
    },
  });
}

async function measure(results, { warmUpTurns, rounds, turns }, workload, contests, first, node) {
  const fire = (contest) => turnOf(contest, WORKLOADS[workload]);
  const isLong = turnMsOf(WORKLOADS[workload]) === LONG_TURN_MS;
  await inTurns(contests, isLong ? 1 : warmUpTurns, first, fire);
  for (let round = 0; round < rounds; round += 1) {
    const taken = await inTurns(contests, isLong ? 1 : turns, first + round, fire);
    for (const contest of contests)
      resultOf(results, workload, contest, node).samples.push(together(taken.get(contest)));
  }
  for (const contest of contests) {
    const { rps } = resultOf(results, workload, contest, node).samples.at(-1);
    const where = `${node === undefined ? '' : `Node ${node}  `}${contest.adapter}`;
    console.error(`${where}  ${workload}  ${contest.name}  ${Math.round(rps)}/s`);
  }
}

function resultOf(results, workload, { adapter, name }, node) {
  const isIt = (it) =>
    it.workload === workload && it.adapter === adapter && it.name === name && it.node === node;
  let result = results.find(isIt);
  if (result === undefined) results.push((result = { workload, adapter, name, node, samples: [] }));
  return result;
}

function turnMsOf({ kib = 0 }) {
  return kib >= 256 ? LONG_TURN_MS : TURN_MS;
}

async function turnOf(contest, workload) {
  const durationMs = turnMsOf(workload);
  const target = await contest.target(workload);
  const [cpuBefore, redisBefore] = [await contest.usage(), await serverUsage(redis.client)];
  const result = await load.ask({
    ...{ targets: [target], durationMs },
    connections: workload.connections ?? connections,
  });
  const [cpuAfter, redisAfter] = [await contest.usage(), await serverUsage(redis.client)];
  if (result.error !== undefined || result.failures > 0) {
    throw new Error(`${contest.name} on ${contest.adapter}: ${JSON.stringify(result)}`);
  }
  return {
    ...result,
    seconds: result.requests === 0 ? durationMs / 1000 : result.requests / result.rps,
    cpuMicroseconds: cpuAfter - cpuBefore,
    redisMicroseconds: (redisAfter.cpuSeconds - redisBefore.cpuSeconds) * 1e6,
  };
}
