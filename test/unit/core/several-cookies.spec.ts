import { describe, expect, it } from '@jest/globals';
import { newToken, type SessionToken } from '../../../lib/core/token.js';
import { StoreLayer } from '../../../lib/stores/layers/store-layer.js';
import { CoreFixture, type FakeBrowser } from './helpers.js';

const IDLE_SECONDS = 1800;

/** Counts what is asked of a store. */
class Counting extends StoreLayer {
  loads = 0;

  override load(...args: Parameters<StoreLayer['load']>): ReturnType<StoreLayer['load']> {
    this.loads += 1;
    return super.load(...args);
  }
}

async function login(fixture: CoreFixture, name: string): Promise<FakeBrowser & { token: SessionToken }> {
  const browser = fixture.browser();
  await browser.visit((session) => session.authenticate(name));
  if (browser.token === undefined) throw new Error('A login sets a cookie.');
  return browser as FakeBrowser & { token: SessionToken };
}

async function whoIs(browser: FakeBrowser, tokens?: SessionToken[]): Promise<string | undefined> {
  return (await browser.request(tokens)).session.principal;
}

const strangers = (count: number): SessionToken[] => Array.from({ length: count }, () => newToken());

describe('a request with several of our cookies', () => {
  it('is whose one live session it is, wherever that stands among up to 16', async () => {
    const fixture = new CoreFixture();
    const { token } = await login(fixture, 'ann');
    for (const at of [0, 7, 15]) {
      const tokens = strangers(15);
      tokens.splice(at, 0, token);
      expect([at, await whoIs(fixture.browser(), tokens)]).toEqual([at, 'ann']);
    }
  });

  it('is a use of that one', async () => {
    const fixture = new CoreFixture();
    const ann = await login(fixture, 'ann');
    for (let n = 0; n < 3; n += 1) {
      fixture.clock.advance(IDLE_SECONDS - 1);
      expect(await whoIs(fixture.browser(), [...strangers(1), ann.token])).toBe('ann');
    }
  });

  it('is nobody with two live ones, in whichever order, and extends neither', async () => {
    const fixture = new CoreFixture();
    const [ann, bob] = [await login(fixture, 'ann'), await login(fixture, 'bob')];
    fixture.clock.advance(IDLE_SECONDS - 1);
    expect(await whoIs(fixture.browser(), [ann.token, bob.token])).toBeUndefined();
    expect(await whoIs(fixture.browser(), [bob.token, ...strangers(3), ann.token])).toBeUndefined();
    expect(fixture.events.at(-1)).toMatchObject({ type: 'rejected', reason: 'ambiguous' });
    fixture.clock.advance(2);
    expect([await whoIs(ann), await whoIs(bob)]).toEqual([undefined, undefined]);
  });

  it('is nobody with more than 16, and asks the store nothing', async () => {
    let store: Counting | undefined;
    const fixture = new CoreFixture({ wrap: (memory) => (store = new Counting(memory)) });
    const ann = await login(fixture, 'ann');
    const before = store?.loads;
    expect(await whoIs(fixture.browser(), [ann.token, ...strangers(16)])).toBeUndefined();
    expect(store?.loads).toBe(before);
    expect(fixture.events.at(-1)).toMatchObject({ type: 'rejected', reason: 'ambiguous' });
    expect(await whoIs(ann)).toBe('ann');
  });

  it('ends with a login all live ones, so that the next request is somebody', async () => {
    const fixture = new CoreFixture();
    const [ann, bob] = [await login(fixture, 'ann'), await login(fixture, 'bob')];
    const browser = fixture.browser();
    const request = await browser.request([ann.token, ...strangers(1), bob.token]);
    await request.session.authenticate('eve');
    await request.answer();
    expect([await whoIs(ann), await whoIs(bob)]).toEqual([undefined, undefined]);
    expect(await whoIs(browser, [ann.token, browser.token as SessionToken, bob.token])).toBe('eve');
  });

  it('ends with a logout all live ones, and clears the cookie', async () => {
    const fixture = new CoreFixture();
    const [ann, bob] = [await login(fixture, 'ann'), await login(fixture, 'bob')];
    const request = await fixture.browser().request([ann.token, bob.token]);
    await request.session.destroy();
    expect(await request.answer()).toEqual({ action: 'clear' });
    expect([await whoIs(ann), await whoIs(bob)]).toEqual([undefined, undefined]);
    expect(fixture.events.filter(({ type }) => type === 'destroyed')).toHaveLength(2);
  });

  it('takes the CSRF token of any of them for a login, which would be locked out otherwise', async () => {
    const fixture = new CoreFixture();
    const [ann, bob] = [await login(fixture, 'ann'), await login(fixture, 'bob')];
    const form = await bob.request();
    const csrf = form.session.csrfToken();
    const both = await fixture.browser().request([ann.token, bob.token]);
    expect(both.managed.isCsrfToken(csrf)).toBe(true);
    const other = await fixture.browser().request([ann.token]);
    expect(other.managed.isCsrfToken(csrf)).toBe(false);
  });

  it('leaves the end of what it did not bring alone: what a dead token was renewed to goes on', async () => {
    const fixture = new CoreFixture();
    const ann = await login(fixture, 'ann');
    const old = ann.token;
    await ann.visit((session) => session.regenerateId());
    const bob = await login(fixture, 'bob');
    const request = await fixture.browser().request([old, bob.token]);
    await request.session.destroy();
    await request.answer();
    expect([await whoIs(ann), await whoIs(bob)]).toEqual(['ann', undefined]);
  });
});
