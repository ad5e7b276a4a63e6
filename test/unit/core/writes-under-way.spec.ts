import { describe, expect, it } from '@jest/globals';
import { SessionGoneError } from '../../../lib/core/errors.js';
import { CoreFixture, type AnySession, type FakeBrowser, type FakeRequest } from './helpers.js';

const look = (session: AnySession): unknown => [session.principal, { ...session }];

async function withCart(fixture: CoreFixture): Promise<FakeBrowser> {
  const browser = fixture.browser();
  await browser.visit((session) => {
    session['cart'] = ['tea'];
    session['theme'] = 'dark';
  });
  return browser;
}

/** A request that has its session when another one does something to that. */
async function underWay(
  browser: FakeBrowser,
  meanwhile: (session: AnySession) => unknown,
): Promise<FakeRequest> {
  const request = await browser.request();
  await browser.visit(meanwhile);
  return request;
}

const regenerate = (session: AnySession): unknown => session.regenerateId();
const logIn = (session: AnySession): unknown => session.authenticate('ann');
const logOut = (session: AnySession): unknown => session.destroy();

describe('a write that is under way while another request changes the id', () => {
  it.each<[string, (session: AnySession) => unknown, unknown]>([
    ['set', (session) => (session['late'] = 1), { cart: ['tea'], theme: 'dark', late: 1 }],
    [
      'change inside',
      (session) => (session['cart'] as string[]).push('milk'),
      { cart: ['tea', 'milk'], theme: 'dark' },
    ],
    ['delete', (session) => delete session['theme'], { cart: ['tea'] }],
    [
      'update',
      (session) => session.update('theme', (theme) => `very ${String(theme)}`),
      { cart: ['tea'], theme: 'very dark' },
    ],
    [
      'save',
      async (session) => {
        session['late'] = 1;
        await session.save();
      },
      { cart: ['tea'], theme: 'dark', late: 1 },
    ],
    [
      'reload',
      async (session) => {
        await session.reload();
        session['late'] = session['theme'];
      },
      { cart: ['tea'], theme: 'dark', late: 'dark' },
    ],
  ])('follows it: %s', async (_what, use, expected) => {
    for (const saveOnChange of [false, true]) {
      const fixture = new CoreFixture({ rules: { saveOnChange } });
      const browser = await withCart(fixture);
      const request = await underWay(browser, regenerate);
      await use(request.session);
      // It does not know the new token, so it has no cookie to send.
      expect(await request.answer()).toBeUndefined();
      expect(await browser.visit(look)).toEqual([undefined, expected]);
      expect(request.session.id).toBe(await browser.visit((session) => session.id));
    }
  });

  it('follows several in a row', async () => {
    const fixture = new CoreFixture();
    const browser = await withCart(fixture);
    const request = await underWay(browser, regenerate);
    for (let i = 0; i < 4; i += 1) await browser.visit(regenerate);
    request.session['late'] = 1;
    await request.answer();
    expect(await browser.visit((session) => session['late'])).toBe(1);
  });

  it('and logs in takes the session along', async () => {
    const fixture = new CoreFixture();
    const browser = await withCart(fixture);
    const request = await underWay(browser, regenerate);
    const regenerated = browser.clone();
    await request.session.authenticate('ann');
    expect(await request.answer()).toMatchObject({ action: 'set' });
    expect(await browser.visit(look)).toEqual(['ann', { cart: ['tea'], theme: 'dark' }]);
    expect(await regenerated.visit(look)).toEqual([undefined, {}]);
  });

  it('and changes it too counts that as its own, with what it has written', async () => {
    const fixture = new CoreFixture();
    const browser = await withCart(fixture);
    const request = await underWay(browser, regenerate);
    request.session['late'] = 1;
    await request.session.regenerateId();
    expect(await request.answer()).toBeUndefined();
    expect(await browser.visit((session) => session['late'])).toBe(1);
    expect(fixture.events.filter(({ type }) => type === 'regenerated')).toHaveLength(1);
  });

  it('and logs out ends it under its new id', async () => {
    const fixture = new CoreFixture();
    const browser = await withCart(fixture);
    const request = await underWay(browser, regenerate);
    await request.session.destroy();
    const regenerated = browser.clone();
    await request.answer();
    expect(await regenerated.visit(look)).toEqual([undefined, {}]);
  });

  it('does not follow where that has ended meanwhile', async () => {
    const fixture = new CoreFixture();
    const browser = await withCart(fixture);
    const request = await underWay(browser, regenerate);
    await browser.visit(logOut);
    await expect(request.session.update('theme', () => 'late')).rejects.toThrow(SessionGoneError);
    expect(await request.answer()).toBeUndefined();
  });
});

describe('a write that is under way while another request', () => {
  it.each<[string, (session: AnySession) => unknown, string]>([
    ['logs in', logIn, 'login'],
    ['logs out', logOut, 'ended'],
  ])('%s is dropped, which is told once, with the names of what is lost', async (_what, end, reason) => {
    for (const saveOnChange of [false, true]) {
      const fixture = new CoreFixture({ rules: { saveOnChange } });
      const browser = await withCart(fixture);
      const request = await underWay(browser, end);
      const { id } = request.session;
      (request.session['cart'] as string[]).push('milk');
      request.session['late'] = 'secret';
      await new Promise(setImmediate);
      expect(await request.answer()).toBeUndefined();
      await request.managed.commit();
      const dropped = fixture.events.filter(({ type }) => type === 'dropped');
      expect(dropped).toEqual([{ type: 'dropped', id, attributes: ['cart', 'late'], reason }]);
    }
  });

  it('ends it says nothing where nothing was written', async () => {
    const fixture = new CoreFixture();
    const browser = await withCart(fixture);
    const request = await underWay(browser, logIn);
    expect(look(request.session)).toEqual([undefined, { cart: ['tea'], theme: 'dark' }]);
    await request.answer();
    expect(fixture.events.filter(({ type }) => type === 'dropped')).toEqual([]);
  });
});

it('a write of a request that came too late is dropped, and told', async () => {
  const fixture = new CoreFixture();
  const browser = await withCart(fixture);
  const late = browser.clone();
  await browser.visit(logIn);
  await late.visit((session) => {
    session['late'] = 1;
    delete session['theme'];
  });
  await late.visit(look);
  expect(fixture.events.filter(({ type }) => type === 'dropped')).toMatchObject([
    { attributes: ['late'], reason: 'late' },
  ]);
});

describe('where each request is to be saved', () => {
  const rules = { alwaysSave: true };

  it.each<[string, (session: AnySession) => unknown, boolean]>([
    ['wrote', (session) => (session['late'] = 1), false],
    ['wrote at once', (session) => (session['late'] = 1), true],
    ['only read', look, false],
  ])('one that %s in a session which ended meanwhile is an error', async (_what, use, saveOnChange) => {
    for (const end of [logIn, logOut]) {
      const fixture = new CoreFixture({ rules: { ...rules, saveOnChange } });
      const request = await underWay(await withCart(fixture), end);
      use(request.session);
      await new Promise(setImmediate);
      await expect(request.answer()).rejects.toThrow(SessionGoneError);
    }
    const fixture = new CoreFixture({ rules: { ...rules, maxInactiveInterval: 60, saveOnChange } });
    const request = await (await withCart(fixture)).request();
    fixture.clock.advance(61);
    use(request.session);
    await new Promise(setImmediate);
    await expect(request.answer()).rejects.toThrow(SessionGoneError);
  });

  it('one that follows an id change is none, nor is one that comes too late, logs in itself, or logs out', async () => {
    const fixture = new CoreFixture({ rules });
    const browser = await withCart(fixture);
    const follows = await underWay(browser, regenerate);
    await follows.answer();
    const [logsIn, logsOut, late] = [await browser.request(), await browser.request(), browser.clone()];
    await browser.visit(logIn);
    await late.visit((session) => (session['late'] = 1));
    await logsIn.session.authenticate('ann');
    await logsIn.answer();
    await logsOut.session.destroy();
    await expect(logsOut.answer()).resolves.toBeUndefined();
  });
});
