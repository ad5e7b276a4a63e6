import { expect, it } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { textOfLink, type OldLink, type OldStanding } from '../../../lib/core/old-sessions.js';
import type { SessionRecord } from '../../../lib/core/store.js';
import { idOf, newToken, tagOf, type SessionId } from '../../../lib/core/token.js';
import { LinkedStore } from '../../../lib/stores/layers/linked-store.js';
import { MemoryStore } from '../../../lib/stores/memory-store.js';
import { FakeClock, overriding } from '../core/helpers.js';

const NAME = 'express-session abc';

/** A session that stands for an old one, which says `standing` whenever it is asked. */
async function linked(
  link: Pick<OldLink, 'wasGuest'> & Pick<SessionRecord, 'principal'>,
  standing: (memory: MemoryStore, id: SessionId) => Promise<OldStanding>,
): Promise<{ store: LinkedStore; memory: MemoryStore; id: SessionId; told: unknown[] }> {
  const { now } = new FakeClock();
  const memory = new MemoryStore({ maxSessions: 10, maxBytes: 100_000, tombstoneMs: 60_000, now });
  const { principal, wasGuest } = link;
  const from = textOfLink({ name: NAME, turn: 3, wasGuest });
  const id = idOf(newToken(randomBytes));
  const told: unknown[] = [];
  const below = overriding(memory, {
    load: async (asked, options) => {
      const outcome = await memory.load(asked, options);
      if (outcome.status !== 'found' || asked !== id) return outcome;
      return { ...outcome, record: { ...outcome.record, from } };
    },
  });
  const sessions = {
    use: () => standing(memory, id),
    leave: ({ name, turn }: OldLink) => Promise.resolve(void told.push(['left', name, turn])),
    end: () => Promise.resolve(),
  };
  await memory.create(id, {
    attributes: new Map(),
    codec: 'json',
    maxInactiveInterval: 1800,
    absoluteTimeout: 0,
    principal,
    authenticated: principal !== undefined,
  });
  return { store: new LinkedStore(below, sessions, (...ended) => void told.push(ended)), memory, id, told };
}

const names = (principal?: string) => (): Promise<OldStanding> =>
  Promise.resolve({ stands: true, principal });

it.each([
  ['the same user', 'ada', false, 'ada'],
  ['nobody, as when it was taken over', undefined, true, undefined],
  ['nobody still, and the guest has logged in here', 'ada', true, undefined],
  ['somebody else, and the guest has logged in here', 'ada', true, 'bob'],
])('a session whose old one names %s stays', async (_what, principal, wasGuest, named) => {
  const { store, id, told } = await linked({ principal, wasGuest }, names(named));
  expect(await store.load(id)).toMatchObject({ status: 'found' });
  expect(told).toEqual([]);
});

it.each([
  ['somebody else', 'ada', false, 'bob'],
  ['nobody any more', 'ada', false, undefined],
  ['somebody, where it named nobody', undefined, true, 'ada'],
])(
  'one whose old one names %s is over, once the old one has been left',
  async (_, principal, wasGuest, named) => {
    const { store, id, told } = await linked({ principal, wasGuest }, names(named));
    expect(await store.load(id)).toMatchObject({ status: 'ended' });
    expect(told).toEqual([
      ['left', NAME, 3],
      [id, principal],
    ]);
    expect(await store.load(id)).toMatchObject({ status: 'ended' });
  },
);

it('an end that comes from the old session does not reach the login that has followed ours meanwhile', async () => {
  const newId = idOf(newToken((bytes) => randomBytes(bytes)));
  const { store, memory, id } = await linked({ principal: 'ada', wasGuest: false }, async (below, before) => {
    const next = (tagOf(before) + newId.slice(tagOf(before).length)) as SessionId;
    await below.renew(before, {
      ...{ newId: next, set: new Map(), remove: [], authenticated: true },
      login: { principal: 'bob', absoluteTimeout: 0 },
    });
    return { stands: false };
  });
  expect(await store.load(id)).toMatchObject({ status: 'ended' });
  const ids: SessionId[] = [];
  for await (const each of memory.ids()) ids.push(each);
  const left = await Promise.all(ids.map((each) => memory.load(each)));
  expect(left.filter(({ status }) => status === 'found')).toHaveLength(1);
});
