import { beforeEach, describe, expect, it } from '@jest/globals';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { SessionLimitError, SessionStoreUnavailableError } from '../../../lib/core/errors.js';
import type { SessionRules } from '../../../lib/core/environment.js';
import type { SessionChange } from '../../../lib/core/store.js';
import { CoreFixture, noting, overriding, type AnySession, type FakeBrowser } from './helpers.js';

/** What requests do, and which calls of the store each costs after its load. */
type Row = readonly [what: string, use: (session: AnySession) => unknown, calls: readonly string[]];

let calls: string[];
let browser: FakeBrowser;

/** A browser whose session is stored: `{ n: 1, list: [1] }`. */
async function start(rules: Partial<SessionRules> = {}): Promise<CoreFixture> {
  calls = [];
  const fixture = new CoreFixture({ rules, wrap: noting(calls) });
  browser = fixture.browser();
  await browser.visit((session) => Object.assign(session, { n: 1, list: [1] }));
  return fixture;
}

async function callsOf(use: (session: AnySession) => unknown, who = browser): Promise<string[]> {
  calls.length = 0;
  await who.visit(async (session) => void (await use(session)));
  return calls.filter((name) => name !== 'load');
}

describe('at the end of a request the store is asked for', () => {
  beforeEach(() => start());

  it.each<Row>([
    ['nothing, where nobody looked at it', () => undefined, []],
    ['nothing, where it was only read', (session) => [session['n'], { ...session }], []],
    ['nothing, where the same was set again', (session) => (session['n'] = 1), []],
    [
      'nothing, where a change inside was undone',
      (session) => listOf(session).push(2) && listOf(session).pop(),
      [],
    ],
    ['a save, where an attribute was set', (session) => (session['n'] = 2), ['save']],
    ['a save, where something inside it changed', (session) => listOf(session).push(2), ['save']],
    ['a save, where one was removed', (session) => delete session['n'], ['save']],
    ['a save, where one was removed that was not there', (session) => delete session['no'], ['save']],
    ['one save for many changes', (session) => Object.assign(session, { a: 1, b: 2, n: 3 }), ['save']],
    ['a save, where it is to live longer', (session) => (session.maxInactiveInterval = 60), ['save']],
    ['nothing, where it is to live as long as before', (session) => (session.maxInactiveInterval = 1800), []],
    ['a save, where it was marked', (session) => session.markDirty(), ['save']],
    ['nothing more, where it has been saved', (session) => ((session['n'] = 2), session.save()), ['save']],
    [
      'nothing more, where the change was atomic',
      (session) => session.update('n', () => 5),
      ['compareAndSet'],
    ],
    [
      'another save for what was changed after one',
      async (session) => {
        session['n'] = 2;
        await session.save();
        session['n'] = 3;
      },
      ['save', 'save'],
    ],
  ])('%s', async (_what, use, expected) => {
    expect(await callsOf(use)).toEqual(expected);
  });

  it.each<Row>([
    ['nothing, where a new session stays empty', (session) => session['n'], []],
    ['nothing, where it is empty again', (session) => ((session['n'] = 1), delete session['n']), []],
    [
      'nothing, where it is empty and marked or saved',
      (session) => session.markDirty() ?? session.save(),
      [],
    ],
    ['a record, where something is in it', (session) => (session['n'] = 1), ['create']],
    ['a record, where a CSRF token was given out', (session) => session.csrfToken(), ['create']],
  ])('%s', async (_what, use, expected) => {
    const fixture = await start();
    const fresh = fixture.browser();
    expect(await callsOf(use, fresh)).toEqual(expected);
    expect(fresh.token === undefined).toBe(expected.length === 0);
  });

  it('the differences only, by their bytes', async () => {
    const fixture = new CoreFixture({
      wrap: (store) =>
        overriding(store, { save: (id, change) => (saves.push(change), store.save(id, change)) }),
    });
    const saves: SessionChange[] = [];
    const visitor = fixture.browser();
    await visitor.visit((session) => Object.assign(session, { a: 1, b: 2, c: 3 }));
    await visitor.visit((session) => {
      session['a'] = 'one';
      session['b'] = 2;
      delete session['c'];
    });
    const [change] = saves;
    expect([...(change?.set ?? [])].map(([name, bytes]) => [name, Buffer.from(bytes).toString()])).toEqual([
      ['a', '"one"'],
    ]);
    expect(change).toMatchObject({ remove: ['c'], maxInactiveInterval: undefined, authenticated: false });
  });
});

function listOf(session: AnySession): number[] {
  return session['list'] as number[];
}

describe('where each change is to be saved', () => {
  beforeEach(() => start({ saveOnChange: true }));

  it('those of one tick are one save, which the response waits for', async () => {
    expect(
      await callsOf(async (session) => {
        session['a'] = 1;
        session['b'] = 2;
        await nextTurn();
        expect(calls).toEqual(['load', 'save']);
        session['c'] = 3;
      }),
    ).toEqual(['save', 'save']);
    expect(await browser.visit((session) => ({ ...session }))).toMatchObject({ a: 1, b: 2, c: 3 });
  });

  it('one that fails is told in the log, and tried again at the end', async () => {
    let isDown = true;
    const fixture = new CoreFixture({
      rules: { saveOnChange: true },
      wrap: (store) =>
        overriding(store, {
          create: (id, session) =>
            isDown ? Promise.reject(new SessionStoreUnavailableError('down')) : store.create(id, session),
        }),
    });
    const visitor = fixture.browser();
    await visitor.visit(async (session) => {
      session['a'] = 1;
      await nextTurn();
      isDown = false;
    });
    expect(fixture.lines).toContainEqual(
      expect.stringMatching(/^warn .* a save in the background failed: down$/),
    );
    expect(await visitor.visit((session) => session['a'])).toBe(1);
  });
});

it('where each request is to be saved, one that only read is, once', async () => {
  await start({ alwaysSave: true });
  expect(await callsOf((session) => session['n'])).toEqual(['save']);
  expect(await callsOf((session) => session.save())).toEqual(['save']);
});

describe('an attribute that is a command', () => {
  const rules = { manualDirtyAttribute: '__dirty', persistOnDemandAttribute: '__save' };

  it('marks the session, or saves it at once, and is not stored', async () => {
    await start(rules);
    expect(await callsOf((session) => (session['__dirty'] = true))).toEqual(['save']);
    expect(
      await callsOf(async (session) => {
        session['__save'] = true;
        await nextTurn();
        expect(calls).toEqual(['load', 'save']);
      }),
    ).toEqual(['save']);
    expect(await browser.visit((session) => Object.keys(session))).toEqual(['n', 'list']);
  });

  it('is an ordinary one where it is switched off', async () => {
    await start();
    await browser.visit((session) => (session['__dirty'] = true));
    expect(await browser.visit((session) => session['__dirty'])).toBe(true);
  });
});

describe('a save that fails', () => {
  it('rejects the end of its request, and leaves the change to the next try', async () => {
    let fails = 0;
    const fixture = new CoreFixture({
      wrap: (store) =>
        overriding(store, {
          save: (id, change) =>
            fails-- > 0 ? Promise.reject(new SessionStoreUnavailableError('down')) : store.save(id, change),
        }),
    });
    const visitor = fixture.browser();
    await visitor.visit((session) => (session['n'] = 1));
    fails = 1;
    const request = await visitor.request();
    request.session['n'] = 2;
    await expect(request.answer()).rejects.toThrow('down');
    await request.answer();
    expect(await visitor.visit((session) => session['n'])).toBe(2);
  });

  it('for its size asks nothing of the store, names the limit, and is over once there is room', async () => {
    await start({ maxSessionBytes: 40, maxAttributes: 3 });
    calls.length = 0;
    const request = await browser.request();
    request.session['big'] = 'x'.repeat(100);
    expect(() => request.managed.commit()).toThrow(SessionLimitError);
    expect(() => request.managed.commit()).toThrow(/^The session would hold \d+ bytes; 40 are allowed/);
    delete request.session['big'];
    Object.assign(request.session, { b: 1, c: 2 });
    expect(() => request.managed.commit()).toThrow('The session would hold 4 attributes; 3 are allowed');
    delete request.session['c'];
    await request.answer();
    expect(calls).toEqual(['load', 'save']);
  });
});

describe('what a session is told to do while something is under way', () => {
  it('goes after it, and the response waits for all that was begun', async () => {
    const fixture = await start();
    const request = await browser.request();
    calls.length = 0;
    request.session['n'] = 2;
    const saved = request.session.save();
    request.session['n'] = 3;
    const renewed = request.session.regenerateId();
    await request.answer();
    expect(calls).toEqual(['save', 'renew']);
    await Promise.all([saved, renewed]);
    expect(await browser.visit((session) => session['n'])).toBe(3);
    await fixture.manager.idle();
  });

  it('is waited for by who stops the application, also where nobody else does', async () => {
    let goOn!: () => void;
    const held = new Promise<void>((resolve) => (goOn = resolve));
    const fixture = new CoreFixture({
      wrap: (store) => overriding(store, { create: (...args) => held.then(() => store.create(...args)) }),
    });
    const request = await fixture.browser().request();
    request.session['n'] = 1;
    void request.session.save();
    let isIdle = false;
    const idle = fixture.manager.idle().then(() => (isIdle = true));
    await nextTurn();
    expect(isIdle).toBe(false);
    goOn();
    await idle;
    expect(fixture.memory.size).toBe(1);
  });
});

it('what is assigned to a new session whose response has ended is left out, with a warning', async () => {
  const fixture = await start();
  const request = await fixture.browser().request();
  await request.answer();
  Object.assign(request.client, { ended: true });
  request.session['late'] = 1;
  expect(fixture.lines.at(-1)).toMatch(/^warn Attribute "late" is left out: .* whose response has ended/);
  expect(Object.keys(request.session)).toEqual([]);
});

it('with SAVE_ON_CHANGE, what changes while a save is under way is one more save, however often', async () => {
  let letGo = (): void => undefined;
  const held = new Promise<void>((resolve) => (letGo = resolve));
  const saved: SessionChange[] = [];
  const fixture = new CoreFixture({
    rules: { saveOnChange: true },
    wrap: (store) =>
      overriding(store, {
        save: async (id, change) => {
          saved.push(change);
          await held;
          return store.save(id, change);
        },
      }),
  });
  const visitor = fixture.browser();
  await visitor.visit((session) => (session['n'] = 0));
  const request = await visitor.request();
  for (let n = 1; n <= 100; n += 1) {
    request.session['n'] = n;
    await nextTurn();
  }
  letGo();
  await request.answer();
  expect(saved).toHaveLength(2);
  expect(await visitor.visit((session) => session['n'])).toBe(100);
});

it('with SAVE_ON_CHANGE, no answer waits for a job that changes something faster than it is saved', async () => {
  const fixture = new CoreFixture({
    rules: { saveOnChange: true },
    wrap: (store) =>
      overriding(store, {
        save: async (id, change) => {
          for (let turn = 0; turn < 10; turn += 1) await nextTurn();
          return store.save(id, change);
        },
      }),
  });
  const visitor = fixture.browser();
  await visitor.visit((session) => (session['n'] = 0));
  const request = await visitor.request();
  let answered: Promise<unknown> | undefined;
  let isAnswered = false;
  let turns = 0;
  for (; turns < 1000 && !isAnswered; turns += 1) {
    request.session['n'] = turns;
    if (turns === 50) answered = request.answer().then(() => (isAnswered = true));
    await nextTurn();
  }
  // A save under way, one that waits behind it, and that of the answer.
  expect(turns).toBeLessThan(100);
  await answered;
});

it.each([false, true])(
  'what a request owes does not go into the session that follows a logout under way (SAVE_ON_CHANGE: %s)',
  async (saveOnChange) => {
    const slow = async <T>(work: () => Promise<T>): Promise<T> => {
      for (let turn = 0; turn < 5; turn += 1) await nextTurn();
      return work();
    };
    const fixture = new CoreFixture({
      rules: { saveOnChange },
      wrap: (store) =>
        overriding(store, {
          save: (id, change) => slow(() => store.save(id, change)),
          destroy: (id, options) => slow(() => store.destroy(id, options)),
        }),
    });
    const visitor = fixture.browser();
    await visitor.visit((session) => (session['n'] = 0));
    const request = await visitor.request();
    request.session['n'] = 1;
    const saved = request.session.save();
    const answered = request.answer();
    request.session['secret'] = 'of who logged out';
    await nextTurn();
    await request.session.destroy();
    await Promise.all([saved, answered]);
    expect(await visitor.visit((session) => ({ ...session }))).toEqual({});
  },
);

it('what gives out a cookie is refused once the response waits for the last time: it would not leave with it', async () => {
  const fixture = await start();
  const request = await browser.request();
  Object.assign(request.client, { isClosing: true });
  await expect(request.session.authenticate('ann')).rejects.toThrow(/on its way/);
  await expect(request.session.regenerateId()).rejects.toThrow(/on its way/);
  const other = await fixture.browser().request();
  other.session['n'] = 1;
  Object.assign(other.client, { isClosing: true });
  await expect(other.session.save()).rejects.toThrow(/on its way/);
});
