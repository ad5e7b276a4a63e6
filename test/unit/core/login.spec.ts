import { beforeEach, describe, expect, it } from '@jest/globals';
import { SessionFormatError, SessionStoreUnavailableError } from '../../../lib/core/errors.js';
import type { SessionStore } from '../../../lib/core/store.js';
import { UserSessions } from '../../../lib/core/user-sessions.js';
import { MemorySessionIndex } from '../../../lib/stores/memory-index.js';
import { MemoryStore } from '../../../lib/stores/memory-store.js';
import { CoreFixture, FakeClock, noting, overriding, type AnySession, type FakeBrowser } from './helpers.js';

let calls: string[];
let fixture: CoreFixture;
let browser: FakeBrowser;

beforeEach(() => {
  calls = [];
  fixture = new CoreFixture({ wrap: noting(calls) });
  browser = fixture.browser();
});

const who = (session: AnySession): unknown => session.principal;

describe('a login', () => {
  it('of somebody without a session is one write, and gives a cookie', async () => {
    await browser.visit((session) => session.authenticate('ann'));
    expect(calls).toEqual(['create']);
    expect(browser.token).toBeDefined();
    expect(await browser.visit(who)).toBe('ann');
  });

  it('of a guest is one write, with a new token and id, and the old ones open nothing', async () => {
    await browser.visit((session) => (session['cart'] = ['tea']));
    const guest = browser.clone();
    const before = await browser.visit((session) => session.id);
    calls.length = 0;
    await browser.visit((session) => session.authenticate('ann'));
    expect(calls).toEqual(['load', 'renew']);
    expect(browser.token).not.toBe(guest.token);
    expect(browser.token?.slice(0, 4)).toBe(guest.token?.slice(0, 4));
    expect(await browser.visit((session) => session.id)).not.toBe(before);
    expect(await guest.visit((session) => [who(session), { ...session }])).toEqual([undefined, {}]);
  });

  it('is in the store before its promise resolves, with what was assigned before it', async () => {
    const request = await browser.request();
    request.session['theme'] = 'dark';
    await request.session.authenticate('ann');
    const record = fixture.memory.peek(request.session.id as never);
    expect(record).toMatchObject({
      principal: 'ann',
      authenticated: true,
      authenticatedAt: fixture.clock.now(),
    });
    expect([...(record?.attributes.keys() ?? [])]).toEqual(['theme']);
  });

  it('keeps a number as text', async () => {
    await browser.visit((session) => session.authenticate(42));
    expect(await browser.visit(who)).toBe('42');
  });

  it.each(['x\ud800', '\udfff'])('of %j is refused: it would be stored as another one', async (principal) => {
    const request = await browser.request();
    await expect(request.session.authenticate(principal)).rejects.toMatchObject({
      code: 'SESSION_USAGE',
      message: expect.stringContaining('lone surrogate') as unknown,
    });
    expect(calls).toEqual([]);
  });

  it('tells when it was, by the clock of the store, until the next', async () => {
    await browser.visit((session) => session.authenticate('ann'));
    const at = fixture.clock.now();
    fixture.clock.advance(60);
    await browser.visit((session) => expect(session.authenticatedAt?.getTime()).toBe(at));
    await browser.visit((session) => session.authenticate('ann'));
    await browser.visit((session) => expect(session.authenticatedAt?.getTime()).toBe(at + 60_000));
  });

  it('begins the absolute timeout anew', async () => {
    fixture = new CoreFixture({ rules: { absoluteTimeout: 100, maxInactiveInterval: 1000 } });
    browser = fixture.browser();
    await browser.visit((session) => (session['a'] = 1));
    fixture.clock.advance(90);
    await browser.visit((session) => session.authenticate('ann'));
    fixture.clock.advance(90);
    expect(await browser.visit(who)).toBe('ann');
    fixture.clock.advance(11);
    expect(await browser.visit(who)).toBeUndefined();
  });

  it('and an id change are told as events, with public ids', async () => {
    const ids: string[] = [];
    const noted = (session: AnySession): unknown => ids.push(session.id);
    await browser.visit((session) => void (session['a'] = 1));
    await browser.visit(noted);
    await browser.visit((session) => session.authenticate('ann'));
    await browser.visit(noted);
    await browser.visit((session) => session.regenerateId());
    await browser.visit(noted);
    await browser.visit((session) => session.destroy());
    const [guest, ann, regenerated] = ids;
    expect(fixture.events).toEqual([
      { type: 'created', id: guest },
      { type: 'authenticated', id: ann, previousId: guest, principal: 'ann' },
      { type: 'regenerated', id: regenerated, previousId: ann },
      { type: 'destroyed', id: regenerated },
    ]);
  });

  it.each([
    ['the store is down', () => new SessionStoreUnavailableError('down')],
    ['the record is of a newer version', () => new SessionFormatError('newer')],
  ])('that fails because %s fails its response, though nobody awaited it', async (_why, failure) => {
    const failing = (store: SessionStore): SessionStore =>
      overriding(store, { create: () => Promise.reject(failure()) });
    const request = await new CoreFixture({ wrap: failing }).browser().request();
    request.session.authenticate('ann').catch(() => undefined);
    await expect(request.answer()).rejects.toThrow(failure().message);
    expect(request.session.principal).toBeUndefined();
  });

  it('that succeeds at the second try is a success', async () => {
    let fails = true;
    const failing = (store: SessionStore): SessionStore =>
      overriding(store, {
        create: (...args) => {
          if (!fails) return store.create(...args);
          fails = false;
          return Promise.reject(new SessionStoreUnavailableError('down'));
        },
      });
    browser = new CoreFixture({ wrap: failing }).browser();
    await browser.visit(async (session) => {
      await expect(session.authenticate('ann')).rejects.toThrow('down');
      await session.authenticate('ann');
    });
    expect(await browser.visit(who)).toBe('ann');
  });
});

describe('a login that is refused', () => {
  it('leaves who is logged in, as he was', async () => {
    const { now } = new FakeClock();
    const store = new MemoryStore({ maxSessions: 100, maxBytes: 1e7, tombstoneMs: 60_000, now });
    const users = new UserSessions({
      ...{ store, index: new MemorySessionIndex(now), now },
      rules: { maxSessionsPerUser: 1, sessionLimitPolicy: 'reject' },
      events: { emit: () => undefined },
      log: { debug: () => undefined },
    });
    fixture = new CoreFixture({ wrap: () => store, environment: { users, now } });
    await fixture.browser().visit((session) => session.authenticate('ann'));
    browser = fixture.browser();
    await browser.visit(async (session) => {
      await session.authenticate('bob');
      session.maxInactiveInterval = 86_400;
      session['cart'] = ['tea'];
    });
    for (const options of [{}, { keepAttributes: false }, { rememberFor: 600 }]) {
      const request = await browser.request();
      const { maxInactiveInterval } = request.session;
      expect(maxInactiveInterval).toBe(86_400);
      await expect(request.session.authenticate('ann', options)).rejects.toMatchObject({
        code: 'SESSION_COUNT',
      });
      expect(request.session.maxInactiveInterval).toBe(maxInactiveInterval);
      expect(request.session.cookieMaxAge).toBeUndefined();
      expect(await request.answer()).toBeUndefined();
      expect(
        await browser.visit((session) => [who(session), { ...session }, session.maxInactiveInterval]),
      ).toEqual(['bob', { cart: ['tea'] }, 86_400]);
    }
    await browser.visit(async (session) => {
      const login = session.authenticate('ann', { rememberFor: 600 });
      await Promise.resolve();
      session.maxInactiveInterval = 60;
      await expect(login).rejects.toMatchObject({ code: 'SESSION_COUNT' });
    });
    expect(await browser.visit((session) => session.maxInactiveInterval)).toBe(60);
  });
});

describe('a login that the store does not take', () => {
  it.each([
    ['somebody else', 'bob', {}],
    ['the same one, who keeps nothing', 'ann', { keepAttributes: false }],
  ])(
    'as %s leaves who is logged in, though the store still ends sessions',
    async (_whom, principal, options) => {
      let isFull = false;
      const refuse = (): Promise<never> => Promise.reject(new SessionStoreUnavailableError('It is full.'));
      fixture = new CoreFixture({
        wrap: (store) =>
          overriding(store, {
            create: (...args) => (isFull ? refuse() : store.create(...args)),
            save: (...args) => (isFull ? refuse() : store.save(...args)),
            renew: (...args) => (isFull ? refuse() : store.renew(...args)),
          }),
      });
      browser = fixture.browser();
      await browser.visit(async (session) => {
        await session.authenticate('ann');
        session['cart'] = ['tea'];
      });
      isFull = true;
      const request = await browser.request();
      await expect(request.session.authenticate(principal, options)).rejects.toThrow('full');
      await expect(request.answer()).rejects.toThrow('full');
      isFull = false;
      expect(await browser.visit((session) => [who(session), { ...session }])).toEqual([
        'ann',
        { cart: ['tea'] },
      ]);
    },
  );
});

describe("the application's own idea of who is logged in", () => {
  const told: boolean[] = [];
  const start = (): void => {
    told.length = 0;
    fixture = new CoreFixture({
      environment: { isAuthenticated: (session) => (session as AnySession)['user'] !== undefined },
      wrap: (store) =>
        overriding(store, {
          create: (id, session) => (told.push(session.authenticated), store.create(id, session)),
          save: (id, change) => (told.push(change.authenticated), store.save(id, change)),
          renew: (id, renewal) => (told.push(renewal.authenticated), store.renew(id, renewal)),
          compareAndSet: (...args) => (told.push(args[4]), store.compareAndSet(...args)),
        }),
    });
    browser = fixture.browser();
  };

  it('that is a promise is an error, and lets nobody in', async () => {
    for (const answer of [Promise.resolve(false), Promise.reject(new Error('no'))]) {
      fixture = new CoreFixture({ environment: { isAuthenticated: () => answer as never } });
      const request = await fixture.browser().request();
      expect(() => request.managed.isLoggedIn).toThrow('isAuthenticated of the module returned a promise');
    }
  });

  it('is asked at each write, whichever it is', async () => {
    start();
    await browser.visit((session) => (session['cart'] = 1));
    await browser.visit((session) => (session['cart'] = 2));
    await browser.visit((session) => session.update('cart', () => 3));
    await browser.visit((session) => session.regenerateId());
    expect(told).toEqual([false, false, false, false]);
    await browser.visit((session) => (session['user'] = 'ann'));
    await browser.visit((session) => session.update('cart', () => 4));
    await browser.visit((session) => session.regenerateId());
    expect(told.splice(4)).toEqual([true, true, true]);
  });

  it('counts for good once it was stored, and beside authenticate()', async () => {
    start();
    await browser.visit((session) => (session['user'] = 'ann'));
    await browser.visit((session) => delete session['user']);
    await fixture.browser().visit(async (session) => {
      await session.authenticate('bob');
      session['cart'] = 1;
    });
    expect(told).toEqual([true, true, true, true]);
  });

  it('is told of a login that the function of an update has made', async () => {
    start();
    await browser.visit((session) => (session['cart'] = 1));
    told.length = 0;
    await browser.visit((session) =>
      session.update('cart', async (cart) => {
        await session.authenticate('ann');
        return (cart as number) + 1;
      }),
    );
    expect(told).toEqual([true, true]);
    expect(await browser.visit((session) => [who(session), session['cart']])).toEqual(['ann', 2]);
  });
});

describe('an id change', () => {
  it('of a new session costs nothing, and what is stored later has the new id', async () => {
    const ids = await browser.visit(async (session) => {
      const before = session.id;
      await session.regenerateId();
      session['a'] = 1;
      return [before, session.id];
    });
    expect(calls).toEqual(['create']);
    expect(ids[0]).not.toBe(ids[1]);
    expect(await browser.visit((session) => session.id)).toBe(ids[1]);
  });

  it('of one that has ended meanwhile is an error, and gives no cookie', async () => {
    await browser.visit((session) => (session['a'] = 1));
    const request = await browser.request();
    await browser.visit((session) => session.destroy());
    await expect(request.session.regenerateId()).rejects.toMatchObject({
      code: 'SESSION_GONE',
      message: expect.stringMatching(/^Could not change its id: session \S+ was destroyed/) as unknown,
    });
    expect(await request.answer()).toBeUndefined();
  });
});
