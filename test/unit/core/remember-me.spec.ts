import { describe, expect, it } from '@jest/globals';
import { SessionStoreUnavailableError, SessionUsageError } from '../../../lib/core/errors.js';
import { Gate } from '../../e2e/helpers/gate.js';
import { CoreFixture, overriding, type AnySession, type FakeBrowser } from './helpers.js';

const DAY = 86_400;
const configured = (cookieMaxAge: number | undefined): { rules: { cookieMaxAge: number | undefined } } => ({
  rules: { cookieMaxAge },
});

async function withCart(fixture: CoreFixture): Promise<FakeBrowser> {
  const browser = fixture.browser();
  await browser.visit((session) => (session['cart'] = ['tea']));
  return browser;
}

/** What the answer to a request says of the cookie's life: seconds, or 'session', or 'not sent'. */
async function sent(browser: FakeBrowser, use: (session: AnySession) => unknown = () => 0): Promise<unknown> {
  const request = await browser.request();
  await use(request.session);
  const { token } = browser;
  const cookie = await request.answer();
  if (cookie?.action !== 'set') return 'not sent';
  if (request.session.isNew || cookie.token === token) return cookie.maxAge ?? 'session';
  return `${cookie.maxAge ?? 'session'}, with a new token`;
}

describe('a cookie with a life of its own', () => {
  it('is sent again on use, at most once per tenth of it, so that an active user keeps it', async () => {
    const fixture = new CoreFixture({ rules: { cookieMaxAge: 1000, maxInactiveInterval: 1000 } });
    const browser = fixture.browser();
    expect(await sent(browser, (session) => (session['a'] = 1))).toBe(1000);
    const seen: unknown[] = [];
    for (let i = 0; i < 40; i += 1) {
      fixture.clock.advance(25);
      seen.push(await sent(browser, (session) => session['a']));
    }
    const often = seen.filter((maxAge) => maxAge === 1000).length;
    expect(often).toBe(10);
    expect(seen.slice(0, 4)).toEqual(['not sent', 'not sent', 'not sent', 1000]);
  });

  it('is sent with the write of its request, where there is one', async () => {
    const fixture = new CoreFixture(configured(1000));
    const browser = await withCart(fixture);
    fixture.clock.advance(100);
    expect(await sent(browser, (session) => (session['a'] = 1))).toBe(1000);
    expect(await sent(browser, (session) => (session['a'] = 2))).toBe('not sent');
  });

  it('is sent after a change of the setting, once', async () => {
    const fixture = new CoreFixture();
    const browser = await withCart(fixture);
    expect(await sent(browser)).toBe('not sent');
    const later = new CoreFixture({ ...configured(1000), wrap: () => fixture.memory });
    const sameBrowser = later.browser();
    sameBrowser.token = browser.token;
    expect(await sent(sameBrowser)).toBe(1000);
    expect(await sent(sameBrowser)).toBe('not sent');
  });

  it('is not sent where nobody says how long, nor when the headers have left, nor by who has an old token', async () => {
    const fixture = new CoreFixture();
    const browser = await withCart(fixture);
    fixture.clock.advance(1000);
    expect(await sent(browser)).toBe('not sent');
    const limited = new CoreFixture(configured(1000));
    const other = await withCart(limited);
    limited.clock.advance(500);
    const request = await other.request();
    request.client.headersSent = true;
    expect(await request.answer()).toBeUndefined();
    const old = other.clone();
    await other.visit((session) => session.regenerateId({ graceSeconds: 300 }));
    limited.clock.advance(200);
    expect(await sent(old)).toBe('not sent');
    expect(await sent(other)).toBe(1000);
  });

  it('is not sent, and the request served, where the store cannot note it: reads outlive writes', async () => {
    let down = false;
    const refused = (): Promise<never> => Promise.reject(new SessionStoreUnavailableError('It is full.'));
    const fixture = new CoreFixture({
      ...configured(1000),
      wrap: (store) => overriding(store, { save: (...args) => (down ? refused() : store.save(...args)) }),
    });
    const browser = await withCart(fixture);
    fixture.clock.advance(100);
    down = true;
    expect(await sent(browser)).toBe('not sent');
    down = false;
    expect(await sent(browser)).toBe(1000);
  });

  it.each<[string, (session: AnySession) => unknown]>([
    ['reads', (session) => session['cart']],
    ['writes', (session) => (session['late'] = 1)],
    ['changes its life', (session) => (session.cookieMaxAge = 2000)],
    [
      'changes its life and saves',
      (session) => ((session.cookieMaxAge = 2000), session.save().catch(() => 0)),
    ],
  ])(
    'is not sent by a request that %s while a login or an id change gives another token',
    async (_what, use) => {
      for (const change of ['authenticate', 'regenerateId'] as const) {
        const fixture = new CoreFixture(configured(1000));
        const browser = await withCart(fixture);
        fixture.clock.advance(500);
        const slow = await browser.request();
        await browser.visit((session) =>
          change === 'authenticate' ? session.authenticate('ann') : session.regenerateId(),
        );
        await use(slow.session);
        expect(await slow.answer()).toBeUndefined();
      }
    },
  );

  it('that a save in the middle of a request has noted is sent at its end, if it is still the right one', async () => {
    const fixture = new CoreFixture();
    const browser = await withCart(fixture);
    const old = browser.clone();
    const early = async (session: AnySession): Promise<void> => {
      session.cookieMaxAge = 2000;
      await session.save();
    };
    expect(await sent(browser, early)).toBe(2000);
    const slow = await old.request();
    slow.session.cookieMaxAge = 3000;
    await slow.session.save();
    await browser.visit((session) => session.authenticate('ann'));
    expect(await slow.answer()).toBeUndefined();
    expect(await browser.visit((session) => session.principal)).toBe('ann');
  });

  it('is the one of the last life that was set while a save was under way', async () => {
    const gate = new Gate();
    const fixture = new CoreFixture({
      wrap: (store) =>
        overriding(store, {
          save: async (...args) => {
            const outcome = await store.save(...args);
            await gate.pass();
            return outcome;
          },
        }),
    });
    const browser = await withCart(fixture);
    const request = await browser.request();
    request.session.cookieMaxAge = 100;
    request.session.maxInactiveInterval = 100;
    const saving = request.session.save();
    await gate.arrivals(1);
    request.session.cookieMaxAge = 200;
    request.session.maxInactiveInterval = 200;
    gate.open();
    await saving;
    expect(await request.answer()).toMatchObject({ maxAge: 200 });
    await browser.visit((session) => {
      expect([session.cookieMaxAge, session.maxInactiveInterval]).toEqual([200, 200]);
    });
  });
});

describe('cookieMaxAge', () => {
  it('is as the setting says unless the session has its own, which is kept with it', async () => {
    const fixture = new CoreFixture(configured(1000));
    const browser = await withCart(fixture);
    expect(await browser.visit((session) => session.cookieMaxAge)).toBeUndefined();
    expect(await sent(browser, (session) => (session.cookieMaxAge = DAY))).toBe(DAY);
    expect(await sent(browser, (session) => expect(session.cookieMaxAge).toBe(DAY))).toBe('not sent');
    fixture.clock.advance(1000);
    expect(await sent(browser, (session) => (session['a'] = 1))).toBe('not sent');
    expect(await sent(browser, (session) => (session.cookieMaxAge = undefined))).toBe(1000);
    expect(await browser.visit((session) => session.cookieMaxAge)).toBeUndefined();
  });

  it('of a new session goes with its first cookie, and through id changes and the login of a guest', async () => {
    const fixture = new CoreFixture();
    const browser = fixture.browser();
    const first = await sent(browser, (session) => {
      session.cookieMaxAge = DAY;
      session['cart'] = ['tea'];
    });
    expect(first).toBe(DAY);
    expect(await sent(browser, (session) => session.regenerateId())).toBe(`${DAY}, with a new token`);
    expect(await sent(browser, (session) => session.authenticate('ann'))).toBe(`${DAY}, with a new token`);
    expect(await browser.visit((session) => session.cookieMaxAge)).toBe(DAY);
  });

  it('that is changed outside a request is sent with the next use', async () => {
    const fixture = new CoreFixture();
    const browser = await withCart(fixture);
    const id = await browser.visit((session) => session.id);
    const opened = await fixture.manager.openById(id);
    const session = opened?.httpSession as AnySession;
    session.cookieMaxAge = DAY;
    await session.save();
    expect(await sent(browser)).toBe(DAY);
    expect(await sent(browser)).toBe('not sent');
  });

  it('alone makes no session of a new, empty one', async () => {
    const fixture = new CoreFixture();
    const browser = fixture.browser();
    expect(await sent(browser, (session) => (session.cookieMaxAge = DAY))).toBe('not sent');
    expect(fixture.memory.size).toBe(0);
  });

  it.each([0, -1, 1.5, 34_560_001, Infinity, '60', null])('refuses %p', async (value) => {
    const browser = await withCart(new CoreFixture());
    await browser.visit((session) => {
      expect(() => (session.cookieMaxAge = value as number)).toThrow(SessionUsageError);
    });
  });
});

describe('authenticate({ rememberFor })', () => {
  it('lets the session and its cookie last that long', async () => {
    const fixture = new CoreFixture(configured(1000));
    const browser = await withCart(fixture);
    const login = (session: AnySession): unknown => session.authenticate('ann', { rememberFor: 30 * DAY });
    expect(await sent(browser, login)).toBe(`${30 * DAY}, with a new token`);
    fixture.clock.advance(29 * DAY);
    const see = (session: AnySession): unknown => {
      expect([session.principal, session['cart']]).toEqual(['ann', ['tea']]);
      expect([session.maxInactiveInterval, session.cookieMaxAge]).toEqual([30 * DAY, 30 * DAY]);
      return undefined;
    };
    expect(await sent(browser, see)).toBe(30 * DAY);
    fixture.clock.advance(29 * DAY);
    expect(await browser.visit((session) => session.principal)).toBe('ann');
    fixture.clock.advance(31 * DAY);
    expect(await browser.visit((session) => session.principal)).toBeUndefined();
  });

  it('works without a session before it, and asks no browser for more than 400 days', async () => {
    const fixture = new CoreFixture();
    const browser = fixture.browser();
    const login = (session: AnySession): unknown => session.authenticate('ann', { rememberFor: 1000 * DAY });
    expect(await sent(browser, login)).toBe(400 * DAY);
    expect(await browser.visit((session) => session.maxInactiveInterval)).toBe(1000 * DAY);
  });

  it('is not handed on to somebody else, nor to who comes after a logout', async () => {
    const fixture = new CoreFixture(configured(1000));
    const browser = fixture.browser();
    const remembered = (session: AnySession): unknown => session.authenticate('ann', { rememberFor: DAY });
    const limits = (session: AnySession): unknown => [session.maxInactiveInterval, session.cookieMaxAge];
    for (const options of [{}, { keepAttributes: true }]) {
      await browser.visit(remembered);
      await browser.visit((session) => session.authenticate('bob', options));
      expect(await browser.visit(limits)).toEqual([1800, undefined]);
    }
    await browser.visit(remembered);
    await browser.visit(async (session) => {
      await session.destroy();
      session['flash'] = 'bye';
    });
    expect(await browser.visit(limits)).toEqual([1800, undefined]);
    await browser.visit(remembered);
    await browser.visit((session) => session.authenticate('ann'));
    expect(await browser.visit(limits)).toEqual([DAY, DAY]);
  });

  it.each([0, -1, 1.5, Infinity, '60', null, true])('refuses %p', async (rememberFor) => {
    const browser = await withCart(new CoreFixture());
    await browser.visit(async (session) => {
      const options = { rememberFor: rememberFor as number };
      await expect(session.authenticate('ann', options)).rejects.toThrow(/rememberFor/);
    });
  });
});
