/**
 * `npm --prefix bench run growth`: how throughput and memory grow. Writes bench/GROWTH.md and bench/plots. Options:
 * `--quick`, `--rounds=N`, `--seconds=N`, `--only=PART,PART` (size, attributes, stored, connections, nodes, anonymous, redis).
 */
import { mkdir, writeFile } from 'node:fs/promises';
import process from 'node:process';
import { URL } from 'node:url';
import { parseArgs } from 'node:util';
import { Contest } from './lib/contest.js';
import { anonymousMemory, redisMemory } from './lib/memory.js';
import { populate } from './lib/population.js';
import { startNode, startRedis } from './lib/processes.js';
import { growthGoals, machine } from './lib/report.js';
import { median } from './lib/statistics.js';
import { linePlot } from './lib/svg.js';
import { inTurns } from './lib/turns.js';

const { values: options } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    only: { type: 'string', default: '' },
    rounds: { type: 'string' },
    seconds: { type: 'string' },
  },
});
const ROUNDS = Number(options.rounds ?? (options.quick ? 1 : 3));
const DURATION_MS = 1000 * Number(options.seconds ?? (options.quick ? 0.3 : 0.8));
const WARM_UP_MS = 1000;
/** Where one process takes turns with what it serves. */
const TURN_MS = 250;
const CONNECTIONS = 32;
const RIVALS = ['module', 'raw+interceptor', '@fastify/session', '@mgcrea/fastify-session'];
const read = { method: 'GET', path: '/read' };
const change = { method: 'POST', path: '/change' };

const load = await startNode('load-generator.js');
const started = new Date();
const sections = [];
/** What the goals ask for, by their names in lib/goals.js. */
const measured = {};
const wanted = (part) => options.only === '' || options.only.split(',').includes(part);
await mkdir(new URL('plots/', import.meta.url), { recursive: true });

if (wanted('size')) {
  const sizes = [1, 4, 16, 64, 256];
  for (const request of [read, change]) {
    await grow(`session size, ${request.path.slice(1)}`, 'KiB', sizes, RIVALS, (kib) => ({
      requests: [request],
      kib,
      connections: CONNECTIONS,
    }));
  }
}
if (wanted('attributes')) {
  const counts = [1, 10, 50, 100, 500];
  const rivals = RIVALS.filter((name) => !name.startsWith('raw'));
  for (const request of [read, change]) {
    await grow(`attributes, ${request.path.slice(1)}`, 'attributes', counts, rivals, (attributes) => ({
      requests: [request],
      ...{ kib: 0, attributes, connections: CONNECTIONS },
    }));
  }
}
if (wanted('connections')) {
  await grow('concurrency, read', 'connections', [1, 4, 16, 64, 256, 512], RIVALS, (connections) => ({
    ...{ requests: [read], kib: 0, connections },
  }));
}
if (wanted('stored')) await storedSessions();
if (wanted('nodes')) await nodes();
if (wanted('anonymous')) {
  const { lines, bytes } = await anonymousMemory(options.quick ? 5_000 : 50_000);
  measured.anonymousBytes = bytes;
  sections.push(lines);
}
if (wanted('redis')) sections.push(await redisMemory());

await load.stop();
const about = machine({
  command: 'npm --prefix bench run growth',
  started,
  method: `${ROUNDS} interleaved rounds of ${DURATION_MS / 1000} s after some to warm up`,
  connections: CONNECTIONS,
});
const report = ['# Growth', '', ...about, '', ...growthGoals(measured), ...sections.flat()].join('\n');
console.log(report);
await writeFile(new URL('GROWTH.md', import.meta.url), `${report}\n`);
process.exit(0);

/** Throughput of some contestants on Fastify at each point of a range, rounds interleaved. */
async function grow(title, unit, points, names, workloadAt) {
  const redis = await startRedis();
  const contests = [];
  for (const name of names) contests.push(await new Contest(name, 'fastify', redis, CONNECTIONS).start());
  const rows = [];
  // The first twice: a point's own warming up is too short for processes that have served nothing yet.
  for (const [index, point] of [points[0], ...points].entries()) {
    const { connections, ...workload } = workloadAt(point);
    const targets = [];
    for (const contest of contests) targets.push(await contest.target(workload));
    const figures = await rounds(targets.map((target) => ({ targets: [target], connections })));
    if (index === 0) continue;
    rows.push([point, figures]);
    console.error(`${title}  ${point}  ${figures.map(Math.round).join('  ')}`);
  }
  await Promise.all(contests.map((contest) => contest.stop()));
  await redis.stop();
  await section(title, unit, names, rows);
}

/**
 * Does a request get slower when there are many others' sessions? One process and one server take turns with each number:
 * they lie in databases of their own, and the one whose turn it is becomes the application's.
 */
async function storedSessions() {
  const redis = await startRedis();
  const contest = await new Contest('module', 'fastify', redis, CONNECTIONS).start();
  const [cookie] = await contest.cookies(0);
  const totals = options.quick ? [1e3, 1e4] : [1e3, 1e4, 1e5, 1e6];
  const points = [];
  for (const [index, total] of totals.entries()) {
    const database = index + 1;
    const cookies = await populate(redis.client, cookie, { database, total, cookies: 960 });
    const perConnection = chunks(cookies, CONNECTIONS);
    const requests = perConnection[0].map((_, at) => ({
      ...read,
      cookies: perConnection.map((own) => own[at]),
    }));
    points.push({ total, database, target: { url: contest.url, requests } });
    console.error(`stored sessions  ${total} are there`);
  }
  const fire = async ({ database, target }) => {
    await redis.client.call('SWAPDB', 0, database);
    const result = await load.ask({ targets: [target], connections: CONNECTIONS, durationMs: TURN_MS });
    await redis.client.call('SWAPDB', 0, database);
    if (result.error !== undefined || result.failures > 0) throw new Error(JSON.stringify(result));
    return result;
  };
  await inTurns(points, options.quick ? 4 : 16, 0, fire);
  const taken = await inTurns(points, options.quick ? 8 : 40, 0, fire);
  const rows = points.map((point) => [point.total, [median(taken.get(point).map(({ rps }) => rps))]]);
  await contest.stop();
  await redis.stop();
  measured.storedRatio = rows.at(-1)[1][0] / rows[0][1][0];
  await section('stored sessions, read', 'sessions', ['module'], rows);
}

async function nodes() {
  const redis = await startRedis();
  const rows = [];
  const contests = [];
  for (const count of [1, 2, 3]) {
    contests.push(await new Contest('module', 'fastify', redis, CONNECTIONS).start());
    const cookies = await contests[0].cookies(0);
    const targets = contests.map(({ url }) => ({ url, requests: [{ ...read, cookies }] }));
    rows.push([count, await rounds([{ targets, connections: 48 }])]);
  }
  await Promise.all(contests.map((contest) => contest.stop()));
  await redis.stop();
  await section('nodes, read', 'nodes', ['module'], rows, { logX: false });
}

/** Medians of requests per second, one for each job. */
async function rounds(jobs) {
  const samples = jobs.map(() => []);
  for (let round = -1; round < ROUNDS; round += 1) {
    for (const [index, job] of jobs.entries()) {
      // With many connections, whatever is measured: one alone sends too few requests for the optimising compiler to begin.
      const warmUp = { connections: Math.max(CONNECTIONS, job.connections), durationMs: WARM_UP_MS };
      const result = await load.ask({ ...job, durationMs: DURATION_MS, ...(round < 0 && warmUp) });
      if (result.error !== undefined || result.failures > 0) throw new Error(JSON.stringify(result));
      if (round >= 0) samples[index].push(result.rps);
    }
  }
  return samples.map(median);
}

async function section(title, unit, names, rows, { logX = true } = {}) {
  const file = `plots/${title.replaceAll(/\W+/g, '-')}.svg`;
  const lines = names.map((name, index) => ({
    name,
    points: rows.map(([at, figures]) => [at, figures[index]]),
  }));
  const plot = linePlot({
    title: `Requests/s by ${title}, Fastify`,
    x: unit,
    y: 'requests/s',
    logX,
    logY: false,
    lines,
  });
  await writeFile(new URL(file, import.meta.url), plot);
  sections.push([
    `## ${title}`,
    '',
    `![${title}](${file})`,
    '',
    `| ${unit} | ${names.join(' | ')} |`,
    `|--:|${names.map(() => '--:').join('|')}|`,
    ...rows.map(([at, figures]) => `| ${at} | ${figures.map((rps) => Math.round(rps)).join(' | ')} |`),
    '',
  ]);
}

function chunks(list, count) {
  return Array.from({ length: count }, (_, index) => list.filter((_each, place) => place % count === index));
}
