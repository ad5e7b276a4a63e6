/** Random schedules of logins, id changes, uses, logouts and ends of all, step by step over several nodes. */

/** A source of chance that a seed decides. */
export class Chance {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** Mulberry32: from 0, below 1. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  }

  below(count: number): number {
    return Math.floor(this.next() * count);
  }

  pick<T>(from: readonly T[]): T {
    return from[this.below(from.length)] as T;
  }
}

/** What a node does next. `device`: which of the user's browsers. */
export type UserAction =
  | { readonly do: 'visit' | 'login' | 'renew' | 'use' | 'save' | 'logout'; readonly device: number }
  | { readonly do: 'endAll'; readonly device?: undefined }
  | { readonly do: 'list'; readonly device?: undefined };

/** One run: what is begun, and in which order the steps of what is under way are let through. */
export interface UsersProgram {
  readonly seed: number;
  readonly limit: number;
  /** Whether a list and a record can be written in one step. */
  readonly inOnePlace: boolean;
  readonly policy: 'evict-oldest' | 'reject';
  readonly actions: readonly (UserAction & {
    readonly node: number;
    readonly killedAfter?: number | undefined;
  })[];
}

export const NODES = 3;
export const DEVICES = 4;

const WEIGHTS: readonly UserAction['do'][] = [
  ...Array.from({ length: 6 }, () => 'login' as const),
  ...Array.from({ length: 5 }, () => 'renew' as const),
  ...Array.from({ length: 3 }, () => 'endAll' as const),
  'visit',
  'visit',
  'visit',
  'use',
  'save',
  'logout',
  'logout',
  'list',
];

export function usersProgram(seed: number): UsersProgram {
  const chance = new Chance(seed);
  const length = 4 + chance.below(9);
  return {
    seed,
    limit: chance.below(3) === 0 ? 1 + chance.below(2) : 0,
    inOnePlace: chance.below(2) === 0,
    policy: chance.pick(['evict-oldest', 'reject']),
    actions: Array.from({ length }, () => {
      const action = chance.pick(WEIGHTS);
      const node = chance.below(NODES);
      // The node is gone (kill -9) after so many of its commands.
      const killedAfter = chance.below(5) === 0 ? 1 + chance.below(4) : undefined;
      return action === 'endAll' || action === 'list'
        ? { do: action, node, killedAfter }
        : { do: action, node, killedAfter, device: chance.below(DEVICES) };
    }),
  };
}
