/**
 * `npm run bench`: every contestant side by side. Options: `--quick`, `--contestants=A,B`, `--adapters=A`,
 * `--workloads=A,B`, `--heats=N`, `--rounds=N` (of each heat), `--seconds=N`, `--connections=N`, `--no-write`,
 * `--other=DIST/index.js` (another build of the library, as the contestant `module-other`).
 */
import { writeFile } from 'node:fs/promises';
import process from 'node:process';
import { pathToFileURL, URL } from 'node:url';
import { parseArgs } from 'node:util';
import { Contest } from './lib/contest.js';
import { startNode, startRedis } from './lib/processes.js';
import { serverUsage } from './lib/redis-usage.js';
import { markdownReport } from './lib/report.js';
import { median } from './lib/statistics.js';
import { takesPart, WORKLOADS } from './lib/workloads.js';

const { values: options } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    contestants: { type: 'string', default: '' },
    adapters: { type: 'string', default: '' },
    workloads: { type: 'string', default: '' },
    heats: { type: 'string' },
    rounds: { type: 'string' },
    seconds: { type: 'string' },
    connections: { type: 'string', default: '32' },
    other: { type: 'string' },
    'no-write': { type: 'boolean', default: false },
  },
});
// Before the contestants are loaded, here and in their processes.
if (options.other) process.env.BENCH_OTHER = new URL(options.other, pathToFileURL(`${process.cwd()}/`)).href;
const { CONTESTANTS } = await import('./app/contestants.js');
/** Once for each application: long enough for the optimising compiler, which would be measured otherwise. */
const WARM_UP_MS = 6000;
const WARM_UP = ['read', 'change', 'no session'];
/** Once for each workload, whose own code is hot after that. */
const SHORT_WARM_UP_MS = 400;
const heats = Number(options.heats ?? (options.quick ? 1 : 2));
const rounds = Number(options.rounds ?? 3);
const durationMs = 1000 * Number(options.seconds ?? 0.8);
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
  durationMs,
  connections,
  contestants: CONTESTANTS,
});
console.log(report);
if (!options['no-write']) await writeFile(new URL('RESULTS.md', import.meta.url), report);
process.exit(0);

/**
 * All workloads with processes that are new: two processes of one and the same application differ by up to a fifth, for as long
 * as they live, and more rounds would not tell.
 */
async function runHeat(adapter, heat) {
  const names = chosen(Object.keys(CONTESTANTS), options.contestants);
  const contests = [];
  for (const name of names.filter((name) => (CONTESTANTS[name].adapter ?? adapter) === adapter)) {
    const contest = await new Contest(name, adapter, redis, connections).start();
    const warm = WARM_UP.filter((workload) => takesPart(name, workload));
    for (const workload of warm) await sampleOf(contest, WORKLOADS[workload], WARM_UP_MS / warm.length);
    contests.push(contest);
  }
  for (const workload of chosen(Object.keys(WORKLOADS), options.workloads)) {
    const taking = contests.filter(({ name }) => takesPart(name, workload));
    await measure(workload, taking, heat);
  }
  for (const contest of contests) await contest.stop();
}

/** Rounds are interleaved, so that a machine whose speed drifts is as unfair to one as to the other. */
async function measure(workload, contests, heat) {
  for (const contest of contests) resultOf(workload, contest);
  for (let round = -1; round < rounds; round += 1) {
    // Another one begins each time: who follows whom is no matter of the alphabet.
    const first = (heat * rounds + round + 1) % contests.length;
    for (const contest of [...contests.slice(first), ...contests.slice(0, first)]) {
      const sample = await sampleOf(contest, WORKLOADS[workload], round < 0 ? SHORT_WARM_UP_MS : durationMs);
      // The first round warms the workload up.
      if (round >= 0) resultOf(workload, contest).samples.push(sample);
    }
  }
  for (const contest of contests) {
    const result = resultOf(workload, contest);
    result.cost ??= await contest.cost(workload);
    const rps = Math.round(median(result.samples.map((sample) => sample.rps)));
    console.error(`${contest.adapter}  ${workload}  ${contest.name}  ${rps}/s`);
  }
}

function resultOf(workload, { adapter, name }) {
  const isIt = (it) => it.workload === workload && it.adapter === adapter && it.name === name;
  let result = results.find(isIt);
  if (result === undefined) results.push((result = { workload, adapter, name, samples: [] }));
  return result;
}

async function sampleOf(contest, workload, milliseconds) {
  const target = await contest.target(workload);
  const [cpuBefore, redisBefore] = [await contest.usage(), await serverUsage(redis.client)];
  const result = await load.ask({ targets: [target], connections, durationMs: milliseconds });
  const [cpuAfter, redisAfter] = [await contest.usage(), await serverUsage(redis.client)];
  if (result.error !== undefined || result.failures > 0) {
    throw new Error(`${contest.name} on ${contest.adapter}: ${JSON.stringify(result)}`);
  }
  return {
    ...result,
    cpu: (cpuAfter - cpuBefore) / result.requests,
    redisCpu: ((redisAfter.cpuSeconds - redisBefore.cpuSeconds) * 1e6) / result.requests,
  };
}
