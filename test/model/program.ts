import fc from 'fast-check';
import { SESSION_POLICIES, type SessionPolicy } from 'nestjs-redis-session';

/** Attributes that are overwritten, and read. `count` is only ever counted up by `update()`. */
export const NAMES = ['a', 'b', 'list'] as const;

/** One of {@link NAMES}. */
export type Name = (typeof NAMES)[number];

/** What a handler does, one after the other. */
export type Step =
  | { readonly do: 'read' | 'set' | 'delete'; readonly name: Name }
  | { readonly do: 'mutate' | 'update' | 'authenticate' | 'regenerate' | 'logout' | 'expire' | 'save' }
  /** From here on the response has left. At most one in a request. */
  | { readonly do: 'background' };

/** A request to one of the nodes. */
export interface Request {
  readonly node: number;
  readonly steps: readonly Step[];
}

/** A browser with several tabs, which share its cookies; each sends its requests one after the other. */
export interface Program {
  readonly policy: SessionPolicy;
  readonly tabs: readonly (readonly Request[])[];
}

const onName = (what: 'read' | 'set' | 'delete'): fc.Arbitrary<Step> =>
  fc.record({ do: fc.constant(what), name: fc.constantFrom(...NAMES) });
const plain = (what: Exclude<Step['do'], 'read' | 'set' | 'delete'>): fc.Arbitrary<Step> =>
  fc.constant({ do: what });

/** Ends and id changes are rarer than the rest, as in life, so that there is something they can break. */
const step = fc.oneof(
  { weight: 5, arbitrary: onName('read') },
  { weight: 5, arbitrary: onName('set') },
  { weight: 2, arbitrary: onName('delete') },
  { weight: 3, arbitrary: plain('mutate') },
  { weight: 4, arbitrary: plain('update') },
  { weight: 2, arbitrary: plain('save') },
  { weight: 1, arbitrary: plain('background') },
  { weight: 1, arbitrary: plain('authenticate') },
  { weight: 1, arbitrary: plain('regenerate') },
  { weight: 1, arbitrary: plain('logout') },
  { weight: 1, arbitrary: plain('expire') },
);

/** Random programs for so many nodes. */
export function programs(nodes: number): fc.Arbitrary<Program> {
  const request = fc.record({
    node: fc.nat(nodes - 1),
    steps: fc.array(step, { minLength: 1, maxLength: 5 }),
  });
  return fc.record({
    policy: fc.constantFrom(...SESSION_POLICIES),
    tabs: fc.array(fc.array(request, { minLength: 1, maxLength: 4 }), { minLength: 1, maxLength: 4 }),
  });
}
