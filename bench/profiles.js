/**
 * `npm --prefix bench run profiles`: where the time of a request goes, for this module, for the raw limit and for the peers side
 * by side. Writes PROFILES.md. `--seconds=N` of each of the profiles, of which the median of three is quoted.
 */
import { writeFile } from 'node:fs/promises';
import process from 'node:process';
import { URL } from 'node:url';
import { parseArgs } from 'node:util';
import { CONTESTANTS } from './app/contestants.js';
import { Contest } from './lib/contest.js';
import { DECIDING_NODES } from './lib/goals.js';
import { findNodes } from './lib/nodes.js';
import { startNode, startRedis } from './lib/processes.js';
import { busyFrames, cpuFrames, packageOf, sums } from './lib/profile-frames.js';
import { machine } from './lib/report.js';
import { median } from './lib/statistics.js';
import { WORKLOADS } from './lib/workloads.js';

const { values: options } = parseArgs({
  options: {
    seconds: { type: 'string', default: '2' },
    nodes: { type: 'string', default: DECIDING_NODES.join(',') },
  },
});
const ROUNDS = 3;
/** Or the optimising compiler, and code that it has not got to yet, would be in the picture. */
const WARM_UP_ROUNDS = 4;
const CONNECTIONS = 32;
const NAMES = [
  ...['raw+interceptor', 'module', 'module-hold'],
  ...['express-session', '@fastify/session', '@mgcrea/fastify-session'],
];

/** Who does the work that a package does; the first that fits. */
const GROUPS = [
  [
    'the session library',
    /^(this library|express-session|@fastify\/(session|cookie)|@mgcrea\/.*|sodium-native|connect-redis|cookie.*|lru-cache|cockatiel|uid-safe|random-bytes|safe-buffer|on-headers|depd|tsscmp)$/,
  ],
  ['Redis client', /^(ioredis|@ioredis\/.*|@redis\/.*|redis|denque|redis-parser|standard-as-callback)$/],
  ['Nest and rxjs', /^(@nestjs\/(core|common)|rxjs)$/],
  [
    'the framework',
    /^(@nestjs\/platform-.*|express|router|body-parser|parseurl|on-finished|type-is|content-type|etag|fresh|send|mime-.*|fastify|@fastify\/.*|find-my-way|light-my-request|fast-.*|secure-json-parse|avvio|toad-cache|ee-first|vary|qs|path-to-regexp|media-typer|finalhandler|encodeurl|statuses)$/,
  ],
  ['Node: HTTP, sockets, streams', /^node:/],
  ['V8: system calls, hashing, built-ins', /^(V8|\(V8 API\))$/],
  ['garbage collection', /^\(garbage collector\)$/],
  ['other', /./],
];
const groupOf = (frame) => GROUPS.find(([, packages]) => packages.test(packageOf(frame)))[0];

const redis = await startRedis();
const load = await startNode('load-generator.js');
const started = new Date();
const parts = [];
const nodes = await findNodes(options.nodes.split(','));
for (const node of nodes) {
  parts.push(`# Node ${node.version}`, '');
  for (const adapter of ['express', 'fastify']) {
    const contests = [];
    for (const name of NAMES.filter((name) => (CONTESTANTS[name].adapter ?? adapter) === adapter)) {
      contests.push(await new Contest(name, adapter, redis, CONNECTIONS).start(node));
    }
    for (const workload of ['read', 'change', 'login']) {
      parts.push(await section(adapter, workload, contests));
    }
    for (const contest of contests) await contest.stop();
  }
}
await Promise.all([load.stop(), redis.stop()]);

const command = 'npm --prefix bench run profiles';
const durationMs = 1000 * options.seconds;
const method = `${ROUNDS} interleaved rounds of ${durationMs / 1000} s after some to warm up`;
const head = machine({ command, started, method, connections: CONNECTIONS, nodes });
const about =
  'CPU of the application in µs a request under the profiler, without what is called. `raw+interceptor` does the same round trips in ' +
  'the handler and nothing else that a session needs. What the figures mean is told in [README.md](README.md#what-the-profiles-say).';
const text = ['# Profiles', '', ...head, '', about, '', ...parts].join('\n');
console.log(text);
await writeFile(new URL('PROFILES.md', import.meta.url), text);
process.exit(0);

async function section(adapter, workload, contests) {
  const profiles = new Map(contests.map((contest) => [contest, []]));
  for (let round = 0; round < WARM_UP_ROUNDS; round += 1) {
    for (const contest of contests) await fire(contest, workload);
  }
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const contest of contests) {
      await contest.startProfile('cpu');
      const { requests } = await fire(contest, workload);
      const totals = sums(busyFrames(cpuFrames(await contest.endProfile())), groupOf);
      profiles.get(contest).push(new Map([...totals].map(([group, total]) => [group, total / requests])));
    }
  }
  const figure = (contest, group) => median(profiles.get(contest).map((each) => each.get(group) ?? 0));
  const all = (contest) =>
    median(profiles.get(contest).map((each) => [...each.values()].reduce((a, b) => a + b, 0)));
  const rows = GROUPS.map(([group]) => [
    group,
    ...contests.map((contest) => figure(contest, group).toFixed(1)),
  ]);
  const lines = [['', ...contests.map(({ name }) => name)], ['---', ...contests.map(() => '--:')], ...rows];
  lines.push(['**all**', ...contests.map((contest) => `**${all(contest).toFixed(0)}**`)]);
  return [`## ${workload}, ${adapter}`, '', ...lines.map((cells) => `| ${cells.join(' | ')} |`), ''].join(
    '\n',
  );
}

async function fire(contest, workload) {
  const targets = [await contest.target(WORKLOADS[workload])];
  return load.ask({ targets, connections: CONNECTIONS, durationMs: 1000 * options.seconds });
}
