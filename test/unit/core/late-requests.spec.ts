import { describe, expect, it } from '@jest/globals';
import { CoreFixture, type AnySession, type FakeBrowser } from './helpers.js';

const look = (session: AnySession): unknown => [session.principal, { ...session }];

async function loggedIn(fixture: CoreFixture): Promise<FakeBrowser> {
  const browser = fixture.browser();
  await browser.visit((session) => session.authenticate('ann'));
  return browser;
}

describe('a request that is late against a newer login', () => {
  it.each<[string, (session: AnySession) => unknown]>([
    ['writes', (session) => (session['late'] = 1)],
    ['asks for a CSRF token', (session) => session.csrfToken()],
    ['logs out', (session) => session.destroy()],
    [
      'logs out and writes',
      async (session) => {
        await session.destroy();
        session['late'] = 1;
      },
    ],
    ['changes nothing', () => undefined],
  ])('with the token of before the logout, and %s, sets and clears no cookie', async (_what, use) => {
    const fixture = new CoreFixture();
    const browser = await loggedIn(fixture);
    const late = browser.clone();
    await browser.visit((session) => session.destroy());
    await browser.visit((session) => session.authenticate('ann'));
    fixture.clock.advance(59);
    const request = await late.request();
    expect(look(request.session)).toEqual([undefined, {}]);
    await use(request.session);
    expect(await request.answer()).toBeUndefined();
    expect(await browser.visit(look)).toEqual(['ann', {}]);
  });

  it('a second logout that ends after it clears no cookie, and begins nothing, since it removed nothing', async () => {
    const fixture = new CoreFixture();
    const browser = await loggedIn(fixture);
    const second = await browser.request();
    await browser.visit((session) => session.destroy());
    await browser.visit((session) => session.authenticate('ann'));
    await second.session.destroy();
    second.session['flash'] = 'bye';
    expect(await second.answer()).toBeUndefined();
    expect(await browser.visit(look)).toEqual(['ann', {}]);
    expect(fixture.events.filter(({ type }) => type === 'destroyed')).toHaveLength(1);
  });

  it('a logout that ends what a login has made of its session clears no cookie: there may be a newer one', async () => {
    const fixture = new CoreFixture();
    const browser = fixture.browser();
    await browser.visit((session) => (session['cart'] = ['tea']));
    const [logout, login] = [await browser.request(), await browser.request()];
    await browser.visit((session) => session.authenticate('ann'));
    const first = browser.clone();
    await login.session.authenticate('ann');
    await login.answer();
    await logout.session.destroy();
    logout.session['flash'] = 'bye';
    expect(await logout.answer()).toBeUndefined();
    expect(await first.visit(look)).toEqual([undefined, {}]);
    expect((await browser.visit(look)) as unknown[]).toContain('ann');
  });

  it('may log in itself, at once, also after a logout that found nothing', async () => {
    const fixture = new CoreFixture();
    const browser = await loggedIn(fixture);
    const second = await browser.request();
    await browser.visit((session) => session.destroy());
    await second.session.destroy();
    await second.session.authenticate('bob');
    await second.answer();
    expect(await browser.visit(look)).toEqual(['bob', {}]);
  });

  it('is an ordinary one when a minute has passed', async () => {
    const fixture = new CoreFixture();
    const browser = await loggedIn(fixture);
    const late = browser.clone();
    await browser.visit((session) => session.destroy());
    fixture.clock.advance(61);
    await late.visit((session) => (session['fresh'] = 1));
    expect(await late.visit(look)).toEqual([undefined, { fresh: 1 }]);
  });
});
