import { beforeEach, describe, expect, it } from '@jest/globals';
import { inspect } from 'node:util';
import { OperationQueue } from '../../../lib/core/operation-queue.js';
import { expiryOf, newTimes } from '../../../lib/core/times.js';
import { idOf, isSessionId, isToken, newToken, tagOf } from '../../../lib/core/token.js';
import { CoreFixture, seededRandom, type AnySession, type FakeBrowser } from './helpers.js';

const IDLE_MS = 1_800_000;

describe('the times of a session', () => {
  let fixture: CoreFixture;
  let browser: FakeBrowser;
  const timesOf = (session: AnySession): unknown =>
    [session.createdAt, session.lastAccessedAt, session.expiresAt].map((date) => date?.getTime());

  beforeEach(async () => {
    fixture = new CoreFixture();
    browser = fixture.browser();
    await browser.visit((session) => (session['a'] = 1));
  });

  it('are those of this request and the one before it', async () => {
    const created = fixture.clock.now();
    expect(await browser.visit(timesOf)).toEqual([created, created, created + IDLE_MS]);
    fixture.clock.advance(10);
    expect(await browser.visit(timesOf)).toEqual([created, created, created + 10_000 + IDLE_MS]);
    fixture.clock.advance(10);
    expect(await browser.visit(timesOf)).toEqual([created, created + 10_000, created + 20_000 + IDLE_MS]);
  });

  it('go on from the store with each write', async () => {
    const request = await browser.request();
    const before = request.session.expiresAt?.getTime() ?? 0;
    fixture.clock.advance(60);
    await request.session.save();
    expect(request.session.expiresAt?.getTime()).toBe(before + 60_000);
  });

  it('of a new session begin with it, without a store', async () => {
    const now = fixture.clock.now();
    expect(await fixture.browser().visit(timesOf)).toEqual([now, now, now + IDLE_MS]);
  });

  it.each([0, -1])('know no end with an idle life of %p, but the absolute one', async (seconds) => {
    expect(
      await browser.visit((session) => ((session.maxInactiveInterval = seconds), session.expiresAt)),
    ).toBe(undefined);
    const times = newTimes(1000, { maxInactiveInterval: seconds, absoluteTimeout: 60 });
    expect(expiryOf(times)?.getTime()).toBe(61_000);
  });

  it.each([Number.MAX_SAFE_INTEGER, 1e14])(
    'know no end that a Date cannot hold: after %d s',
    async (seconds) => {
      const expiresAt = await browser.visit((session) => {
        session.maxInactiveInterval = seconds;
        return session.expiresAt;
      });
      expect(expiresAt).toBe(undefined);
    },
  );

  it('end with what comes first', () => {
    const ends = (idle: number, absoluteTimeout: number): number | undefined =>
      expiryOf(newTimes(0, { maxInactiveInterval: idle, absoluteTimeout }))?.getTime();
    expect([ends(10, 20), ends(20, 10), ends(10, 0), ends(0, 0)]).toEqual([
      10_000,
      10_000,
      10_000,
      undefined,
    ]);
  });
});

describe('reload()', () => {
  let fixture: CoreFixture;
  let browser: FakeBrowser;
  beforeEach(async () => {
    fixture = new CoreFixture();
    browser = fixture.browser();
    await browser.visit((session) => Object.assign(session, { a: 1, b: 1 }));
  });

  it('drops what was not saved and shows what others have', async () => {
    const { session } = await browser.request();
    Object.assign(session, { a: 2, own: 1 });
    session.maxInactiveInterval = 5;
    await browser.visit((other) => Object.assign(other, { b: 3 }));
    await session.reload();
    expect({ ...session }).toEqual({ a: 1, b: 3 });
    expect(session.maxInactiveInterval).toBe(1800);
  });

  it('owes nothing afterwards', async () => {
    const request = await browser.request();
    request.session['a'] = 2;
    await request.session.reload();
    expect(request.managed.commit()).toBeUndefined();
  });

  it('empties a new session', async () => {
    const { session } = await fixture.browser().request();
    session['a'] = 1;
    await session.reload();
    expect(Object.keys(session)).toEqual([]);
  });

  it('of one that has ended is an error, and what follows is not brought back', async () => {
    const request = await browser.request();
    await browser.visit((session) => session.destroy());
    await expect(request.session.reload()).rejects.toMatchObject({ code: 'SESSION_GONE' });
    request.session['a'] = 2;
    expect(await request.answer()).toBeUndefined();
  });
});

describe('tokens and ids', () => {
  it('have the same shape and tag, and an id tells nothing of its token', () => {
    const token = newToken(seededRandom('a'));
    const id = idOf(token);
    expect([isToken(token), isSessionId(id), tagOf(id)]).toEqual([true, true, tagOf(token)]);
    expect(id.slice(4)).not.toBe(token.slice(4));
    expect(idOf(token)).toBe(id);
  });

  it('of a renewal keep the tag', () => {
    const token = newToken(seededRandom('a'));
    expect(tagOf(newToken(seededRandom('b'), tagOf(token)))).toBe(tagOf(token));
    expect(tagOf(newToken(seededRandom('b')))).not.toBe(tagOf(token));
  });

  it.each(['', 'x'.repeat(46), 'x'.repeat(48), `${'x'.repeat(46)}=`, `${'x'.repeat(46)}\n`])(
    'are not %p',
    (text) => expect([isToken(text), isSessionId(text)]).toEqual([false, false]),
  );

  it('of a new session are made when first asked for, and never where nobody asks', async () => {
    let draws = 0;
    const random = seededRandom('tokens');
    const fixture = new CoreFixture({
      environment: { random: (bytes) => ((draws += 1), random(bytes)) },
    });
    await fixture.browser().visit((session) => session['a']);
    expect(draws).toBe(0);
    await fixture.browser().visit((session) => session.id);
    expect(draws).toBe(2);
  });
});

describe('a session', () => {
  it('shows no value, and no token, to console.log and in text', async () => {
    const browser = new CoreFixture().browser();
    await browser.visit((session) => (session['card'] = '4711'));
    await browser.visit((session) => {
      for (const shown of [inspect(session), inspect(session, { showProxy: true })]) {
        expect(shown).toContain(`HttpSession ${JSON.stringify({ id: session.id, attributes: ['card'] })}`);
        expect(shown).not.toContain(browser.token);
      }
      expect(`${session as unknown as string}`).toBe('[object HttpSession]');
    });
  });

  it('is an object without a prototype, whose attributes may have any name', async () => {
    const browser = new CoreFixture().browser();
    await browser.visit((session) =>
      Object.assign(session, { constructor: 1, toString: 2, then: 3, toJSON: 4 }),
    );
    await browser.visit((session) => {
      expect(Object.getPrototypeOf(session)).toBeNull();
      expect(Object.keys(session)).toEqual(['constructor', 'toString', 'then', 'toJSON']);
      expect(JSON.parse(JSON.stringify(session))).toEqual({
        constructor: 1,
        toString: 2,
        then: 3,
        toJSON: 4,
      });
      expect('hasOwnProperty' in session).toBe(false);
      expect(Reflect.setPrototypeOf(session, {})).toBe(false);
      expect(Reflect.preventExtensions(session)).toBe(false);
    });
  });

  it('has methods that can be taken off it, and are the same each time', async () => {
    const browser = new CoreFixture().browser();
    await browser.visit(async (session) => {
      const taken: unknown = Reflect.get(session, 'authenticate');
      expect(Reflect.get(session, 'authenticate')).toBe(taken);
      await (taken as (principal: string) => Promise<void>)('ann');
      expect(session.principal).toBe('ann');
    });
  });

  it('tells how long ago its login was, for routes that ask for a recent one', async () => {
    const fixture = new CoreFixture();
    const browser = fixture.browser();
    expect((await browser.request()).managed.state.loginAgeMs).toBeUndefined();
    await browser.visit((session) => session.authenticate('ann'));
    fixture.clock.advance(90);
    expect((await browser.request()).managed.state.loginAgeMs).toBe(90_000);
  });
});

describe('operations of one session', () => {
  it('go one after the other, also after one that fails, and nobody need see that it did', async () => {
    const queue = new OperationQueue();
    const order: string[] = [];
    const run = (name: string, fails = false): Promise<void> =>
      queue.run(async () => {
        order.push(`${name} begins`);
        await Promise.resolve();
        order.push(`${name} ends`);
        if (fails) throw new Error(name);
      });
    void run('a', true);
    const b = run('b');
    expect(queue.busy).toBe(true);
    await b;
    await queue.idle();
    expect(queue.busy).toBe(false);
    expect(order).toEqual(['a begins', 'a ends', 'b begins', 'b ends']);
  });

  it('are waited for as of a moment, or until none is left', async () => {
    const queue = new OperationQueue();
    const ended: string[] = [];
    let goOn!: () => void;
    const held = new Promise<void>((resolve) => (goOn = resolve));
    void queue.run(async () => void ended.push('first'));
    const settled = queue.settled();
    void queue.run(() => held.then(() => void ended.push('second')));
    await settled;
    expect(ended).toEqual(['first']);
    goOn();
    await queue.idle();
    expect(ended).toEqual(['first', 'second']);
  });
});
