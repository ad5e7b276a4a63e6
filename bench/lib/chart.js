/** This module beside each peer, as SVG without a library. Readable on a light and on a dark page: it has no background. */
import { pairedRatio, median } from './statistics.js';

const WORKLOADS = ['read', 'change', '90/10', 'login'];
/** In this order, ours first. */
const NAMES = {
  module: 'this module',
  'module-hold': 'without interceptor',
  'express-session': 'express-session',
  '@fastify/session': '@fastify/session',
  '@mgcrea/fastify-session': '@mgcrea/fastify-session',
};
const PANEL = { width: 470, names: 150, figures: 110 };
const BAR = { height: 14, step: 18 };
const GROUP_GAP = 30;
const TOP = 64;

const STYLE = `
  text { font-family: system-ui, sans-serif; font-size: 12px; fill: #3d444d }
  .title { font-size: 16px; font-weight: 600 } .panel { font-size: 14px; font-weight: 600 } .group { font-weight: 600 }
  .faint { fill: #6e7781 } .ours { fill: #1f7a5c } .hold { fill: #4fb08c } .peer { fill: #9aa4af }
  @media (prefers-color-scheme: dark) {
    text { fill: #d1d7e0 } .faint { fill: #9198a1 } .ours { fill: #3fbf8f } .hold { fill: #2b8a66 } .peer { fill: #656c76 }
  }`;

/**
 * Requests a second, medians of the heats, with how many times a peer's figure is ours.
 * @param {string} version of Node @param {{ workload: string, adapter: string, name: string, samples: object[] }[]} results
 */
export function peersChart(version, results) {
  const panels = ['express', 'fastify'].map((adapter) => panelOf(results, adapter));
  const height = Math.max(...panels.map((panel) => panel.height)) + 34;
  const width = PANEL.width * 2 + 20;
  const described = panels.flatMap((panel) => panel.words).join('; ');
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img">`,
    `<title>Requests a second on Node ${version}</title>`,
    `<desc>${escaped(described)}</desc>`,
    `<style>${STYLE}\n</style>`,
    text(width / 2, 20, `Requests a second, Node ${version}`, 'title', 'middle'),
    ...panels.map(
      ({ lines }, at) => `<g transform="translate(${at * (PANEL.width + 20)} 0)">\n${lines.join('\n')}\n</g>`,
    ),
    text(
      width / 2,
      height - 8,
      'Behind a peer: how many times as many requests this module serves, and without its interceptor. Longer is better.',
      'faint',
      'middle',
    ),
    '</svg>',
    '',
  ].join('\n');
}

function panelOf(results, adapter) {
  const rows = results.filter((row) => row.adapter === adapter && WORKLOADS.includes(row.workload));
  const most = Math.max(1, ...rows.map(rpsOf));
  const scale = (PANEL.width - PANEL.names - PANEL.figures) / most;
  const title = adapter === 'express' ? 'Express' : 'Fastify';
  const lines = [text(PANEL.names, 46, title, 'panel')];
  const words = [];
  let y = TOP;
  for (const workload of WORKLOADS) {
    const find = (name) => rows.find((row) => row.workload === workload && row.name === name);
    const there = Object.keys(NAMES).map(find).filter(Boolean);
    if (there.length === 0) continue;
    lines.push(text(PANEL.names, y + 11, workload, 'group'));
    y += BAR.step;
    for (const row of there) {
      const figure = figureOf(row, find('module'), find('module-hold'));
      lines.push(...bar(y, row, scale, figure));
      words.push(`${title}, ${workload}, ${NAMES[row.name]}: ${figure}`);
      y += BAR.step;
    }
    y += GROUP_GAP - BAR.step;
  }
  return { lines, words, height: y };
}

function bar(y, row, scale, figure) {
  const kind = row.name === 'module' ? 'ours' : row.name === 'module-hold' ? 'hold' : 'peer';
  const length = (rpsOf(row) * scale).toFixed(1);
  return [
    text(PANEL.names - 8, y + 11, NAMES[row.name], kind === 'peer' ? 'faint' : '', 'end'),
    `<rect class="${kind}" x="${PANEL.names}" y="${y}" width="${length}" height="${BAR.height}" rx="2"/>`,
    text(PANEL.names + Number(length) + 6, y + 11, figure, 'faint'),
  ];
}

function figureOf(row, ours, hold) {
  const count = Math.round(rpsOf(row)).toLocaleString('en');
  if (row.name.startsWith('module')) return count;
  const times = [ours, hold].filter(Boolean).map((own) => pairedRatio(own.samples, row.samples).toFixed(2));
  return times.length === 0 ? count : `${count} · ${times.join(' / ')} ×`;
}

function rpsOf({ samples }) {
  return median(samples.map(({ rps }) => rps));
}

function text(x, y, content, kind = '', anchor = 'start') {
  return `<text x="${x.toFixed(1)}" y="${y}" class="${kind}" text-anchor="${anchor}">${escaped(content)}</text>`;
}

function escaped(content) {
  return content.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
}
