import { describe, expect, it } from '@jest/globals';
import { SessionDestroyedError, SessionHeadersSentError } from '../../../lib/core/errors.js';
import { idOf } from '../../../lib/core/token.js';
import { CoreFixture, overriding, type FakeBrowser } from './helpers.js';

const recordOf = async (fixture: CoreFixture, browser: FakeBrowser) => {
  const { token } = browser;
  const outcome = token === undefined ? undefined : await fixture.memory.load(idOf(token), { touch: false });
  return outcome?.status === 'found' ? outcome.record : undefined;
};

describe('keep()', () => {
  it('stores a new session with its cookie, even if it is empty', async () => {
    const fixture = new CoreFixture();
    const browser = fixture.browser();
    const id = await browser.visit((session) => {
      session.keep();
      return session.id;
    });
    expect(await recordOf(fixture, browser)).toMatchObject({ kept: true, authenticated: false });
    expect(await browser.visit((session) => [session.id, session.isNew, session.principal])).toEqual([
      id,
      false,
      undefined,
    ]);
    expect(fixture.events.map(({ type }) => type)).toEqual(['created']);
  });

  it('keeps one that is there, by one write, and owes nothing when it is asked again', async () => {
    let saves = 0;
    const fixture = new CoreFixture({
      wrap: (store) =>
        overriding(store, {
          save: (...args) => {
            saves += 1;
            return store.save(...args);
          },
        }),
    });
    const browser = fixture.browser();
    await browser.visit((session) => (session['cart'] = ['tea']));
    await browser.visit((session) => {
      session.keep();
      session.keep();
    });
    expect([saves, (await recordOf(fixture, browser))?.kept]).toEqual([1, true]);
    await browser.visit((session) => session.keep());
    expect(saves).toBe(1);
    await browser.visit((session) => (session['cart'] = []));
    expect([saves, (await recordOf(fixture, browser))?.kept]).toEqual([2, true]);
  });

  it('is saved at once by save(), and under a new id', async () => {
    const fixture = new CoreFixture();
    const browser = fixture.browser();
    await browser.visit(async (session) => {
      session.keep();
      await session.save();
      await session.regenerateId();
    });
    expect((await recordOf(fixture, browser))?.kept).toBe(true);
    await browser.visit((session) => session.regenerateId());
    expect((await recordOf(fixture, browser))?.kept).toBe(true);
  });

  it('is asked while a save is under way, and still owed after it', async () => {
    let held: (() => void) | undefined;
    const fixture = new CoreFixture({
      wrap: (store) =>
        overriding(store, {
          save: async (...args) => {
            const outcome = await store.save(...args);
            if (held === undefined) await new Promise<void>((resolve) => (held = resolve));
            return outcome;
          },
        }),
    });
    const browser = fixture.browser();
    await browser.visit((session) => (session['cart'] = ['tea']));
    await browser.visit(async (session) => {
      session['cart'] = [];
      const saved = session.save();
      await Promise.resolve();
      session.keep();
      held?.();
      await saved;
    });
    expect((await recordOf(fixture, browser))?.kept).toBe(true);
  });

  it('changes nothing for a user, and is over with a login', async () => {
    const fixture = new CoreFixture();
    const browser = fixture.browser();
    await browser.visit((session) => session.keep());
    await browser.visit((session) => session.authenticate('ada'));
    expect(await recordOf(fixture, browser)).toMatchObject({ authenticated: true, principal: 'ada' });
    await browser.visit((session) => session.keep());
    expect((await recordOf(fixture, browser))?.kept).not.toBe(true);
  });

  it('gives way to what the application counts as logged in', async () => {
    const fixture = new CoreFixture({
      environment: { isAuthenticated: (session) => 'user' in session },
    });
    const browser = fixture.browser();
    await browser.visit((session) => session.keep());
    await browser.visit((session) => (session['user'] = 'ada'));
    const record = await recordOf(fixture, browser);
    expect([record?.authenticated, record?.kept === true]).toEqual([true, false]);
  });

  it('does not pass to the session after destroy()', async () => {
    const fixture = new CoreFixture();
    const browser = fixture.browser();
    await browser.visit((session) => session.keep());
    await browser.visit(async (session) => {
      await session.destroy();
      session['farewell'] = 1;
    });
    expect((await recordOf(fixture, browser))?.kept).not.toBe(true);
  });

  it('is refused where its cookie cannot be sent, and where the session is over', async () => {
    const fixture = new CoreFixture();
    const request = await fixture.browser().request();
    request.client.headersSent = true;
    expect(() => request.session.keep()).toThrow(SessionHeadersSentError);
    const browser = fixture.browser();
    const id = await browser.visit((session) => {
      session.keep();
      return session.id;
    });
    const outside = await fixture.manager.openById(id);
    await outside?.destroy();
    expect(() => outside?.httpSession.keep()).toThrow(SessionDestroyedError);
  });
});
