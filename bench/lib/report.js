/** Results as Markdown. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { cpus, totalmem, type } from 'node:os';
import { execFileSync } from 'node:child_process';
import process from 'node:process';
import { GOALS, GROWTH_GOALS } from './goals.js';
import { median, pairedRatio, pairedRatios, quantile } from './statistics.js';
import { WORKLOADS } from './workloads.js';

const PACKAGES = [
  '@nestjs/core',
  'express',
  'fastify',
  'ioredis',
  'express-session',
  'connect-redis',
  'redis',
  '@fastify/session',
  '@mgcrea/fastify-session',
  '@mgcrea/fastify-session-redis-store',
  'autocannon',
];

/**
 * @param {object[]} results of everybody, for the tables.
 * @param {object[]} deciding of those that decide goals, one sample for each heat.
 */
export function markdownReport(results, deciding, run) {
  const parts = [
    '# Benchmark results',
    '',
    ...machine({ command: 'npm run bench', ...run, method: methodOf(run) }),
    '',
    LEGEND,
    '',
    '## Goals',
    '',
    ...goals([...deciding, ...results]),
    '',
  ];
  for (const adapter of new Set(results.map((result) => result.adapter))) {
    for (const workload of Object.keys(WORKLOADS)) {
      const rows = results.filter((result) => result.adapter === adapter && result.workload === workload);
      if (rows.length > 0) parts.push(...section(adapter, workload, rows), '');
    }
  }
  parts.push('## Contestants', '');
  for (const name of new Set(results.map((result) => result.name))) {
    parts.push(`- **${name}**: ${run.contestants[name].about}`);
  }
  return `${parts.join('\n')}\n`;
}

/** The machine and the versions: figures mean nothing without them. */
export function machine({ command, started, method, connections }) {
  const redis = /v=(\S+)/.exec(execFileSync('redis-server', ['--version'], { encoding: 'utf8' }))?.[1];
  return [
    `Written by \`${command}\` on ${started.toISOString().slice(0, 16)}Z: ${cpus().length} cores (${cpus()[0].model}), ` +
      `${Math.round(totalmem() / 2 ** 30)} GiB, ${type()}, Node ${process.version}, Redis ${redis}. Application, Redis and load ` +
      'share the cores.',
    '',
    `${connections} connections, each with a session of its own; ${method}; medians. ` +
      'Absolute figures are those of this machine: compare ratios.',
    '',
    `Versions: ${versions()}.`,
  ];
}

export function versions() {
  return PACKAGES.map((name) => `${name} ${versionOf(name)}`).join(', ');
}

function methodOf({ table, heat, heats, durationMs }) {
  const turns = (count) => `${count} turns of ${durationMs / 1000} s`;
  return (
    `everybody takes turns with the others. Tables: ${table.rounds} rounds of ${turns(table.turns)} each (one of 1 s with 256 KiB) ` +
    `after ${table.warmUpTurns} to warm up. Goals: ${heats} heats, each workload of each with new processes of those that it is about, of ` +
    `${turns(heat.turns)} after ${heat.warmUpTurns} to warm up; with 256 KiB, what the tables say`
  );
}

const LEGEND =
  'Ratios are medians of the ratios round by round, or heat by heat. `app µs`: CPU of the application per request; `Redis µs`: of the server. ' +
  'Commands, round trips and bytes are counted by the server, one request at a time; commands inside scripts not.';

const LIMITS =
  'Throughput decides; behind it, between which figures the middle half of the heats lies. For comparison with the same peer: `the limit` is ' +
  '`raw+interceptor`, a handler that sends as many Redis round trips itself and does nothing else; `no session` is ' +
  '`none+interceptor` on a route that uses no session and sends nothing to Redis at all (measured in rounds of its own).';

function versionOf(name) {
  const require = createRequire(import.meta.url);
  for (const folder of require.resolve.paths(name)) {
    try {
      return JSON.parse(readFileSync(`${folder}/${name}/package.json`, 'utf8')).version;
    } catch {
      // Not in this folder: look in the next one.
    }
  }
  return 'not installed';
}

/** Of what is there twice, the first counts. */
function goals(results) {
  const find = (adapter, workload, name) =>
    results.find((r) => r.adapter === adapter && r.workload === workload && r.name === name);
  const lines = [
    '| workload | adapter | of | against | goal | throughput | app CPU | | the limit | no session |',
    '|---|---|---|---|---|--:|--:|---|--:|--:|',
  ];
  const verdicts = [];
  for (const { workload, adapter, name, against, atLeast } of GOALS) {
    const [ours, theirs] = [find(adapter, workload, name), find(adapter, workload, against)];
    if (ours === undefined || theirs === undefined) continue;
    const ratios = pairedRatios(ours.samples, theirs.samples);
    const ratio = median(ratios);
    const [low, high] = [0.25, 0.75].map((part) => quantile(ratios, part).toFixed(2));
    const cpu = pairedRatio(theirs.samples, ours.samples, 'cpu');
    // For peers only: what they are measured against elsewhere has no session.
    const isPeer = /session/.test(against);
    const raw = isPeer ? find(adapter, workload, 'raw+interceptor') : undefined;
    const limit = raw === undefined ? '' : pairedRatio(raw.samples, theirs.samples).toFixed(2);
    const none = isPeer ? find(adapter, 'no session', 'none+interceptor') : undefined;
    const most = none === undefined ? '' : (rpsOf(none) / rpsOf(theirs)).toFixed(2);
    verdicts.push(ratio >= atLeast);
    lines.push(
      `| ${workload} | ${adapter} | ${name} | ${against} | ≥ ${atLeast} | ${ratio.toFixed(2)} (${low} to ${high}) | ${cpu.toFixed(2)} | ${told(ratio >= atLeast)} | ${limit} | ${most} |`,
    );
  }
  return [...lines, '', summary(verdicts, GOALS.length), '', LIMITS];
}

function rpsOf({ samples }) {
  return median(samples.map(({ rps }) => rps));
}

/** What growth.js has measured, against its goals. */
export function growthGoals(measured) {
  const found = GROWTH_GOALS.filter(({ figure }) => measured[figure] !== undefined);
  const verdicts = found.map(({ figure, met }) => met(measured[figure]));
  const rows = found.map(({ about, goal, figure, digits }, index) => {
    return `| ${about} | ${goal} | ${measured[figure].toFixed(digits)} | ${told(verdicts[index])} |`;
  });
  const table = ['| what | goal | measured | |', '|---|---|--:|---|', ...rows];
  return ['## Goals', '', ...table, '', summary(verdicts, GROWTH_GOALS.length), ''];
}

function told(met) {
  return met ? 'met' : '**not met**';
}

function summary(verdicts, all) {
  const left = all === verdicts.length ? '' : ` ${all - verdicts.length} were not measured in this run.`;
  return `${verdicts.filter(Boolean).length} of ${verdicts.length} goals are met.${left}`;
}

function section(adapter, workload, rows) {
  const base = rows.find((row) => row.name === 'module') ?? rows[0];
  const lines = [
    `## ${workload}, ${adapter}`,
    '',
    WORKLOADS[workload].about,
    '',
    '| contestant | requests/s | module is × | p50 ms | p99 ms | app µs | Redis µs | commands | round trips | bytes sent | bytes received |',
    '|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|',
  ];
  for (const row of rows) {
    const of = (figure) => median(row.samples.map((sample) => sample[figure]));
    const { commands, roundTrips, sent, received } = row.cost;
    const figures = [
      Math.round(of('rps')),
      pairedRatio(base.samples, row.samples).toFixed(2),
      of('p50').toFixed(2),
      of('p99').toFixed(2),
      of('cpu').toFixed(0),
      of('redisCpu').toFixed(0),
      rounded(commands),
      rounded(roundTrips),
      rounded(sent),
      rounded(received),
    ];
    lines.push(`| ${row.name} | ${figures.join(' | ')} |`);
  }
  return lines;
}

function rounded(value) {
  const shown = value < 20 ? value.toFixed(1).replace(/\.0$/, '') : String(Math.round(value));
  return shown === '-0' ? '0' : shown;
}
