import fc from 'fast-check';
import { beforeEach, describe, expect, it } from '@jest/globals';
import type { SessionRecord } from '../../../lib/core/store.js';
import type { SessionId } from '../../../lib/core/token.js';
import { GuestStore } from '../../../lib/stores/layers/guest-store.js';
import { LocalCopies, type Visit } from '../../../lib/stores/layers/local-copies.js';
import { MemoryStore } from '../../../lib/stores/memory-store.js';
import { change, decoded, encoded, freshId, renewal } from '../../contract/builders.js';

const LIFE_MS = 60_000;
const EPOCH = 1_700_000_000_000;
/** Of this process's clock. */
const START = 1_000;
const GUEST = { authenticated: false } as const;

let now: number;
let memory: MemoryStore;
let copies: LocalCopies;
beforeEach(() => {
  now = START;
  memory = new MemoryStore({ maxSessions: 1000, maxBytes: 1e7, tombstoneMs: 60_000, now: () => now });
  copies = new LocalCopies(memory, { lifeMs: LIFE_MS, now: () => now });
});

function record(attributes: Record<string, string>, usedAt: number): SessionRecord {
  return {
    attributes: encoded(attributes),
    codec: 'json',
    createdAt: EPOCH,
    lastAccessedAt: usedAt,
    maxInactiveInterval: -1,
    authenticated: false,
  };
}

function attributesOf(id: SessionId): Record<string, string> | undefined {
  const found = memory.peek(id);
  return found && decoded(found.attributes);
}

/** What Redis is asked about one session, in the order in which it executes it. */
type Step =
  | { readonly kind: 'load' }
  | { readonly kind: 'write'; readonly name: string; readonly from: 'here' | 'elsewhere' };

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ kind: fc.constant('load' as const) }),
  fc.record({
    kind: fc.constant('write' as const),
    name: fc.constantFrom('a', 'b', 'c'),
    from: fc.constantFrom('here' as const, 'elsewhere' as const),
  }),
);

/** A number for each step: how early it is begun, how late its reply comes. */
const timing = fc.array(fc.tuple(step, fc.nat(5), fc.nat(5)), { minLength: 1, maxLength: 14 });

describe('a copy in this process', () => {
  it('has, in whichever order replies arrive, every write that this node was told of, and none that is older', () => {
    fc.assert(
      fc.property(timing, (steps) => {
        const id = freshId();
        const first = copies.visit(id);
        first.created(record({}, EPOCH), EPOCH);
        first.done();
        /** What happens when: asking and reading of step n, Redis executes it at n. */
        const events: { at: number; run: () => void }[] = [];
        const stored: Record<string, string> = {};
        let used = EPOCH;
        const writes: { n: number; name: string; from: string }[] = [];
        let newestLoad = -1;
        steps.forEach(([what, early, late], n) => {
          const time = EPOCH + n + 1;
          let visit: Visit | undefined;
          let reply: SessionRecord;
          if (what.kind === 'load' || what.from === 'here') {
            events.push({ at: n - early - 0.1, run: () => (visit = copies.visit(id)) });
            events.push({
              at: n + late + 0.1,
              run: () => {
                if (what.kind === 'load') {
                  visit?.loaded(reply, time);
                  newestLoad = Math.max(newestLoad, n);
                } else visit?.wrote(change({ [what.name]: String(n) }, GUEST), time);
                visit?.done();
              },
            });
          }
          events.push({
            at: n,
            run: () => {
              if (what.kind === 'write') {
                stored[what.name] = String(n);
                writes.push({ n, name: what.name, from: what.from });
              } else reply = record({ ...stored }, used);
              used = time;
            },
          });
        });
        for (const { run } of events.sort((x, y) => x.at - y.at)) run();
        const expected: Record<string, string> = {};
        for (const { n, name, from } of writes) {
          if (from === 'here' || n < newestLoad) expected[name] = String(n);
        }
        expect(attributesOf(id)).toEqual(expected);
      }),
      { numRuns: 3000 },
    );
  });

  it('is replaced by what is loaded when nothing else is under way, though the clock of Redis went back', () => {
    const id = freshId();
    const write = copies.visit(id);
    write.created(record({ n: '1' }, EPOCH), EPOCH);
    write.wrote(change({ n: '2' }, GUEST), EPOCH + 10);
    write.done();
    const load = copies.visit(id);
    load.loaded(record({ n: '3' }, EPOCH - 3_600_000), EPOCH - 3_600_000);
    load.done();
    const later = copies.visit(id);
    later.wrote(change({ m: '1' }, GUEST), EPOCH - 3_599_000);
    later.done();
    expect(attributesOf(id)).toEqual({ n: '3', m: '1' });
  });

  it('is gone before the tombstone of an end that came after the question, however late the reply', () => {
    const id = freshId();
    const load = copies.visit(id);
    now = START + 40_000;
    load.loaded(record({}, EPOCH), EPOCH);
    load.done();
    now = START + LIFE_MS - 1;
    expect(attributesOf(id)).toEqual({});
    now = START + LIFE_MS + 1;
    expect(attributesOf(id)).toBeUndefined();
  });

  it('lives on for as long as Redis, asked before each use, knows of no end', () => {
    const id = freshId();
    const first = copies.visit(id);
    first.created(record({ n: '1' }, EPOCH), EPOCH);
    first.done();
    for (let use = 0; use < 5; use += 1) {
      now += LIFE_MS - 1;
      const load = copies.visit(id);
      expect(load.served(EPOCH + now)).toMatchObject({ attributes: encoded({ n: '1' }) });
      load.done();
    }
  });

  it('does not come back by a reply that was under way when the session ended', () => {
    const id = freshId();
    const [load, write, end] = [copies.visit(id), copies.visit(id), copies.visit(id)];
    load.created(record({}, EPOCH), EPOCH);
    end.ended();
    end.done();
    write.wrote(change({ n: '1' }, GUEST), EPOCH + 1);
    load.loaded(record({ n: '1' }, EPOCH + 1), EPOCH + 2);
    write.done();
    load.done();
    expect(attributesOf(id)).toBeUndefined();
  });

  it('goes on under a new id with all that was acknowledged, also what is heard of after the renewal', () => {
    const id = freshId();
    const next = freshId(id);
    const first = copies.visit(id);
    first.created(record({ a: '0', b: '0' }, EPOCH), EPOCH);
    const [write, load, renew] = [copies.visit(id), copies.visit(id), copies.visit(id)];
    first.done();
    renew.renewed(renewal(next, { a: '3' }, GUEST), EPOCH + 3);
    renew.done();
    write.wrote(change({ a: '2', b: '2' }, GUEST), EPOCH + 2);
    write.done();
    load.loaded(record({ a: '0', b: '0', c: '1' }, EPOCH + 1), EPOCH + 1);
    load.done();
    expect(attributesOf(id)).toBeUndefined();
    expect(attributesOf(next)).toEqual({ a: '3', b: '2', c: '1' });
  });

  it('is dropped by a login, and what is under way then does not make another', () => {
    const id = freshId();
    const [load, login] = [copies.visit(id), copies.visit(id)];
    load.created(record({}, EPOCH), EPOCH);
    const next = freshId(id);
    login.renewed(renewal(next, {}, { authenticated: true }), EPOCH + 1);
    login.done();
    load.loaded(record({}, EPOCH), EPOCH);
    load.done();
    expect([attributesOf(id), attributesOf(next)]).toEqual([undefined, undefined]);
  });
});

describe('a session that begins as one of Redis alone', () => {
  const fresh = { attributes: encoded({}), codec: 'json', maxInactiveInterval: 60, absoluteTimeout: 0 };

  it.each([{ authenticated: true }, { authenticated: false, kept: true }])(
    'leaves no copy of a guest under its id: %p',
    async (lasting) => {
      const shared = new MemoryStore({ now: () => now });
      const restore = (): never => {
        throw new Error('nothing is put back');
      };
      const guests = new GuestStore(Object.assign(shared, { restore }), copies);
      const id = freshId();
      await guests.create(id, { ...fresh, ...GUEST });
      expect(copies.has(id)).toBe(true);
      // Its copy there has expired.
      shared.forget(id);
      await guests.create(id, { ...fresh, ...lasting });
      expect(copies.has(id)).toBe(false);
      shared.forget(id);
      expect(await guests.load(id)).toMatchObject({ status: 'absent' });
    },
  );
});
