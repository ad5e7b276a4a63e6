import { describe, expect, it } from '@jest/globals';
import { createHmac } from 'node:crypto';
import type { SessionStore } from '../../../lib/core/store.js';
import { newToken, type SessionToken } from '../../../lib/core/token.js';
import { CoreFixture, overriding, type AnySession, type FakeBrowser } from './helpers.js';

const look = (session: AnySession): unknown => [session.principal, { ...session }];

/** As with guests in memory and Redis: a tombstone is there for long, and says when the session ended. */
function withAges(): CoreFixture {
  const endedAt = new Map<string, number>();
  const wrap = (store: SessionStore): SessionStore =>
    overriding(store, {
      renew: (id, renewal) => {
        endedAt.set(id, fixture.clock.now());
        return store.renew(id, renewal);
      },
      load: async (id) => {
        const outcome = await store.load(id);
        if (outcome.status !== 'ended') return outcome;
        return { ...outcome, longAgo: fixture.clock.now() - (endedAt.get(id) ?? 0) >= 60_000 };
      },
    });
  const fixture: CoreFixture = new CoreFixture({ memory: { tombstoneMs: 1_800_000 }, wrap });
  return fixture;
}

/** A browser that never got the answer to its login, and goes on with the cookie of before. */
async function answerLost(fixture: CoreFixture): Promise<FakeBrowser> {
  const browser = fixture.browser();
  await browser.visit((session) => (session['cart'] = ['tea']));
  const login = await browser.request();
  await login.session.authenticate('ann');
  await login.answerIsLost();
  return browser;
}

/** The request with which a form is sent that was filled in meanwhile, if its CSRF token is good. */
async function sent(browser: FakeBrowser, csrf: string): Promise<AnySession | undefined> {
  const request = await browser.request();
  return request.managed.isCsrfToken(csrf) ? request.session : undefined;
}

/** What anybody derives from a token that he knows: a pad of zeros, and the code. */
function madeUp(token: SessionToken): string {
  const code = createHmac('sha256', token).update('csrf ended').digest();
  return Buffer.concat([Buffer.alloc(32), code]).toString('base64url');
}

describe('a client that never got the answer to its login', () => {
  it('logs in again at once, by a form that is protected against CSRF', async () => {
    const fixture = new CoreFixture();
    const browser = await answerLost(fixture);
    const csrf = await browser.visit((session) => session.csrfToken());
    const request = await browser.request();
    expect(request.managed.isCsrfToken(csrf)).toBe(true);
    await request.session.authenticate('ann');
    await request.answer();
    expect(await browser.visit(look)).toEqual(['ann', {}]);
  });

  it('gets no cookie by asking for a CSRF token, and nothing is stored', async () => {
    const fixture = new CoreFixture();
    const browser = await answerLost(fixture);
    const entries = fixture.memory.size;
    const request = await browser.request();
    expect(request.session.csrfToken()).not.toBe(request.session.csrfToken());
    expect(await request.answer()).toBeUndefined();
    expect(fixture.memory.size).toBe(entries);
  });

  it('may take as long for the form as the store knows of the end, and has to load it again afterwards', async () => {
    const fixture = withAges();
    const browser = await answerLost(fixture);
    fixture.clock.advance(30);
    const csrf = await browser.visit((session) => session.csrfToken());
    fixture.clock.advance(300);
    const session = await sent(browser, csrf);
    expect(session).toBeDefined();
    expect(look(session as AnySession)).toEqual([undefined, {}]);
    fixture.clock.advance(1800);
    expect(await sent(browser, csrf)).toBeUndefined();
    const again = await browser.visit((reloaded) => reloaded.csrfToken());
    expect(await sent(browser, again)).toBeDefined();
  });

  it('that was under way when the session ended gets one that works, too', async () => {
    const fixture = new CoreFixture();
    const browser = fixture.browser();
    await browser.visit((session) => (session['cart'] = ['tea']));
    const slow = await browser.request();
    const login = await browser.request();
    await login.session.authenticate('ann');
    await login.answerIsLost();
    await slow.session.save().catch(() => undefined);
    const csrf = slow.session.csrfToken();
    await slow.answer();
    expect(await sent(browser, csrf)).toBeDefined();
  });

  it('is an ordinary guest again after a minute, whatever the store knows for the sake of copies', async () => {
    const fixture = withAges();
    const browser = await answerLost(fixture);
    await browser.visit((session) => (session['dropped'] = 1));
    expect(await browser.visit(look)).toEqual([undefined, {}]);
    fixture.clock.advance(61);
    await browser.visit((session) => (session['kept'] = 1));
    expect(await browser.visit(look)).toEqual([undefined, { kept: 1 }]);
  });
});

describe('a CSRF token', () => {
  it('of a session is worth nothing once that has ended or been renewed, nor the other way round', async () => {
    const fixture = new CoreFixture();
    const browser = fixture.browser();
    const live = await browser.visit((session) => session.csrfToken());
    const old = browser.clone();
    await browser.visit((session) => session.authenticate('ann'));
    const afterwards = await old.visit((session) => session.csrfToken());
    expect(await sent(old, live)).toBeUndefined();
    expect(await sent(browser, live)).toBeUndefined();
    expect(await sent(browser, afterwards)).toBeUndefined();
  });

  it('of somebody else is worth nothing to who comes with a dead cookie', async () => {
    const fixture = new CoreFixture();
    const [browser, other] = [await answerLost(fixture), await answerLost(fixture)];
    const csrf = await other.visit((session) => session.csrfToken());
    expect(await sent(browser, csrf)).toBeUndefined();
    expect(await sent(fixture.browser(), csrf)).toBeUndefined();
  });

  it('made up for a cookie that is made up is worth nothing, alone and beside other dead ones', async () => {
    const fixture = new CoreFixture();
    const tossed = newToken();
    const code = madeUp(tossed);
    const dead = (await answerLost(fixture)).token as SessionToken;
    for (const tokens of [[tossed], [tossed, newToken()], [tossed, dead], [dead, tossed]]) {
      const { managed } = await fixture.browser().request(tokens);
      expect(managed.isCsrfToken(code)).toBe(false);
    }
  });

  it('derived from the cookie of a session that has just ended is what the form has', async () => {
    const fixture = new CoreFixture();
    const browser = await answerLost(fixture);
    // Shows that what is made up above has the right form.
    expect(await sent(browser, madeUp(browser.token as SessionToken))).toBeDefined();
  });
});
