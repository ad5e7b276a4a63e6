import { describe, expect, it } from '@jest/globals';
import { SessionDestroyedError, SessionStoreUnavailableError } from '../../../lib/core/errors.js';
import { CoreFixture, overriding, type AnySession, type FakeBrowser } from './helpers.js';

const DOWN = new SessionStoreUnavailableError('The store is down.');

async function loggedIn(fixture: CoreFixture): Promise<FakeBrowser> {
  const browser = fixture.browser();
  await browser.visit(async (session) => {
    session['cart'] = ['tea'];
    session.maxInactiveInterval = 86_400;
    await session.authenticate('ann');
  });
  return browser;
}

const look = (session: AnySession): unknown => [session.principal, { ...session }];

/** A store that refuses the first so many ends. */
const failingEnds = (failures: number): CoreFixture =>
  new CoreFixture({
    wrap: (store) => {
      let left = failures;
      return overriding(store, {
        destroy: (id) => ((left -= 1) >= 0 ? Promise.reject(DOWN) : store.destroy(id)),
      });
    },
  });

describe('after destroy() the same request', () => {
  it('has a new, empty session', async () => {
    const fixture = new CoreFixture();
    const browser = await loggedIn(fixture);
    fixture.clock.advance(100);
    await browser.visit(async (session) => {
      const before = session.id;
      await session.destroy();
      expect(look(session)).toEqual([undefined, {}]);
      expect(session.id).not.toBe(before);
      expect([session.isNew, session.maxInactiveInterval, session.authenticatedAt]).toEqual([
        true,
        1800,
        undefined,
      ]);
      expect(session.createdAt.getTime()).toBe(fixture.clock.now());
    });
  });

  it('that begins nothing clears the cookie and stores nothing', async () => {
    const fixture = new CoreFixture();
    const browser = await loggedIn(fixture);
    const request = await browser.request();
    await request.session.destroy();
    expect(await request.answer()).toEqual({ action: 'clear' });
    expect(fixture.events.filter(({ type }) => type === 'created')).toHaveLength(1);
  });

  it.each<[string, (session: AnySession) => unknown]>([
    ['write', (session) => (session['flash'] = 'bye')],
    [
      'save at once',
      async (session) => {
        session['flash'] = 'bye';
        await session.save();
      },
    ],
    ['update', (session) => session.update('flash', () => 'bye')],
    [
      'change its id again',
      async (session) => {
        session['flash'] = 'bye';
        await session.regenerateId();
      },
    ],
  ])('may %s: the cookie is that of the new session', async (_what, use) => {
    const fixture = new CoreFixture();
    const browser = await loggedIn(fixture);
    const old = browser.clone();
    await browser.visit(async (session) => {
      await session.destroy();
      await use(session);
    });
    expect(browser.token).not.toBe(old.token);
    expect(await browser.visit(look)).toEqual([undefined, { flash: 'bye' }]);
    expect(await old.visit(look)).toEqual([undefined, {}]);
  });

  it('may log in as somebody else', async () => {
    const fixture = new CoreFixture();
    const browser = await loggedIn(fixture);
    await browser.visit(async (session) => {
      await session.destroy();
      await session.authenticate('bob');
    });
    expect(await browser.visit(look)).toEqual(['bob', {}]);
  });

  it('may give out a CSRF token of the new session', async () => {
    const fixture = new CoreFixture();
    const browser = await loggedIn(fixture);
    const csrf = await browser.visit(async (session) => {
      await session.destroy();
      return session.csrfToken();
    });
    expect((await browser.request()).managed.isCsrfToken(csrf)).toBe(true);
  });

  it.each([false, true])('need not await it to write (a save at each change: %p)', async (saveOnChange) => {
    const fixture = new CoreFixture({ rules: { saveOnChange } });
    const browser = await loggedIn(fixture);
    const old = browser.clone();
    await browser.visit((session) => {
      session['cart'] = ['late'];
      void session.destroy();
      session['flash'] = 'bye';
    });
    expect(await browser.visit(look)).toEqual([undefined, { flash: 'bye' }]);
    expect(await old.visit(look)).toEqual([undefined, {}]);
  });

  it('is told to await it where it has to wait for what was begun before', async () => {
    const fixture = new CoreFixture();
    const browser = await loggedIn(fixture);
    await browser.visit((session) => {
      session['cart'] = ['late'];
      void session.save();
      void session.destroy();
      expect(() => (session['flash'] = 'bye')).toThrow(SessionDestroyedError);
      expect(() => delete session['flash']).toThrow(/Await destroy\(\)/);
    });
    expect(browser.token).toBeUndefined();
  });

  it('may end what it has begun, as often as it likes', async () => {
    const fixture = new CoreFixture();
    const browser = await loggedIn(fixture);
    const request = await browser.request();
    await request.session.destroy();
    request.session['flash'] = 'bye';
    await request.session.save();
    await request.session.destroy();
    await request.session.destroy();
    expect(await request.answer()).toEqual({ action: 'clear' });
    expect(fixture.events.filter(({ type }) => type === 'destroyed')).toHaveLength(2);
  });
});

describe('an end that the store refuses', () => {
  it('is an error of the response, without a cookie, whatever was written after it', async () => {
    const fixture = failingEnds(2);
    const browser = await loggedIn(fixture);
    const request = await browser.request();
    await expect(request.session.destroy()).rejects.toBe(DOWN);
    request.session['flash'] = 'bye';
    await expect(request.answer()).rejects.toBe(DOWN);
    expect(request.managed.state.cookie).toBeUndefined();
    expect(await browser.visit(look)).toEqual(['ann', { cart: ['tea'] }]);
  });

  it('is not tried again behind the back of an application that tells its user so', async () => {
    const fixture = failingEnds(1);
    const browser = await loggedIn(fixture);
    const request = await browser.request();
    await expect(request.session.destroy()).rejects.toBe(DOWN);
    await expect(request.answer()).rejects.toBe(DOWN);
    expect(await browser.visit(look)).toEqual(['ann', { cart: ['tea'] }]);
  });

  it('is an error of the response also where nobody waited for it', async () => {
    const fixture = failingEnds(1);
    const browser = await loggedIn(fixture);
    const request = await browser.request();
    void request.session.destroy().catch(() => undefined);
    request.session['flash'] = 'bye';
    await expect(request.answer()).rejects.toBe(DOWN);
    expect(await browser.visit(look)).toEqual(['ann', { cart: ['tea'] }]);
  });

  it('is an error of the response also where a login followed it', async () => {
    const fixture = failingEnds(1);
    const browser = await loggedIn(fixture);
    const request = await browser.request();
    await expect(request.session.destroy()).rejects.toBe(DOWN);
    await request.session.authenticate('bob');
    await expect(request.answer()).rejects.toBe(DOWN);
  });

  it('is tried again by the next call', async () => {
    const fixture = failingEnds(1);
    const browser = await loggedIn(fixture);
    const old = browser.clone();
    await browser.visit(async (session) => {
      await expect(session.destroy()).rejects.toBe(DOWN);
      await session.destroy();
      session['flash'] = 'bye';
    });
    expect(await browser.visit(look)).toEqual([undefined, { flash: 'bye' }]);
    expect(await old.visit(look)).toEqual([undefined, {}]);
  });
});

it('outside a request nothing can begin after destroy()', async () => {
  const fixture = new CoreFixture();
  const browser = await loggedIn(fixture);
  const id = await browser.visit((session) => session.id);
  const opened = await fixture.manager.openById(id);
  const session = opened?.httpSession as AnySession;
  await session.destroy();
  expect(look(session)).toEqual([undefined, {}]);
  expect(() => (session['flash'] = 'bye')).toThrow(SessionDestroyedError);
  expect(() => delete session['flash']).toThrow(SessionDestroyedError);
  await expect(session.save()).rejects.toThrow(SessionDestroyedError);
  await expect(session.update('flash', () => 1)).rejects.toThrow(SessionDestroyedError);
  await expect(session.destroy()).resolves.toBeUndefined();
});

describe('an end of a session that is not there any more', () => {
  const confirming = (confirmEnds: () => Promise<void>): CoreFixture =>
    new CoreFixture({ environment: { confirmEnds } });

  it('is confirmed all the same: it may be the second try of a logout that was not', async () => {
    const fixture = confirming(() => Promise.reject(new SessionStoreUnavailableError('not confirmed')));
    const browser = await loggedIn(fixture);
    const again = browser.clone();
    await browser.visit((session) => session.destroy());
    await expect(again.visit((session) => session.destroy())).rejects.toThrow('not confirmed');
  });

  it('is nothing to confirm for who came without a token', async () => {
    let confirmed = 0;
    const fixture = confirming(async () => void (confirmed += 1));
    await fixture.browser().visit((session) => session.destroy());
    expect(confirmed).toBe(0);
  });
});
