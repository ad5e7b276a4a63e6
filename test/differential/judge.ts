import { differences, type Difference } from './compare.js';
import type { Observation } from './observation.js';
import type { Program, State } from './program.js';
import { runProgram } from './run.js';
import { TARGETS } from './targets/index.js';
import { WAYS, type TargetName } from './targets/names.js';
import type { Site } from './targets/target.js';

/** How a program differed in one state. */
export interface Finding {
  readonly way: string;
  readonly state: State | 'plain again';
  readonly differences: readonly Difference[];
}

/** Two applications of a kind, one of them with sessions. */
export class Judge {
  readonly #ways: readonly string[];
  readonly #plain: Site;
  readonly #withSessions: Site;

  private constructor(target: TargetName, plain: Site, withSessions: Site) {
    this.#ways = WAYS[target];
    this.#plain = plain;
    this.#withSessions = withSessions;
  }

  static async of(target: TargetName): Promise<Judge> {
    const { start } = TARGETS[target];
    return new Judge(target, await start(false), await start(true));
  }

  /** Runs a program plainly and in some states. The states in which it differs. */
  async compare(program: Program, states: readonly State[]): Promise<Finding[]> {
    const way = this.#way(program);
    const plain = await runProgram(this.#plain, way, program, 'untouched');
    const findings: Finding[] = [];
    for (const state of states) {
      const session = await runProgram(this.#withSessions, way, program, state, plain);
      findings.push({ way, state, differences: differences(program, state, plain, session) });
    }
    return findings.filter((finding) => finding.differences.length > 0);
  }

  /** Runs a program plainly twice, as if the second time were one with a session: the comparison itself. */
  async comparePlain(program: Program): Promise<Finding[]> {
    const way = this.#way(program);
    const run = (plain?: Observation): Promise<Observation> =>
      runProgram(this.#plain, way, program, 'untouched', plain);
    const first = await run();
    const found = differences(program, 'untouched', first, await run(first));
    return found.length === 0 ? [] : [{ way, state: 'plain again', differences: found }];
  }

  async close(): Promise<void> {
    await this.#plain.close();
    await this.#withSessions.close();
  }

  #way({ way }: Program): string {
    return this.#ways[way % this.#ways.length] ?? '';
  }
}
