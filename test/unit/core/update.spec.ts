import { beforeEach, describe, expect, it } from '@jest/globals';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { jsonCodec } from '../../../lib/codecs/json.js';
import { KeyedLock, MAX_TURN_MS } from '../../../lib/core/keyed-lock.js';
import { ManualTimer } from './manual-timer.js';
import { CoreFixture, overriding, type AnySession, type FakeBrowser } from './helpers.js';

const increment = (current: unknown): number => ((current as number | undefined) ?? 0) + 1;
const fail = (why: string): never => {
  throw new Error(why);
};
const never = (): Promise<never> => new Promise<never>(() => undefined);

/** Everything that can happen without time passing has happened. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn += 1) await nextTurn();
}

describe('update()', () => {
  let time: ManualTimer;
  let fixture: CoreFixture;
  let browser: FakeBrowser;
  /** The same session in one more request. */
  const another = async (): Promise<AnySession> => (await browser.request()).session;

  beforeEach(async () => {
    time = new ManualTimer();
    const { timer } = time;
    // The pauses of those who lost a race, long enough for the others to get on.
    const sleep = settle;
    fixture = new CoreFixture({ environment: { locks: new KeyedLock(timer), timer, sleep } });
    browser = fixture.browser();
    await browser.visit((session) => Object.assign(session, { a: 0, b: 0 }));
  });

  const stored = (): Promise<unknown> => browser.visit((session) => ({ ...session }));

  describe('inside the function of another', () => {
    it('of the same attribute is an error that says so, and the attribute goes on', async () => {
      const session = await another();
      const inside = session.update('a', async () => (await session.update('a', increment)) as number);
      await expect(inside).rejects.toMatchObject({
        code: 'SESSION_USAGE',
        message: expect.stringMatching(
          /update\(\) of attribute "a" was called inside the function of another/,
        ) as unknown,
      });
      expect(await session.update('a', increment)).toBe(1);
      expect(time.pending).toBe(0);
    });

    it('of the same attribute of the same session in another object is the same error', async () => {
      const [session, other] = [await another(), await another()];
      const inside = session.update('a', () => session.update('b', () => other.update('a', increment)));
      await expect(inside).rejects.toThrow('inside the function of another');
      expect(await stored()).toEqual({ a: 0, b: 0 });
    });

    it('of another attribute works', async () => {
      const session = await another();
      await session.update(
        'a',
        async (a) => increment(a) + ((await session.update('b', increment)) as number),
      );
      expect(await stored()).toEqual({ a: 2, b: 1 });
    });

    it('a in b against b in a: both end, without any time passing', async () => {
      const [one, two] = [await another(), await another()];
      const inTurn = async (session: AnySession, outer: string, inner: string): Promise<void> => {
        await session.update(outer, async (current) => {
          await settle();
          await session.update(inner, (value) => value);
          return increment(current);
        });
      };
      await Promise.all([inTurn(one, 'a', 'b'), inTurn(two, 'b', 'a')]);
      expect(await stored()).toEqual({ a: 1, b: 1 });
      expect(time.pending).toBe(0);
    });

    it('is not what a job is that was begun there and goes on afterwards', async () => {
      const session = await another();
      // Somebody is always under way.
      void session.update('b', never);
      let goOn!: () => void;
      const later = new Promise<void>((resolve) => (goOn = resolve));
      let job: Promise<unknown> | undefined;
      await session.update('a', (current) => {
        job = later.then(() => session.update('a', increment));
        return increment(current);
      });
      goOn();
      expect(await job).toBe(2);
    });
  });

  it('at the same time in one request are all counted', async () => {
    const session = await another();
    await Promise.all(Array.from({ length: 50 }, () => session.update('a', increment)));
    expect(await stored()).toEqual({ a: 50, b: 0 });
    expect(time.pending).toBe(0);
  });

  it('gives up after a hundred lost races, each from the bytes that won the one before', async () => {
    let winner = 0;
    const seen: unknown[] = [];
    fixture = new CoreFixture({
      wrap: (store) =>
        overriding(store, {
          compareAndSet: async () => ({ status: 'conflict', actual: Buffer.from(String((winner += 1))) }),
        }),
    });
    browser = fixture.browser();
    await browser.visit((session) => (session['a'] = 0));
    const { session } = await browser.request();
    await expect(session.update('a', (a) => seen.push(a))).rejects.toMatchObject({
      code: 'SESSION_UPDATE_CONFLICT',
      message: expect.stringMatching(/^update\(\) of attribute "a" lost 100 races in a row/) as unknown,
    });
    expect(seen).toEqual(Array.from({ length: 100 }, (_none, n) => n));
    expect(session['a']).toBe(0);
  });

  it('refuses what cannot be stored, and leaves what was there', async () => {
    const session = await another();
    await expect(session.update('a', () => ({ inner: () => 1 }))).rejects.toMatchObject({
      code: 'SESSION_UNSTORABLE_VALUE',
      path: '.inner',
      message: 'update() of attribute "a" returned what cannot be stored: a function at a.inner.',
    });
    expect(await stored()).toEqual({ a: 0, b: 0 });
  });

  describe('of what could not be assigned either is refused, and nothing is called or stored', () => {
    it.each<[unknown, string, RegExp]>([
      ['id', 'SESSION_RESERVED_MEMBER', /'id' is a member of HttpSession/],
      ['save', 'SESSION_RESERVED_MEMBER', /'save' is a member of HttpSession/],
      ['now', 'SESSION_USAGE', /"now" asks for a save where it is assigned and is never stored/],
      ['dirty', 'SESSION_USAGE', /"dirty" asks for a save where it is assigned and is never stored/],
      ['k\ud800', 'SESSION_UNSTORABLE_VALUE', /its name holds a lone surrogate/],
      [5, 'SESSION_USAGE', /takes the name of an attribute, a string, first/],
      [undefined, 'SESSION_USAGE', /takes the name of an attribute, a string, first/],
      [Symbol('a'), 'SESSION_USAGE', /takes the name of an attribute, a string, first/],
    ])('%p', async (name, code, message) => {
      const rules = { manualDirtyAttribute: 'dirty', persistOnDemandAttribute: 'now' };
      browser = new CoreFixture({ rules }).browser();
      await browser.visit((session) => (session['a'] = 0));
      const session = await another();
      const refused = session.update(name as string, () => fail('called'));
      await expect(refused).rejects.toMatchObject({
        code,
        message: expect.stringMatching(message) as unknown,
      });
      expect(await stored()).toEqual({ a: 0 });
    });

    it('nor is what is no function', async () => {
      const session = await another();
      const refused = session.update('a', 5 as never);
      await expect(refused).rejects.toThrow('update() of attribute "a" takes a function second');
    });
  });

  it.each<[string, (session: AnySession) => unknown, object]>([
    ['set', (session) => (session['a'] = 100), { a: 100, b: 0 }],
    ['set to what it was', (session) => (session['a'] = 0), { a: 0, b: 0 }],
    ['deleted', (session) => delete session['a'], { b: 0 }],
  ])('of an attribute that is %s meanwhile: that comes last', async (_what, change, expected) => {
    const session = await another();
    await browser.visit(async (session) => {
      await session.update('a', async (a) => {
        await settle();
        change(session);
        return increment(a);
      });
    });
    expect(await stored()).toEqual(expected);
    expect(session['a']).toBe(0);
  });

  it('of an attribute that was set before it starts from that', async () => {
    await browser.visit(async (session) => {
      session['a'] = 100;
      expect(await session.update('a', increment)).toBe(101);
    });
    expect(await stored()).toEqual({ a: 101, b: 0 });
  });

  describe('of an attribute whose object the handler still holds', () => {
    type List = unknown[];
    const add = (list: unknown): List => [...(list as List), 'u'];
    const told = (): string[] => fixture.lines.filter((line) => line.startsWith('warn'));
    const inVain = [
      expect.stringMatching(
        /attribute "a" was changed inside an object that update\(\) has replaced: .* is not stored\. Read the attribute again/,
      ),
    ];

    beforeEach(() => browser.visit((session) => (session['a'] = ['a'])));

    it.each<[string, (session: AnySession, held: List) => unknown, unknown[]]>([
      [
        'while it is under way',
        (session, held) =>
          session.update('a', async (list) => {
            await settle();
            held.push('lost');
            return add(list);
          }),
        ['a', 'u'],
      ],
      [
        'afterwards',
        async (session, held) => {
          await session.update('a', add);
          held.push('lost');
        },
        ['a', 'u'],
      ],
      [
        'deep inside, with what cannot be stored',
        async (session, held) => {
          await session.update('a', add);
          held[0] = () => 1;
        },
        ['a', 'u'],
      ],
      [
        'after many more updates',
        async (session, held) => {
          for (let n = 0; n < 9; n += 1) await session.update('a', () => [n]);
          held.push('lost');
        },
        [8],
      ],
      [
        'which the update before the last had left',
        async (session) => {
          for (let n = 0; n < 9; n += 1) await session.update('a', () => [n]);
          const left = session['a'] as List;
          await session.update('a', add);
          left.push('lost');
        },
        [8, 'u'],
      ],
      [
        'and it has removed the attribute',
        async (session, held) => {
          await session.update('a', () => undefined);
          held.push('lost');
        },
        undefined as never,
      ],
    ])('a change inside it %s is told, and not stored', async (_when, use, expected) => {
      await browser.visit((session) => use(session, session['a'] as List));
      expect(told()).toEqual(inVain);
      expect(await browser.visit((session) => session['a'])).toEqual(expected);
    });

    it.each<[string, (session: AnySession, held: List) => unknown, unknown[]]>([
      ['nothing is changed', (session) => session.update('a', add), ['a', 'u']],
      [
        'the change came before',
        async (session, held) => {
          held.push('x');
          await session.update('a', add);
        },
        ['a', 'x', 'u'],
      ],
      [
        'the change is taken back',
        async (session, held) => {
          await session.update('a', add);
          held.push('x');
          held.pop();
        },
        ['a', 'u'],
      ],
      [
        'the function changes and returns it',
        async (session, held) => {
          await session.update('a', () => (held.push('x'), held));
          held.push('y');
        },
        ['a', 'x', 'y'],
      ],
      [
        'the function changes it and returns a copy',
        (session, held) => session.update('a', () => (held.push('x'), [...held])),
        ['a', 'x'],
      ],
      [
        'it is assigned afterwards',
        async (session, held) => {
          await session.update('a', add);
          held.push('x');
          session['a'] = held;
        },
        ['a', 'x'],
      ],
      [
        'it is put back by another update',
        async (session, held) => {
          await session.update('a', add);
          await session.update('a', () => held);
          held.push('x');
        },
        ['a', 'x'],
      ],
      [
        'what update() has left is changed',
        async (session) => {
          const left = (await session.update('a', add)) as List;
          left.push('x');
          (session['a'] as List).push('y');
        },
        ['a', 'u', 'x', 'y'],
      ],
      [
        'all is loaded anew',
        async (session, held) => {
          await session.update('a', add);
          held.push('x');
          await session.reload();
        },
        ['a', 'u'],
      ],
    ])('no word of it where %s', async (_when, use, expected) => {
      await browser.visit((session) => use(session, session['a'] as List));
      expect(await browser.visit((session) => session['a'])).toEqual(expected);
      expect(told()).toEqual([]);
    });

    it('encodes nothing more for attributes that were not updated', async () => {
      const encoded: unknown[] = [];
      const codec = {
        ...jsonCodec,
        encode: (value: unknown) => (encoded.push(value), jsonCodec.encode(value)),
      };
      fixture = new CoreFixture({ environment: { codec, codecByName: () => codec } });
      browser = fixture.browser();
      await browser.visit((session) => Object.assign(session, { a: ['a'], b: ['b'], n: 1 }));
      await browser.visit(async (session) => {
        const { a, b } = session;
        await session.update('n', (n) => (n as number) + 1);
        encoded.length = 0;
        expect([a, b]).toEqual([['a'], ['b']]);
      });
      expect(encoded).toEqual([['a'], ['b']]);
    });
  });

  describe('of a new session', () => {
    beforeEach(() => {
      browser = fixture.browser();
    });

    it('stores what the function returned', async () => {
      await browser.visit(async (session) => expect(await session.update('a', increment)).toBe(1));
      expect(await stored()).toEqual({ a: 1 });
    });

    it('refuses what cannot be stored, and begins none', async () => {
      const request = await browser.request();
      await expect(request.session.update('a', () => () => 1)).rejects.toMatchObject({
        code: 'SESSION_UNSTORABLE_VALUE',
      });
      expect(await request.answer()).toBeUndefined();
    });

    it('of an attribute that is set meanwhile: that comes last', async () => {
      await browser.visit((session) =>
        session.update('a', async (a) => {
          await settle();
          session['a'] = 100;
          return increment(a);
        }),
      );
      expect(await stored()).toEqual({ a: 100 });
    });
  });

  describe('with a function that never settles', () => {
    it('keeps others waiting for 5 s at most, all of them, and then nobody', async () => {
      expect(MAX_TURN_MS).toBe(5000);
      void (await another()).update('a', never);
      const others = await Promise.all([another(), another(), another()]);
      let done = 0;
      const updates = others.map((other) => other.update('a', increment).finally(() => (done += 1)));
      await settle();
      time.advance(MAX_TURN_MS - 1);
      await settle();
      expect(done).toBe(0);
      time.advance(1);
      expect((await Promise.all(updates)).sort()).toEqual([1, 2, 3]);
      expect(await (await another()).update('a', increment)).toBe(4);
    });

    it('lets those after it wait as long as turns come to an end', async () => {
      const turns: (() => void)[] = [];
      const slow = (current: unknown): Promise<number> =>
        new Promise((resolve) => turns.push(() => resolve(increment(current))));
      const session = await another();
      const all = Array.from({ length: 4 }, () => session.update('a', slow));
      for (let turn = 1; turn <= 4; turn += 1) {
        await settle();
        expect(turns).toHaveLength(turn);
        time.advance(MAX_TURN_MS - 1);
        turns.at(-1)?.();
      }
      expect(await Promise.all(all)).toEqual([1, 2, 3, 4]);
    });

    it('fails after 30 s, so that its response does not wait for ever', async () => {
      const request = await browser.request();
      const update = request.session.update('a', never);
      const answer = request.answer();
      await settle();
      time.advance(30_000);
      await expect(update).rejects.toThrow('did not settle within 30 s; nothing was written');
      await answer;
      expect(time.pending).toBe(0);
    });

    it('does so in a new session too', async () => {
      const session = (await fixture.browser().request()).session;
      const update = session.update('a', never);
      await settle();
      time.advance(30_000);
      await expect(update).rejects.toThrow('did not settle within 30 s');
    });
  });

  describe('of an attribute whose bytes are damaged', () => {
    const damage = async (session: AnySession): Promise<void> => {
      const change = { set: new Map([['a', Buffer.from([0xff])]]), remove: [], authenticated: false };
      await fixture.store.save(session.id as never, change);
    };

    it.each<[string, (session: AnySession) => unknown]>([
      ['that was not read before', () => undefined],
      ['that was read before', (session) => session['a']],
      ['that is read only then', (session) => session['b']],
    ])('%s heals it, with a warning', async (_what, use) => {
      await browser.visit(damage);
      await browser.visit(async (session) => {
        use(session);
        expect(await session.update('a', increment)).toBe(1);
        expect(session['a']).toBe(1);
      });
      expect(await stored()).toEqual({ a: 1, b: 0 });
      const told = fixture.lines.filter((line) => line.startsWith('warn'));
      expect(told).toEqual([
        expect.stringMatching(
          /attribute "a" is left out: its stored bytes cannot be decoded by the json codec\.$/,
        ),
      ]);
    });

    it('which another request damages meanwhile heals it', async () => {
      await browser.visit(async (session) => {
        await damage(session);
        expect(await session.update('a', increment)).toBe(1);
      });
      expect(await stored()).toEqual({ a: 1, b: 0 });
    });
  });
});
