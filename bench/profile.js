/**
 * Where the time of one contestant goes: `node profile.js CONTESTANT ADAPTER WORKLOAD [SECONDS] [cpu|memory]`. Prints
 * microseconds, or bytes allocated, per request: by package, by function, and for the library's functions with what
 * they call. The CPU profile itself is left in bench/out for Chrome's developer tools.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import process from 'node:process';
import { URL } from 'node:url';
import { Contest } from './lib/contest.js';
import { startNode, startRedis } from './lib/processes.js';
import { allocationFrames, busyFrames, cpuFrames, packageOf, placeOf, sums } from './lib/profile-frames.js';
import { WORKLOADS } from './lib/workloads.js';

const [name = 'module', adapter = 'fastify', workload = 'read', seconds = '4', kind = 'cpu'] =
  process.argv.slice(2);

const redis = await startRedis();
const load = await startNode('load-generator.js');
const contest = await new Contest(name, adapter, redis, 32).start();
const job = {
  targets: [await contest.target(WORKLOADS[workload])],
  connections: 32,
  durationMs: 1000 * seconds,
};
await load.ask({ ...job, durationMs: 2000 });
await contest.startProfile(kind);
const result = await load.ask(job);
const profile = await contest.endProfile();
await Promise.all([contest.stop(), load.stop(), redis.stop()]);

const busy = busyFrames(kind === 'cpu' ? await keptCpuFrames() : allocationFrames(profile.head, undefined));
const unit = kind === 'cpu' ? 'µs' : 'bytes';
console.log(
  `${name}, ${adapter}, ${workload}: ${Math.round(result.rps)} requests/s under the profiler. ${unit} per request.\n`,
);
print('By package, without what it calls', sums(busy, packageOf), 20);
print('By function, without what it calls', sums(busy, placeOf), 45);
print("The library's functions, with what they call", inclusive(busy), 40);
process.exit(0);

async function keptCpuFrames() {
  await mkdir(new URL('out/', import.meta.url), { recursive: true });
  const file = `${name}-${adapter}-${workload}`.replaceAll(/\W+/g, '-');
  await writeFile(new URL(`out/${file}.cpuprofile`, import.meta.url), JSON.stringify(profile));
  return cpuFrames(profile);
}

/** A function that calls itself counts once. */
function inclusive(list) {
  const total = new Map();
  for (const node of list) {
    const seen = new Set();
    for (let at = node; at !== undefined; at = at.parent) {
      const place = placeOf(at);
      if (packageOf(at) !== 'this library' || seen.has(place)) continue;
      seen.add(place);
      total.set(place, (total.get(place) ?? 0) + node.self);
    }
  }
  return total;
}

function print(title, totals, most) {
  console.log(title);
  const sorted = [...totals].sort((a, b) => b[1] - a[1]).slice(0, most);
  for (const [key, value] of sorted)
    console.log(`${(value / result.requests).toFixed(2).padStart(9)}  ${key}`);
  console.log();
}
