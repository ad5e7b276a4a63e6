/** Results as Markdown. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { cpus, totalmem, type } from 'node:os';
import { execFileSync } from 'node:child_process';
import process from 'node:process';
import { DECIDING_NODES, GOALS, GROWTH_GOALS } from './goals.js';
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
 * @param {object[]} deciding of those that decide goals, on each Node, one sample for each heat.
 */
export function markdownReport(results, deciding, run) {
  const parts = [
    '# Benchmark results',
    '',
    ...run.nodes.flatMap(({ major, version }) => [
      `![Requests a second, this module and its peers, Node ${version}](plots/peers-node-${major}.svg)`,
      '',
    ]),
    ...machine({ command: 'npm run bench', ...run, method: methodOf(run) }),
    '',
    LEGEND,
    '',
    '## Goals',
    '',
    ...goals(deciding, results, run.nodes),
    '',
  ];
  if (results.length > 0) parts.push(`# Everybody, on Node ${process.version}`, '');
  for (const adapter of new Set(results.map((result) => result.adapter))) {
    for (const workload of Object.keys(WORKLOADS)) {
      const rows = results.filter((result) => result.adapter === adapter && result.workload === workload);
      if (rows.length > 0) parts.push(...section(adapter, workload, rows), '');
    }
  }
  parts.push('## Contestants', '');
  for (const name of new Set([...results, ...deciding].map((result) => result.name))) {
    parts.push(`- **${name}**: ${run.contestants[name].about}`);
  }
  return `${parts.join('\n')}\n`;
}

/** The machine and the versions: figures mean nothing without them. */
export function machine({ command, started, method, connections, nodes = [process], minutes }) {
  const redis = /v=(\S+)/.exec(execFileSync('redis-server', ['--version'], { encoding: 'utf8' }))?.[1];
  return [
    `Written by \`${command}\` on ${started.toISOString().slice(0, 16)}Z${minutes === undefined ? '' : ` in ${Math.ceil(minutes)} minutes`}: ${cpus().length} cores (${cpus()[0].model}), ` +
      `${Math.round(totalmem() / 2 ** 30)} GiB, ${type()}, Node ${nodes.map(({ version }) => version).join(', ') || process.version}, Redis ${redis}. Application, Redis and load ` +
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

function methodOf({ table, heat, heats, otherHeats, durationMs }) {
  const turns = (count) => `${count} turn${count === 1 ? '' : 's'} of ${durationMs / 1000} s`;
  return (
    `everybody takes turns with the others. Tables: ${table.rounds} round${table.rounds === 1 ? '' : 's'} of ${turns(table.turns)} each (one of 1 s with 256 KiB) ` +
    `after ${table.warmUpTurns} to warm up. Goals: ${heats} heat${heats === 1 ? '' : 's'} (${otherHeats} on Node versions that decide nothing), each with new ` +
    `processes of those that the goals are about, each workload of ${turns(heat.turns)} after ${heat.warmUpTurns} to warm up, ` +
    `${heat.firstTurns} more before the first of an application; with 256 KiB, what the tables say`
  );
}

const LEGEND =
  'Ratios are medians of the ratios round by round, or heat by heat. `app µs`: CPU of the application per request; `Redis µs`: of the server. ' +
  'Commands, round trips and bytes are counted by the server, one request at a time; commands inside scripts not.';

const GOALS_LEGEND =
  'Requests a second of ours for one of theirs; in brackets the figures between which the middle half of the heats lies, and behind that ' +
  'the same of the CPU that the application takes for a request, which wavers less. `default`: the module as it is; `hold`: with ' +
  '`globalInterceptor: false`. A goal is met where it is on each of Node ' +
  `${DECIDING_NODES.join(' and ')}. \`raw\`: a handler that sends as many Redis round trips itself and does nothing else, ` +
  '`raw+interceptor`: the same with a global interceptor that does nothing; `none`: no session.';

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

/** Goals of large sessions are measured for the tables alone, on one Node. */
function goals(deciding, table, nodes) {
  const columns = nodes.length > 0 ? nodes.map(({ major }) => major) : [undefined];
  const tableNode = Number(process.version.slice(1).split('.')[0]);
  const sampled = new Map(columns.map((major) => [major, deciding.filter(({ node }) => node === major)]));
  const heads = columns.map((major) => (major === undefined ? 'measured' : `Node ${major}`));
  const lines = [
    `| workload | adapter | of | against | goal | ${heads.join(' | ')} | |`,
    `|---|---|---|---|---|${columns.map(() => '--:').join('|')}|---|`,
  ];
  const verdicts = [];
  for (const goal of GOALS) {
    const outcomes = columns.map((major) => {
      const own = outcomeOf(goal, sampled.get(major));
      return own ?? (major === undefined || major === tableNode ? outcomeOf(goal, table) : undefined);
    });
    if (outcomes.every((outcome) => outcome === undefined)) continue;
    const decides = (at) => columns[at] === undefined || DECIDING_NODES.includes(columns[at]);
    const judged = outcomes.filter((outcome, at) => outcome !== undefined && decides(at));
    const isMet = (judged.length > 0 ? judged : outcomes.filter(Boolean)).every(({ met }) => met);
    verdicts.push(isMet);
    const of = goal.name === 'module' ? 'default' : 'hold';
    const what = goal.figure === undefined ? goal.workload : `${goal.workload}: CPU of Redis`;
    const aim = goal.atMost === undefined ? `≥ ${goal.atLeast}` : `≤ ${goal.atMost}`;
    const figures = outcomes.map((outcome) => outcome?.words ?? '');
    lines.push(
      `| ${what} | ${goal.adapter} | ${of} | ${goal.against} | ${aim} | ${figures.join(' | ')} | ${told(isMet)} |`,
    );
  }
  return [...lines, '', summary(verdicts, GOALS.length), '', GOALS_LEGEND];
}

/** What has become of a goal by some results; undefined: they do not say. */
function outcomeOf({ workload, adapter, name, against, figure = 'rps', atLeast, atMost }, results) {
  const find = (who) =>
    results.find((it) => it.adapter === adapter && it.workload === workload && it.name === who);
  const [ours, theirs] = [find(name), find(against)];
  if (ours === undefined || theirs === undefined) return undefined;
  const ratios = pairedRatios(ours.samples, theirs.samples, figure);
  const ratio = median(ratios);
  // On a machine that had no time for it nobody has answered.
  if (!Number.isFinite(ratio)) return undefined;
  const [low, high] = [0.25, 0.75].map((part) => quantile(ratios, part).toFixed(2));
  const met = atMost === undefined ? ratio >= atLeast : ratio <= atMost;
  const cpu = figure === 'rps' ? `, CPU ${pairedRatio(theirs.samples, ours.samples, 'cpu').toFixed(2)}` : '';
  return { met, words: `${met ? '' : '✗ '}${ratio.toFixed(2)} (${low} to ${high}${cpu})` };
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
