import { describe, expect, it } from '@jest/globals';
import { SessionUsageError } from '../../../lib/core/errors.js';
import { CoreFixture, type AnySession, type FakeBrowser } from './helpers.js';

const look = (session: AnySession): unknown => [session.principal, { ...session }];

async function loggedIn(fixture: CoreFixture): Promise<FakeBrowser> {
  const browser = fixture.browser();
  await browser.visit(async (session) => {
    session['cart'] = ['tea'];
    await session.authenticate('ann');
  });
  return browser;
}

const rotate = (session: AnySession): unknown => session.regenerateId({ graceSeconds: 30 });

describe('requests with the old token of an id change that left a grace', () => {
  it('are served, as the same session, without a cookie', async () => {
    const fixture = new CoreFixture();
    const browser = await loggedIn(fixture);
    const old = browser.clone();
    await browser.visit(rotate);
    const requests = await Promise.all(Array.from({ length: 4 }, () => old.request()));
    for (const [i, { session }] of requests.entries()) {
      expect(look(session)).toEqual(['ann', { cart: ['tea'] }]);
      session[`of ${i}`] = i;
    }
    for (const request of requests) expect(await request.answer()).toBeUndefined();
    const expected = { cart: ['tea'], 'of 0': 0, 'of 1': 1, 'of 2': 2, 'of 3': 3 };
    expect(await browser.visit(look)).toEqual(['ann', expected]);
    expect(await old.visit((session) => session.id)).toBe(await browser.visit((session) => session.id));
    expect(fixture.events.filter(({ type }) => type === 'rejected')).toEqual([]);
  });

  it('are served no longer than that, though the session lives', async () => {
    const fixture = new CoreFixture();
    const browser = await loggedIn(fixture);
    const old = browser.clone();
    await browser.visit(rotate);
    fixture.clock.advance(29);
    expect(await old.visit(look)).toEqual(['ann', { cart: ['tea'] }]);
    fixture.clock.advance(1);
    expect(await old.visit(look)).toEqual([undefined, {}]);
    expect(await browser.visit(look)).toEqual(['ann', { cart: ['tea'] }]);
  });

  it('are served for more than a minute where they are to be', async () => {
    const fixture = new CoreFixture();
    const browser = await loggedIn(fixture);
    const old = browser.clone();
    await browser.visit((session) => session.regenerateId({ graceSeconds: 300 }));
    fixture.clock.advance(299);
    expect(await old.visit(look)).toEqual(['ann', { cart: ['tea'] }]);
    fixture.clock.advance(2);
    expect(await old.visit(look)).toEqual([undefined, {}]);
  });

  it('send the CSRF tokens of their page with success', async () => {
    const fixture = new CoreFixture();
    const browser = await loggedIn(fixture);
    const old = browser.clone();
    const csrf = await browser.visit((session) => session.csrfToken());
    await browser.visit(rotate);
    expect((await old.request()).managed.isCsrfToken(csrf)).toBe(true);
    expect((await browser.request()).managed.isCsrfToken(csrf)).toBe(false);
  });

  it('are served through several changes in a row', async () => {
    const fixture = new CoreFixture();
    const browser = await loggedIn(fixture);
    const old = browser.clone();
    for (let i = 0; i < 3; i += 1) await browser.visit(rotate);
    expect(await old.visit(look)).toEqual(['ann', { cart: ['tea'] }]);
  });

  it('that change the id themselves, with a grace, send no second cookie', async () => {
    const fixture = new CoreFixture();
    const browser = await loggedIn(fixture);
    const old = browser.clone();
    await browser.visit(rotate);
    const request = await old.request();
    request.session['late'] = 1;
    await rotate(request.session);
    expect(await request.answer()).toBeUndefined();
    expect(await browser.visit((session) => session['late'])).toBe(1);
    expect(fixture.events.filter(({ type }) => type === 'regenerated')).toHaveLength(1);
  });

  it.each<[string, (session: AnySession) => unknown]>([
    ['change the id without a grace', (session) => session.regenerateId()],
    ['log in', (session) => session.authenticate('ann')],
  ])('that %s end the grace of all before', async (_what, change) => {
    const fixture = new CoreFixture();
    const browser = await loggedIn(fixture);
    const old = browser.clone();
    await browser.visit(rotate);
    const rotated = browser.clone();
    const mine = old.clone();
    await mine.visit(change);
    expect(await mine.visit(look)).toEqual(['ann', { cart: ['tea'] }]);
    for (const dead of [old, rotated]) expect(await dead.visit(look)).toEqual([undefined, {}]);
  });

  it('that had the session already, and change the id without a grace, end the grace too', async () => {
    const fixture = new CoreFixture();
    const browser = await loggedIn(fixture);
    const old = browser.clone();
    const strict = await browser.request();
    await browser.visit(rotate);
    await strict.session.regenerateId();
    await strict.answer();
    expect(await old.visit(look)).toEqual([undefined, {}]);
    expect(await browser.visit(look)).toEqual(['ann', { cart: ['tea'] }]);
  });

  it.each<[string, (old: FakeBrowser, current: FakeBrowser) => FakeBrowser]>([
    ['by one of them', (old) => old],
    ['by a request with the new one', (_old, current) => current],
  ])('are served no more after a logout %s', async (_by, who) => {
    const fixture = new CoreFixture();
    const browser = await loggedIn(fixture);
    const [old, current] = [browser.clone(), browser];
    await browser.visit(rotate);
    const tokens = [old.clone(), current.clone()];
    await who(old, current).visit((session) => session.destroy());
    for (const dead of tokens) expect(await dead.visit(look)).toEqual([undefined, {}]);
  });

  it('that bring the new token as well have one session, not two', async () => {
    const fixture = new CoreFixture();
    const browser = await loggedIn(fixture);
    const { token: old } = browser;
    await browser.visit(rotate);
    const { token } = browser;
    if (old === undefined || token === undefined) throw new Error('There is no cookie.');
    for (const tokens of [
      [old, token],
      [token, old],
    ]) {
      const request = await browser.request(tokens);
      expect(look(request.session)).toEqual(['ann', { cart: ['tea'] }]);
    }
  });
});

it.each([-1, 1.5, 3601, Infinity, NaN, '30', null])('a grace of %p is refused', async (graceSeconds) => {
  const browser = await loggedIn(new CoreFixture());
  await browser.visit(async (session) => {
    const options = { graceSeconds: graceSeconds as number };
    await expect(session.regenerateId(options)).rejects.toThrow(SessionUsageError);
  });
});

it('an id change leaves none unless it is asked to', async () => {
  const fixture = new CoreFixture();
  const browser = await loggedIn(fixture);
  const old = browser.clone();
  await browser.visit((session) => session.regenerateId());
  expect(await old.visit(look)).toEqual([undefined, {}]);
});
