import { describe, expect, it } from '@jest/globals';
import { newToken, type SessionToken } from '../../../lib/core/token.js';
import type { MemoryStore } from '../../../lib/stores/memory-store.js';
import { ObservedStore } from '../../../lib/stores/layers/observed-store.js';
import { CoreRig, type FakeBrowser } from './rig.js';

const IDLE_SECONDS = 1800;

/** Counts what is asked of a store. */
class Counting extends ObservedStore {
  loads = 0;

  constructor(store: MemoryStore) {
    super(store, (error) => {
      throw error;
    });
  }

  override load(
    ...args: Parameters<ObservedStore['load']>
  ): Promise<Awaited<ReturnType<ObservedStore['load']>>> {
    this.loads += 1;
    return super.load(...args);
  }
}

async function login(rig: CoreRig, name: string): Promise<FakeBrowser & { token: SessionToken }> {
  const browser = rig.browser();
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
    const rig = new CoreRig();
    const { token } = await login(rig, 'ann');
    for (const at of [0, 7, 15]) {
      const tokens = strangers(15);
      tokens.splice(at, 0, token);
      expect([at, await whoIs(rig.browser(), tokens)]).toEqual([at, 'ann']);
    }
  });

  it('is a use of that one', async () => {
    const rig = new CoreRig();
    const ann = await login(rig, 'ann');
    for (let n = 0; n < 3; n += 1) {
      rig.clock.advance(IDLE_SECONDS - 1);
      expect(await whoIs(rig.browser(), [...strangers(1), ann.token])).toBe('ann');
    }
  });

  it('is nobody with two live ones, in whichever order, and extends neither', async () => {
    const rig = new CoreRig();
    const [ann, bob] = [await login(rig, 'ann'), await login(rig, 'bob')];
    rig.clock.advance(IDLE_SECONDS - 1);
    expect(await whoIs(rig.browser(), [ann.token, bob.token])).toBeUndefined();
    expect(await whoIs(rig.browser(), [bob.token, ...strangers(3), ann.token])).toBeUndefined();
    expect(rig.events.at(-1)).toMatchObject({ type: 'rejected', reason: 'ambiguous' });
    rig.clock.advance(2);
    expect([await whoIs(ann), await whoIs(bob)]).toEqual([undefined, undefined]);
  });

  it('is nobody with more than 16, and asks the store nothing', async () => {
    let store: Counting | undefined;
    const rig = new CoreRig({ wrap: (memory) => (store = new Counting(memory)) });
    const ann = await login(rig, 'ann');
    const before = store?.loads;
    expect(await whoIs(rig.browser(), [ann.token, ...strangers(16)])).toBeUndefined();
    expect(store?.loads).toBe(before);
    expect(rig.events.at(-1)).toMatchObject({ type: 'rejected', reason: 'ambiguous' });
    expect(await whoIs(ann)).toBe('ann');
  });

  it('ends with a login all live ones, so that the next request is somebody', async () => {
    const rig = new CoreRig();
    const [ann, bob] = [await login(rig, 'ann'), await login(rig, 'bob')];
    const browser = rig.browser();
    const request = await browser.request([ann.token, ...strangers(1), bob.token]);
    await request.session.authenticate('eve');
    await request.answer();
    expect([await whoIs(ann), await whoIs(bob)]).toEqual([undefined, undefined]);
    expect(await whoIs(browser, [ann.token, browser.token as SessionToken, bob.token])).toBe('eve');
  });

  it('ends with a logout all live ones, and clears the cookie', async () => {
    const rig = new CoreRig();
    const [ann, bob] = [await login(rig, 'ann'), await login(rig, 'bob')];
    const request = await rig.browser().request([ann.token, bob.token]);
    await request.session.destroy();
    expect(await request.answer()).toEqual({ action: 'clear' });
    expect([await whoIs(ann), await whoIs(bob)]).toEqual([undefined, undefined]);
    expect(rig.events.filter(({ type }) => type === 'destroyed')).toHaveLength(2);
  });

  it('takes the CSRF token of any of them for a login, which would be locked out otherwise', async () => {
    const rig = new CoreRig();
    const [ann, bob] = [await login(rig, 'ann'), await login(rig, 'bob')];
    const form = await bob.request();
    const csrf = form.session.csrfToken();
    const both = await rig.browser().request([ann.token, bob.token]);
    expect(both.managed.isCsrfToken(csrf)).toBe(true);
    const other = await rig.browser().request([ann.token]);
    expect(other.managed.isCsrfToken(csrf)).toBe(false);
  });

  it('leaves the end of what it did not bring alone: what a dead token was renewed to goes on', async () => {
    const rig = new CoreRig();
    const ann = await login(rig, 'ann');
    const old = ann.token;
    await ann.visit((session) => session.regenerateId());
    const bob = await login(rig, 'bob');
    const request = await rig.browser().request([old, bob.token]);
    await request.session.destroy();
    await request.answer();
    expect([await whoIs(ann), await whoIs(bob)]).toEqual(['ann', undefined]);
  });
});
