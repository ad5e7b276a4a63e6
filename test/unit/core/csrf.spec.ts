import { beforeEach, describe, expect, it } from '@jest/globals';
import { CoreFixture, type FakeBrowser, type FakeRequest } from './helpers.js';

let fixture: CoreFixture;
let browser: FakeBrowser;

beforeEach(async () => {
  fixture = new CoreFixture();
  browser = fixture.browser();
  await browser.visit((session) => (session['a'] = 1));
});

const accepts = async (who: FakeBrowser, given: unknown): Promise<boolean> =>
  (await who.request()).managed.isCsrfToken(given);
const issued = (who = browser): Promise<string> => who.visit((session) => session.csrfToken());

describe('a CSRF token', () => {
  it('is good in every later request of its session, and differs each time', async () => {
    const tokens = [await issued(), await issued()];
    expect(tokens[0]).not.toBe(tokens[1]);
    for (const token of tokens) {
      expect(token).toMatch(/^[A-Za-z0-9_-]{86}$/);
      expect(await accepts(browser, token)).toBe(true);
    }
  });

  it('is bound to its session', async () => {
    const other = fixture.browser();
    await other.visit((session) => (session['a'] = 1));
    expect(await accepts(other, await issued())).toBe(false);
    expect(await accepts(fixture.browser(), await issued())).toBe(false);
  });

  it('is worth nothing after a login or an id change', async () => {
    for (const change of ['login', 'regenerate'] as const) {
      const before = await issued();
      await browser.visit((session) =>
        change === 'login' ? session.authenticate('ann') : session.regenerateId(),
      );
      expect(await accepts(browser, before)).toBe(false);
      expect(await accepts(browser, await issued())).toBe(true);
    }
  });

  it('is refused with one character changed, wherever that is', async () => {
    const token = await issued();
    const request = await browser.request();
    // But the last one, four bits of which are padding.
    for (let at = 0; at < token.length - 1; at += 1) {
      const changed = token.slice(0, at) + (token[at] === 'A' ? 'B' : 'A') + token.slice(at + 1);
      expect(request.managed.isCsrfToken(changed)).toBe(false);
    }
  });

  it.each([undefined, null, '', 'x', 'x'.repeat(86), `${'x'.repeat(86)}=`, 'x'.repeat(87), 42, ['x'], {}])(
    'is not %p',
    async (given) => {
      expect(await accepts(browser, given)).toBe(false);
    },
  );

  it('makes a new session one that is stored, though it is empty', async () => {
    const visitor = fixture.browser();
    const token = await issued(visitor);
    expect(visitor.token).toBeDefined();
    expect(await accepts(visitor, token)).toBe(true);
  });

  it('of one of several live sessions of a browser is good for the login that ends them', async () => {
    const other = fixture.browser();
    await other.visit((session) => (session['a'] = 1));
    const [mine, theirs] = [await issued(), await issued(other)];
    const both = (): Promise<FakeRequest> => browser.request([browser.token, other.token] as never);
    for (const token of [mine, theirs]) expect((await both()).managed.isCsrfToken(token)).toBe(true);
    expect((await both()).managed.isCsrfToken(await issued(fixture.browser()))).toBe(false);
    const login = await both();
    await login.session.authenticate('ann');
    expect(login.managed.isCsrfToken(mine)).toBe(false);
  });

  it('is never good outside a request', async () => {
    const token = await issued();
    const id = await browser.visit((session) => session.id);
    expect((await fixture.manager.openById(id))?.isCsrfToken(token)).toBe(false);
  });
});
