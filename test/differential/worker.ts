import 'reflect-metadata';
import { Judge, type Finding } from './judge.js';
import type { Program, State } from './program.js';
import type { TargetName } from './targets/names.js';

/** One program to be judged. Without states: plain Node against itself. */
export interface Job {
  readonly target: TargetName;
  readonly program: Program;
  readonly states: readonly State[] | undefined;
}

export type Verdict = { readonly findings: readonly Finding[] } | { readonly error: string };

const judges = new Map<TargetName, Promise<Judge>>();

function judgeOf(name: TargetName): Promise<Judge> {
  const judge = judges.get(name) ?? Judge.of(name);
  judges.set(name, judge);
  return judge;
}

async function verdictOf({ target, program, states }: Job): Promise<Verdict> {
  try {
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
