import { describe, expect, it } from '@jest/globals';
import { CoreFixture, type AnySession, type FakeBrowser } from './helpers.js';

/** What a request sees of its session. */
function look(session: AnySession): unknown {
  return { principal: session.principal, attributes: { ...session } };
}

describe('a login over the live session of somebody else', () => {
  const annsBrowser = async (fixture: CoreFixture): Promise<FakeBrowser> => {
    const browser = fixture.browser();
    await browser.visit(async (session) => {
      await session.authenticate('ann');
      session['card'] = '4711';
      session['inner'] = { list: ['hers'] };
    });
    return browser;
  };

  it('hands on none of the attributes that were stored, read, or changed inside', async () => {
    const fixture = new CoreFixture();
    const browser = await annsBrowser(fixture);
    await browser.visit(async (session) => {
      (session['inner'] as { list: string[] }).list.push(String(session['card']));
      await session.authenticate('bob');
      expect(look(session)).toEqual({ principal: 'bob', attributes: {} });
    });
    expect(await browser.visit(look)).toEqual({ principal: 'bob', attributes: {} });
  });

  it('hands on none that another request stores while it is under way', async () => {
    const fixture = new CoreFixture();
    const browser = await annsBrowser(fixture);
    const login = await browser.request();
    await browser.visit((session) => (session['late'] = 'hers'));
    await login.session.authenticate('bob');
    await login.answer();
    expect(await browser.visit(look)).toEqual({ principal: 'bob', attributes: {} });
  });

  it.each([
    ['before', false],
    ['before it, and saved at once,', true],
  ])('keeps what its own request assigned %s', async (_when, saveOnChange) => {
    const fixture = new CoreFixture({ rules: { saveOnChange } });
    const browser = await annsBrowser(fixture);
    await browser.visit(async (session) => {
      session['card'] = 'his';
      await Promise.resolve();
      await Promise.resolve();
      if (saveOnChange) await session.save();
      await session.authenticate('bob');
      session['theme'] = 'dark';
    });
    expect(await browser.visit(look)).toEqual({
      principal: 'bob',
      attributes: { card: 'his', theme: 'dark' },
    });
  });

  it('ends the session of the other, for whoever still has its token', async () => {
    const fixture = new CoreFixture();
    const browser = await annsBrowser(fixture);
    const ann = browser.clone();
    const slow = await ann.request();
    await browser.visit((session) => session.authenticate('bob'));
    slow.session['slow'] = 'hers';
    expect(await slow.answer()).toBeUndefined();
    expect(await ann.visit(look)).toEqual({ principal: undefined, attributes: {} });
    // Her logout, on its way since before, is none of his business.
    await (await ann.request()).session.destroy();
    expect(await browser.visit(look)).toEqual({ principal: 'bob', attributes: {} });
  });

  it('begins with an idle life and times of its own', async () => {
    const fixture = new CoreFixture();
    const browser = await annsBrowser(fixture);
    await browser.visit((session) => (session.maxInactiveInterval = 86_400));
    fixture.clock.advance(100);
    await browser.visit((session) => session.authenticate('bob'));
    await browser.visit((session) => {
      expect(session.maxInactiveInterval).toBe(1800);
      expect(session.createdAt.getTime()).toBe(fixture.clock.now());
    });
  });

  it('tells of an end and a login, not of a renewal', async () => {
    const fixture = new CoreFixture();
    const browser = await annsBrowser(fixture);
    const before = await browser.visit((session) => session.id);
    fixture.events.length = 0;
    const after = await browser.visit(async (session) => {
      await session.authenticate('bob');
      return session.id;
    });
    expect(fixture.events).toEqual([
      { type: 'destroyed', id: before },
      { type: 'created', id: after },
      { type: 'authenticated', id: after, previousId: undefined, principal: 'bob' },
    ]);
  });

  it('keeps the attributes where it is told to, but not the idle life', async () => {
    const fixture = new CoreFixture();
    const browser = await annsBrowser(fixture);
    await browser.visit((session) => (session.maxInactiveInterval = 86_400));
    await browser.visit((session) => session.authenticate('bob', { keepAttributes: true }));
    expect(await browser.visit(look)).toEqual({
      principal: 'bob',
      attributes: { card: '4711', inner: { list: ['hers'] } },
    });
    expect(await browser.visit((session) => session.maxInactiveInterval)).toBe(1800);
  });
});

describe('a login', () => {
  const withCart = async (fixture: CoreFixture): Promise<FakeBrowser> => {
    const browser = fixture.browser();
    await browser.visit((session) => (session['cart'] = ['tea']));
    return browser;
  };

  it('keeps what a guest had, and what it had of oneself', async () => {
    const fixture = new CoreFixture();
    const browser = await withCart(fixture);
    await browser.visit((session) => session.authenticate('ann'));
    expect(await browser.visit(look)).toEqual({ principal: 'ann', attributes: { cart: ['tea'] } });
    await browser.visit((session) => session.authenticate('ann'));
    expect(await browser.visit(look)).toEqual({ principal: 'ann', attributes: { cart: ['tea'] } });
  });

  it('drops them where it is told to', async () => {
    const fixture = new CoreFixture();
    const browser = await withCart(fixture);
    const guest = browser.clone();
    await browser.visit(async (session) => {
      session['own'] = 1;
      await session.authenticate('ann', { keepAttributes: false });
    });
    expect(await browser.visit(look)).toEqual({ principal: 'ann', attributes: { own: 1 } });
    expect(await guest.visit(look)).toEqual({ principal: undefined, attributes: {} });
  });

  it.each([null, 1, 'yes', ['cart']])('refuses %p for keepAttributes', async (keepAttributes) => {
    const browser = await withCart(new CoreFixture());
    await browser.visit(async (session) => {
      const options = { keepAttributes } as unknown as { keepAttributes: boolean };
      await expect(session.authenticate('ann', options)).rejects.toThrow(/keepAttributes/);
    });
  });
});
