import { describe, expect, it } from '@jest/globals';
import { CoreFixture, seededRandom } from './helpers.js';

describe('the fixture of core', () => {
  it('carries a session from one request to the next by the cookie', async () => {
    const fixture = new CoreFixture();
    const browser = fixture.browser();
    await browser.visit((session) => (session['cart'] = ['tea']));
    expect(await browser.visit((session) => session['cart'])).toEqual(['tea']);
    expect(await fixture.browser().visit((session) => Object.keys(session))).toEqual([]);
  });

  it('lets sessions expire by its own clock', async () => {
    const fixture = new CoreFixture({ rules: { maxInactiveInterval: 60 } });
    const browser = fixture.browser();
    await browser.visit((session) => (session['cart'] = ['tea']));
    fixture.clock.advance(61);
    expect(await browser.visit((session) => session['cart'])).toBeUndefined();
  });

  it('makes the same tokens in each run, and no two alike in one', async () => {
    const tokens = async (): Promise<unknown[]> => {
      const fixture = new CoreFixture();
      const browsers = [fixture.browser(), fixture.browser()];
      for (const browser of browsers) await browser.visit((session) => (session['a'] = 1));
      return browsers.map(({ token }) => token);
    };
    const [first, second] = await tokens();
    expect(first).not.toBe(second);
    expect(await tokens()).toEqual([first, second]);
    expect(seededRandom('a')(8)).not.toEqual(seededRandom('b')(8));
  });
});
