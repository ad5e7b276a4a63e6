import { type EditSource } from '../support/compile-tree.mjs';
import { type Adapter } from '../support/start-app.js';

/** What a row is given. */
export interface ChaosContext {
  readonly adapter: Adapter;
  /** Short: for CI. The figures that say how fast something is are then shown and do not decide. */
  readonly quick: boolean;
  /** How much of something: the first number in a full run, the second in a quick one. */
  readonly scale: (full: number, quick: number) => number;
  /** The compiled `apps/chaos-node.ts`. */
  readonly nodeScript: string;
  /**
   * Compiles another script of the test tree (path from the root, ending in `.ts`), with lib; `edit` changes sources
   * on their way. Returns the path of the result.
   */
  readonly compileApp: (app: string, edit?: EditSource) => Promise<string>;
}

/** One checked figure of a row. */
export interface Finding {
  /** What was measured; the same words on both adapters. */
  readonly what: string;
  /** What came out, with the limit. */
  readonly figure: string;
  readonly met: boolean;
  /** Says how fast: decides in the full run only, never in CI. */
  readonly timing: boolean;
}

/** One row of the fault matrix (reliability.md), or a part of one. */
export interface ChaosRow {
  readonly row: number;
  readonly fault: string;
  readonly on: 'standalone' | 'sentinel' | 'cluster' | 'memory';
  /**
   * Injects the fault and measures. What it opens by the helpers of test/support is closed for it. A rejection counts
   * as a row that failed. One of the findings shows that the fault was really felt.
   */
  readonly run: (context: ChaosContext) => Promise<Finding[]>;
}

/** A figure with an upper limit. */
export function atMost(what: string, value: number, limit: number, unit = ''): Finding {
  return {
    what,
    figure: `${shown(value)}${unit} (≤ ${shown(limit)}${unit})`,
    met: value <= limit,
    timing: false,
  };
}

/** A figure with a lower limit: for how much of the fault was felt. */
export function atLeast(what: string, value: number, limit: number, unit = ''): Finding {
  return {
    what,
    figure: `${shown(value)}${unit}${value >= limit ? '' : `, expected at least ${shown(limit)}${unit}`}`,
    met: value >= limit,
    timing: false,
  };
}

/**
 * How long something took at most, in ms. `without`: the same of requests without a session, at the same time; what
 * those take as well is HTTP and the machine, and does not count.
 */
export function atMostMs(what: string, value: number, limit: number, without?: number): Finding {
  const finding = { ...atMost(what, value, limit, ' ms'), timing: true };
  if (without === undefined) return finding;
  const figure = `${shown(value)} ms (≤ ${shown(limit)} ms; without session ${shown(without)} ms)`;
  return { ...finding, figure, met: value - without <= limit };
}

/** A figure that can only be one. Objects are compared by their JSON. */
export function exactly(what: string, value: unknown, expected: unknown): Finding {
  const [is, should] = [text(value), text(expected)];
  return {
    what,
    figure: is === should ? is : `${is}, expected ${should}`,
    met: is === should,
    timing: false,
  };
}

/** A list of things that must not be; the figure tells of the first. Each entry is shown: no secrets. */
export function none(what: string, list: readonly unknown[]): Finding {
  return {
    what,
    figure: list.length === 0 ? '0' : `${list.length}, as ${text(list[0])}`,
    met: list.length === 0,
    timing: false,
  };
}

/** Of so many, all: `412 of 412`. None at all is not met: then nothing was tried. */
export function allOf(what: string, count: number, total: number): Finding {
  return { what, figure: `${count} of ${total}`, met: count === total && total > 0, timing: false };
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function shown(value: number): string {
  return Number.isNaN(value)
    ? 'not measured'
    : String(Math.abs(value) < 10 ? Number(value.toFixed(1)) : Math.round(value));
}
