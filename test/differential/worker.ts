import 'reflect-metadata';
import { Judge, type Finding } from './judge.js';
import { holdingsAround, type Holdings } from './leaks.js';
import type { Program, State } from './program.js';
import type { TargetName } from './targets/names.js';

/** One program to be judged. Without states: plain Node against itself. */
export interface ProgramJob {
  readonly target: TargetName;
  readonly program: Program;
  readonly states: readonly State[] | undefined;
}

/** Responses after which what the process holds is told. */
export interface HoldingsJob {
  readonly target: TargetName;
  readonly responses: number;
}

export type Job = ProgramJob | HoldingsJob;

export type Verdict =
  | { readonly findings: readonly Finding[] }
  | { readonly holdings: readonly [Holdings, Holdings] }
  | { readonly error: string };

const judges = new Map<TargetName, Promise<Judge>>();

function judgeOf(name: TargetName): Promise<Judge> {
  const judge = judges.get(name) ?? Judge.of(name);
  judges.set(name, judge);
  return judge;
}

async function verdictOf(job: Job): Promise<Verdict> {
  try {
    if ('responses' in job) return { holdings: await holdingsAround(job.target, job.responses) };
    const { target, program, states } = job;
    const judge = await judgeOf(target);
    return {
      findings: await (states === undefined ? judge.comparePlain(program) : judge.compare(program, states)),
    };
  } catch (error) {
    return { error: error instanceof Error ? String(error.stack) : String(error) };
  }
}

process.on('message', (job: Job) => void verdictOf(job).then((verdict) => process.send?.(verdict)));
// The tests are gone.
process.on('disconnect', () => process.exit());
