import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { onCleanup, runIfThisProcessDies, tempDir } from '../support/cleanup.js';
import { compileTree } from '../support/compile-tree.mjs';
import type { Finding } from './judge.js';
import type { Program, State } from './program.js';
import type { TargetName } from './targets/names.js';
import type { Holdings } from './leaks.js';
import type { Job, ProgramJob, Verdict } from './worker.js';

/**
 * Runs programs in a process of its own: some end it, and jest would take an uncaught exception for its own. Compiled
 * once for a test file.
 */
export class Court {
  readonly #script: string;
  #child: ChildProcess | undefined;
  #release: (() => void) | undefined;

  private constructor(script: string) {
    this.#script = script;
  }

  static async open(): Promise<Court> {
    const tree = await tempDir('redis-session-differential-');
    await compileTree(tree, ['test/differential', 'test/e2e/helpers/gate.ts']);
    const court = new Court(join(tree, 'test/differential/worker.js'));
    onCleanup(() => court.#dismiss());
    return court;
  }

  /** Where a program's response differs with a session. Rejects when the process ended, or a helper failed. */
  compare(target: TargetName, program: Program, states: readonly State[]): Promise<Finding[]> {
    return this.#findings({ target, program, states });
  }

  /** The same for plain Node against itself. */
  comparePlain(target: TargetName, program: Program): Promise<Finding[]> {
    return this.#findings({ target, program, states: undefined });
  }

  /** What the process holds before and after so many responses. */
  async holdingsAround(target: TargetName, responses: number): Promise<readonly [Holdings, Holdings]> {
    const verdict = await this.#judge({ target, responses });
    if ('holdings' in verdict) return verdict.holdings;
    throw new Error('Test helper: the process did not tell what it holds.');
  }

  async #findings(job: ProgramJob): Promise<Finding[]> {
    const verdict = await this.#judge(job);
    return 'findings' in verdict ? [...verdict.findings] : [];
  }

  async #judge(job: Job): Promise<Exclude<Verdict, { readonly error: string }>> {
    const child = this.#working();
    child.send(job);
    const verdict = await Promise.race([
      once(child, 'message').then(([message]) => message as Verdict),
      once(child, 'exit').then(([code, signal]): Verdict => {
        this.#child = undefined;
        return { error: `The process ended: ${code ?? signal}.` };
      }),
    ]);
    if ('error' in verdict) throw new Error(verdict.error);
    return verdict;
  }

  #working(): ChildProcess {
    if (this.#child !== undefined) return this.#child;
    const child = fork(this.#script, {
      env: { ...process.env, NODE_ENV: 'test' },
      execArgv: ['--no-warnings', '--expose-gc'],
      // Express prints what its handlers throw.
      stdio: ['ignore', 'inherit', 'ignore', 'ipc'],
    });
    this.#release = runIfThisProcessDies('kill', '-9', String(child.pid));
    return (this.#child = child);
  }

  async #dismiss(): Promise<void> {
    const child = this.#child;
    if (child === undefined) return;
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
    this.#release?.();
  }
}

/** Findings for a person: for each state what differs first, since the rest follows from it as a rule. */
export function told(findings: readonly Finding[]): string {
  return findings
    .map(({ way, state, differences }) => {
      const lines = differences.slice(0, 4).map(({ kind, plain, session }) => {
        return `  ${kind}\n    plain:   ${plain}\n    session: ${session}`;
      });
      const more = differences.length > 4 ? [`  and ${differences.length - 4} more`] : [];
      return [`In a ${way}, session ${state}:`, ...lines, ...more].join('\n');
    })
    .join('\n');
}
