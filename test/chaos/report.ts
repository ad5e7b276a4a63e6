import { adapters, type Adapter } from '../support/start-app.js';
import { type ChaosRow, type Finding } from './row.js';

/** What came out of one row on one adapter. */
export interface Outcome {
  readonly row: ChaosRow;
  readonly adapter: Adapter;
  readonly findings: readonly Finding[];
  readonly passed: boolean;
  readonly seconds: number;
}

const BEGIN = '<!-- chaos:begin -->';
const END = '<!-- chaos:end -->';

/** One outcome, to be read while the others run. */
export function consoleLines({ row, adapter, findings, passed, seconds }: Outcome): string[] {
  const width = Math.max(...findings.map(({ what }) => what.length));
  return [
    `${passed ? '✓' : '✗'} ${row.row} ${row.fault} (${row.on}, ${adapter}, ${seconds.toFixed(1)} s)`,
    ...findings.map(({ what, figure, met }) => `    ${met ? ' ' : '✗'} ${what.padEnd(width)}  ${figure}`),
  ];
}

/** All outcomes as a table: a line for each row, a column for each adapter, and what was found in words. */
export function tableOf(outcomes: readonly Outcome[]): string {
  const rows = [...new Set(outcomes.map(({ row }) => row))];
  const lines = rows.map(({ row, fault, on }, at) => {
    const cells = adapters.map((adapter) => {
      const outcome = outcomes.find((it) => it.row === rows[at] && it.adapter === adapter);
      return outcome ? cellOf(outcome) : 'not run';
    });
    return `| ${[row, `${escaped(fault)} (${on})`, ...cells].join(' | ')} |`;
  });
  return ['| # | fault | Express | Fastify |', '|---|---|---|---|', ...lines].join('\n');
}

/** What has to be none, and is, in one line: it is the same for most rows. */
function cellOf({ findings, passed }: Outcome): string {
  const isNone = ({ figure, met }: Finding): boolean => met && figure === '0';
  const parts = findings
    .filter((finding) => !isNone(finding))
    .map(({ what, figure, met }) => {
      const words = escaped(`${what}: ${figure.split('\n', 1)[0]}`);
      return met ? words : `**${words}**`;
    });
  const nones = findings.filter(isNone).map(({ what }) => escaped(what));
  if (nones.length > 0) parts.push(`0 each: ${nones.join('; ')}`);
  return [passed ? '✓' : '✗', ...parts].join('<br>');
}

/** Puts a table between the markers of a page of the manual. */
export function intoPage(page: string, table: string): string {
  const [begin, end] = [page.indexOf(BEGIN), page.indexOf(END)];
  if (begin < 0 || end < begin) {
    throw new Error(`The page has no place for the table: add the lines ${BEGIN} and ${END}.`);
  }
  return `${page.slice(0, begin + BEGIN.length)}\n\n${table}\n\n${page.slice(end)}`;
}

/** A pipe would end the cell, and angle brackets are no markup here. */
function escaped(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
