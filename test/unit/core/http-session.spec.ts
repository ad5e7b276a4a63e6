import { beforeEach, describe, expect, it } from '@jest/globals';
import { CoreFixture, type AnySession, type FakeBrowser } from './helpers.js';

describe('an object that is made of a session', () => {
  let browser: FakeBrowser;
  beforeEach(async () => {
    browser = new CoreFixture().browser();
    await browser.visit((session) => void (session['cart'] = 'tea'));
  });

  const derived = (session: AnySession): AnySession => Object.create(session) as AnySession;

  it('has attributes of its own and does not write to the session', async () => {
    await browser.visit((session) => {
      const view = derived(session);
      view['x'] = 1;
      view['cart'] = 'milk';
      view['principal' as 'x'] = 'eve';
      view.maxInactiveInterval = 5;
      expect({ ...view }).toEqual({ x: 1, cart: 'milk', principal: 'eve', maxInactiveInterval: 5 });
      expect(session['cart']).toBe('tea');
      expect([session.principal, session.maxInactiveInterval]).toEqual([undefined, 1800]);
    });
    expect(await browser.visit((session) => ({ ...session }))).toEqual({ cart: 'tea' });
  });

  it('is what Reflect.set writes to', async () => {
    await browser.visit((session) => {
      const target = {};
      expect(Reflect.set(session, 'x', 1, target)).toBe(true);
      expect(target).toEqual({ x: 1 });
      expect(Reflect.set(session, 'x', 1, 5)).toBe(false);
      expect(Reflect.set(session, 'x', 1, Object.freeze({}))).toBe(false);
    });
    expect(await browser.visit((session) => ({ ...session }))).toEqual({ cart: 'tea' });
  });

  it('still sees the session, and can call it', async () => {
    await browser.visit(async (session) => {
      const view = derived(session);
      expect([view['cart'], view.id, 'cart' in view, Object.keys(view)]).toEqual([
        'tea',
        session.id,
        true,
        [],
      ]);
      session['cart'] = 'milk';
      await view.save();
    });
    expect(await browser.visit((session) => session['cart'])).toBe('milk');
  });
});

describe('a proxy around a session', () => {
  it('writes to it, also over what is there', async () => {
    const browser = new CoreFixture().browser();
    await browser.visit((session) => void (session['cart'] = 'tea'));
    await browser.visit((session) => {
      const around = new Proxy(session, {});
      around['cart'] = 'milk';
      around['x'] = 1;
      around.maxInactiveInterval = 60;
      expect(() => (around['principal' as 'x'] = 1)).toThrow('is a member of HttpSession');
    });
    const seen = await browser.visit((session) => ({ ...session, life: session.maxInactiveInterval }));
    expect(seen).toEqual({ cart: 'milk', x: 1, life: 60 });
  });
});
