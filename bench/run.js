/**
 * `npm run bench`: every contestant side by side. Options: `--quick`, `--contestants=A,B`, `--adapters=A`,
 * `--workloads=A,B`, `--heats=N`, `--rounds=N` (of each heat), `--turns=N` (of each round), `--connections=N`, `--no-write`,
 * `--other=DIST/index.js` (another build of the library, as the contestant `module-other`).
 */
import { writeFile } from 'node:fs/promises';
import process from 'node:process';
import { pathToFileURL, URL } from 'node:url';
import { parseArgs } from 'node:util';
import { Contest } from './lib/contest.js';
import { isInGoal } from './lib/goals.js';
import { startNode, startRedis } from './lib/processes.js';
import { serverUsage } from './lib/redis-usage.js';
import { markdownReport } from './lib/report.js';
import { inTurns, together } from './lib/turns.js';
import { takesPart, WORKLOADS } from './lib/workloads.js';

const { values: options } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    contestants: { type: 'string', default: '' },
    adapters: { type: 'string', default: '' },
    workloads: { type: 'string', default: '' },
    heats: { type: 'string' },
    rounds: { type: 'string' },
    turns: { type: 'string', default: '8' },
    connections: { type: 'string', default: '32' },
    other: { type: 'string' },
    'no-write': { type: 'boolean', default: false },
  },
});
// Before the contestants are loaded, here and in their processes.
if (options.other) process.env.BENCH_OTHER = new URL(options.other, pathToFileURL(`${process.cwd()}/`)).href;
const { CONTESTANTS } = await import('./app/contestants.js');
/** Of one application at a time, short, so that no turn has the machine at its best or worst, and nobody stands idle for long. */
const TURN_MS = 250;
/** Where one request of a peer can take longer than that: sessions of 256 KiB. */
const LONG_TURN_MS = 1000;
/**
 * Before a workload: the optimising compiler would be measured otherwise. Whose figure decides a goal is to be as it is for the
 * rest of its life; the others of such a workload nearly so.
 */
const WARM_UP_TURNS = { deciding: 48, besides: 16, elsewhere: 3 };
const heats = Number(options.heats ?? (options.quick ? 1 : 2));
const rounds = Number(options.rounds ?? 3);
/** Of a round, for whose figure decides a goal; a quarter of them otherwise. */
const turns = Number(options.turns);
const connections = Number(options.connections);
const chosen = (names, list) => names.filter((name) => list === '' || list.split(',').includes(name));

const redis = await startRedis();
const load = await startNode('load-generator.js');
const started = new Date();
/** Of each workload, adapter and contestant: `{ workload, adapter, name, samples, cost }`. */
const results = [];

for (const adapter of chosen(['express', 'fastify'], options.adapters)) {
  for (let heat = 0; heat < heats; heat += 1) await runHeat(adapter, heat);
}
await load.stop();
await redis.stop();

const report = markdownReport(results, {
  started,
  rounds: heats * rounds,
  heats,
  turns,
  durationMs: TURN_MS,
  connections,
  contestants: CONTESTANTS,
});
console.log(report);
if (!options['no-write']) await writeFile(new URL('RESULTS.md', import.meta.url), report);
process.exit(0);

/**
 * All workloads with processes that are new: two processes of one and the same application differ for as long as they live, and
 * more rounds would not tell.
 */
async function runHeat(adapter, heat) {
  const names = chosen(Object.keys(CONTESTANTS), options.contestants);
  const contests = [];
  for (const name of names.filter((name) => (CONTESTANTS[name].adapter ?? adapter) === adapter)) {
    contests.push(await new Contest(name, adapter, redis, connections).start());
  }
  for (const workload of chosen(Object.keys(WORKLOADS), options.workloads)) {
    const taking = contests.filter(({ name }) => takesPart(name, workload));
    await measure(workload, taking, heat);
  }
  for (const contest of contests) await contest.stop();
}

async function measure(workload, contests, heat) {
  const fire = (contest) => turnOf(contest, WORKLOADS[workload]);
  const isLong = turnMsOf(WORKLOADS[workload]) === LONG_TURN_MS;
  const few = isLong ? 1 : Math.ceil(turns / 4);
  const decides = ({ adapter, name }) => !isLong && isInGoal(workload, adapter, name);
  const turnsOf = (contest) => (decides(contest) ? turns : few);
  for (const contest of contests) resultOf(workload, contest);
  const besides = contests.some(decides) ? WARM_UP_TURNS.besides : WARM_UP_TURNS.elsewhere;
  await inTurns(contests, (contest) => (decides(contest) ? WARM_UP_TURNS.deciding : besides), heat, fire);
  for (let round = 0; round < rounds; round += 1) {
    const taken = await inTurns(contests, turnsOf, heat + round, fire);
    for (const contest of contests) resultOf(workload, contest).samples.push(together(taken.get(contest)));
  }
  for (const contest of contests) {
    const result = resultOf(workload, contest);
    result.cost ??= await contest.cost(workload);
    const { rps } = result.samples.at(-1);
    console.error(`${contest.adapter}  ${workload}  ${contest.name}  ${Math.round(rps)}/s`);
  }
}

function resultOf(workload, { adapter, name }) {
  const isIt = (it) => it.workload === workload && it.adapter === adapter && it.name === name;
  let result = results.find(isIt);
  if (result === undefined) results.push((result = { workload, adapter, name, samples: [] }));
  return result;
}

function turnMsOf({ kib = 0 }) {
  return kib >= 256 ? LONG_TURN_MS : TURN_MS;
}

async function turnOf(contest, workload) {
  const durationMs = turnMsOf(workload);
  const target = await contest.target(workload);
  const [cpuBefore, redisBefore] = [await contest.usage(), await serverUsage(redis.client)];
  const result = await load.ask({ targets: [target], connections, durationMs });
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
