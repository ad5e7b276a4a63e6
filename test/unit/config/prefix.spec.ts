import { expect, it } from '@jest/globals';
import fc from 'fast-check';
import { issueLines, resolve } from './environment.js';

/** Of few parts, so that one often begins as another does. */
const clusterId = fc.option(
  fc
    .array(fc.constantFrom('a', 'b', 'session', 'sessions', 'a-session', ''), { minLength: 1, maxLength: 4 })
    .map((parts) => parts.join(':'))
    .filter((id) => id !== ''),
  { nil: undefined },
);

it('no key of one application lies under the prefix of another, whichever CLUSTER_ID is not refused', () => {
  const prefixOf = (id: string | undefined): string | undefined =>
    issueLines({ REDIS_SESSION_CLUSTER_ID: id }).length > 0
      ? undefined
      : resolve({ REDIS_SESSION_CLUSTER_ID: id }).keyPrefix;
  fc.assert(
    fc.property(clusterId, clusterId, (one, other) => {
      const [first, second] = [prefixOf(one), prefixOf(other)];
      if (first === undefined || second === undefined || one === other) return;
      expect([one, other, first.startsWith(second)]).toEqual([one, other, false]);
    }),
    { numRuns: 500 },
  );
  for (const ordinary of ['shop', 'shop:eu', 'sessions', 'my-session', 'shop.session'])
    expect([ordinary, issueLines({ REDIS_SESSION_CLUSTER_ID: ordinary })]).toEqual([ordinary, []]);
});
