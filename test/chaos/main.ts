import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { closingAll, runIfThisProcessDies, tempDir } from '../support/cleanup.js';
import { type compileTree } from '../support/compile-tree.mjs';
import { adapters, type Adapter } from '../support/start-app.js';
import { type ChaosContext, type ChaosRow, type Finding } from './row.js';
import { consoleLines, intoPage, tableOf, type Outcome } from './report.js';
import { rows } from './rows/index.js';

/** What `start.mjs` hands over. */
export interface Ground {
  /** Where this program and all of lib and test lie compiled. */
  readonly tree: string;
  /** The page of the manual that has the table. */
  readonly page: string;
  readonly compileTree: typeof compileTree;
}

/** A row that takes longer hangs; the longest takes a minute or two, and with CHAOS_FLOOD=1000000 ten. */
const ROW_WITHIN_MS = 900_000;

const USAGE = `npm run chaos -- [options]
  --row N          only this row of the fault matrix; may be given several times
  --adapter NAME   only express or only fastify
  --quick          shorter, and timings do not decide
  --write          put the table into docs/reliability.md`;

/** Runs the rows; resolves to the exit code: 0 where all passed, 1 where one did not, 2 for wrong arguments. */
export async function main(args: readonly string[], ground: Ground): Promise<number> {
  runIfThisProcessDies('rm', '-rf', '--', ground.tree);
  const options = optionsIn(args);
  if (typeof options === 'string') {
    console.error(`${options}\n${USAGE}`);
    return 2;
  }
  const startedAt = performance.now();
  const outcomes: Outcome[] = [];
  for (const row of rows.filter(({ row }) => options.rows.length === 0 || options.rows.includes(row))) {
    for (const adapter of options.adapters) {
      const outcome = await outcomeOf(row, contextFor(adapter, options.quick, ground));
      outcomes.push(outcome);
      console.log(consoleLines(outcome).join('\n'));
    }
  }
  if (options.write) {
    const text = await readFile(ground.page, 'utf8');
    await writeFile(ground.page, intoPage(text, tableOf(outcomes)));
  }
  const failed = outcomes.filter(({ passed }) => !passed);
  const minutes = ((performance.now() - startedAt) / 60_000).toFixed(1);
  console.log(`${outcomes.length - failed.length} of ${outcomes.length} passed in ${minutes} minutes.`);
  return failed.length === 0 && outcomes.length > 0 ? 0 : 1;
}

interface Options {
  readonly rows: readonly number[];
  readonly adapters: readonly Adapter[];
  readonly quick: boolean;
  readonly write: boolean;
}

/** What the arguments say, or what is wrong with them. */
function optionsIn(args: readonly string[]): Options | string {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        row: { type: 'string', multiple: true, default: [] },
        adapter: { type: 'string' },
        quick: { type: 'boolean', default: false },
        write: { type: 'boolean', default: false },
      },
    });
    const numbers = values.row.map(Number);
    const unknown = values.row.find((_, at) => !rows.some(({ row }) => row === numbers[at]));
    if (unknown !== undefined) return `There is no row ${unknown}.`;
    const chosen = adapters.filter((name) => values.adapter === undefined || name === values.adapter);
    if (chosen.length === 0) return `There is no adapter ${values.adapter}.`;
    if (values.write && (numbers.length > 0 || chosen.length < adapters.length || values.quick)) {
      return '--write needs the figures of a full run: leave the other options out.';
    }
    return { rows: numbers, adapters: chosen, quick: values.quick, write: values.write };
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function contextFor(adapter: Adapter, quick: boolean, { tree, compileTree }: Ground): ChaosContext {
  return {
    adapter,
    quick,
    scale: (full, short) => (quick ? short : full),
    nodeScript: join(tree, 'test/chaos/apps/chaos-node.js'),
    compileApp: async (app, edit) => {
      const target = await tempDir('redis-session-app-');
      await compileTree(target, [app, 'test/support/node-main.ts'], edit);
      return join(target, app.replace(/\.ts$/, '.js'));
    },
  };
}

async function outcomeOf(row: ChaosRow, context: ChaosContext): Promise<Outcome> {
  const startedAt = performance.now();
  let findings: Finding[];
  try {
    findings = await closingAll(() => inTime(row.run(context)));
  } catch (error) {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    // The output of a process may be in there: its end says why.
    const figure = text.length > 2000 ? `${text.slice(0, 300)}\n…\n${text.slice(-1500)}` : text;
    findings = [{ what: 'the row did not run to its end', figure, met: false, timing: false }];
  }
  const passed = findings.every(({ met, timing }) => met || (timing && context.quick));
  return { row, adapter: context.adapter, findings, passed, seconds: (performance.now() - startedAt) / 1000 };
}

/** Also keeps this process alive: the helpers' own children and sockets do not. */
async function inTime<T>(work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    const error = new Error(`The row took more than ${ROW_WITHIN_MS / 1000} s.`);
    timer = setTimeout(() => reject(error), ROW_WITHIN_MS);
  });
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
}
