import fc from 'fast-check';

/** Attributes that are overwritten, and read. */
export const NAMES = ['cart', 'note'] as const;
export type Name = (typeof NAMES)[number];

/** Who logs in. */
export const PEOPLE = ['ann', 'bob'] as const;
export type Person = (typeof PEOPLE)[number];

/** What a handler does, one after the other. What it reads is what it found when its session was loaded. */
export type Act =
  | { readonly do: 'write'; readonly name: Name }
  | { readonly do: 'login'; readonly who: Person }
  | { readonly do: 'regenerate'; readonly graceSeconds: number }
  /** `form`: a page with a CSRF token, which the browser may send with any later request. */
  | { readonly do: 'save' | 'logout' | 'form' };

/** A request to one of two nodes. */
export interface Sent {
  readonly kind: 'request';
  readonly node: 0 | 1;
  /** Cookies that it carries: the browser's own, or another live one of the same name in front of it or behind. */
  readonly cookies: 'own' | 'foreign first' | 'foreign last';
  readonly acts: readonly Act[];
  /** A lost answer was given, and never arrived. */
  readonly answer: 'arrives' | 'is lost';
}

/** What happens to the session whose cookie the browser has at that moment. */
export interface Stroke {
  readonly kind: 'expiry' | 'revoke';
}

/** A browser with several tabs, which share its cookies; each does one thing after the other. */
export interface CrowdProgram {
  /** Where sessions live that nobody has logged in to. */
  readonly guests: 'in Redis' | 'in memory';
  readonly tabs: readonly (readonly (Sent | Stroke)[])[];
}

const act: fc.Arbitrary<Act> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant('write' as const), name: fc.constantFrom(...NAMES) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('login' as const), who: fc.constantFrom(...PEOPLE) }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('regenerate' as const), graceSeconds: fc.constantFrom(0, 30) }),
  },
  { weight: 1, arbitrary: fc.constantFrom<Act>({ do: 'save' }, { do: 'form' }) },
);

/** A logout comes last: what begins after it is another session, and another test's. */
const acts = fc
  .tuple(fc.array(act, { maxLength: 4 }), fc.nat(9))
  .map(([list, chance]): Act[] => (chance === 0 ? [...list, { do: 'logout' }] : list));

const sent: fc.Arbitrary<Sent> = fc.record({
  kind: fc.constant('request' as const),
  node: fc.constantFrom<0 | 1>(0, 1),
  cookies: fc.oneof(
    { weight: 10, arbitrary: fc.constant('own' as const) },
    { weight: 1, arbitrary: fc.constantFrom('foreign first' as const, 'foreign last' as const) },
  ),
  acts,
  answer: fc.oneof(
    { weight: 10, arbitrary: fc.constant('arrives' as const) },
    { weight: 1, arbitrary: fc.constant('is lost' as const) },
  ),
});

const stroke: fc.Arbitrary<Stroke> = fc.record({
  kind: fc.constantFrom('expiry' as const, 'revoke' as const),
});

export const crowdPrograms: fc.Arbitrary<CrowdProgram> = fc.record({
  guests: fc.constantFrom('in Redis', 'in memory'),
  tabs: fc.array(
    fc.array(fc.oneof({ weight: 10, arbitrary: sent }, { weight: 1, arbitrary: stroke }), {
      minLength: 1,
      maxLength: 5,
    }),
    { minLength: 1, maxLength: 4 },
  ),
});
