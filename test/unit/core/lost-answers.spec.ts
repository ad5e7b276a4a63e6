import { describe, expect, it } from '@jest/globals';
import type { SessionStore } from '../../../lib/core/store.js';
import { CoreFixture, overriding, type AnySession, type FakeBrowser } from './helpers.js';

const look = (session: AnySession): unknown => [session.principal, { ...session }];

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

  it('may take longer for the form than the tombstone lasts', async () => {
    const fixture = new CoreFixture();
    const browser = await answerLost(fixture);
    fixture.clock.advance(30);
    const csrf = await browser.visit((session) => session.csrfToken());
    fixture.clock.advance(300);
    const session = await sent(browser, csrf);
    expect(session).toBeDefined();
    expect(look(session as AnySession)).toEqual([undefined, {}]);
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
    const fixture = new CoreFixture({ memory: { tombstoneMs: 1_800_000 }, wrap: withAges });
    const browser = await answerLost(fixture);
    await browser.visit((session) => (session['dropped'] = 1));
    expect(await browser.visit(look)).toEqual([undefined, {}]);
    fixture.clock.advance(61);
    await browser.visit((session) => (session['kept'] = 1));
    expect(await browser.visit(look)).toEqual([undefined, { kept: 1 }]);

    /** As Redis does: the marker is there for long, and says when the session ended. */
    function withAges(store: SessionStore): SessionStore {
      const endedAt = new Map<string, number>();
      return overriding(store, {
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
    }
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
});
