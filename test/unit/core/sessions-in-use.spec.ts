import { beforeEach, describe, expect, it } from '@jest/globals';
import { SessionStoreUnavailableError } from '../../../lib/core/errors.js';
import { SessionsInUse } from '../../../lib/core/sessions-in-use.js';
import type { SessionStore } from '../../../lib/core/store.js';
import { CoreFixture, overriding, type FakeBrowser, type FakeRequest } from './helpers.js';

const IDLE_S = 60;

let fixture: CoreFixture;
let inUse: SessionsInUse;
let touches: string[];
let touch: (id: string, store: SessionStore) => Promise<void>;
/** Timers that have not fired, and how many there ever were. */
let timers: { at: number; call: () => void }[];
let started: number;

beforeEach(() => {
  touches = [];
  timers = [];
  started = 0;
  touch = (id, store) => store.touch(id as never);
  fixture = new CoreFixture({
    rules: { maxInactiveInterval: IDLE_S },
    wrap: (store) =>
      overriding(store, {
        touch: (id) => {
          touches.push(id);
          return touch(id, store);
        },
      }),
  });
  inUse = new SessionsInUse(fixture.store, {
    now: fixture.clock.now,
    after: (milliseconds, call) => {
      started += 1;
      timers.push({ at: fixture.clock.now() + milliseconds, call });
    },
  });
});

/** Lets time pass, timers and what they begin included. */
async function pass(seconds: number): Promise<void> {
  const until = fixture.clock.now() + seconds * 1000;
  while (fixture.clock.now() < until) {
    const next = Math.min(until, ...timers.map(({ at }) => at));
    fixture.clock.advance((next - fixture.clock.now()) / 1000);
    const due = timers.filter(({ at }) => at <= next);
    timers = timers.filter(({ at }) => at > next);
    for (const { call } of due) call();
    await new Promise((resolve) => setImmediate(resolve));
  }
}

async function loggedIn(): Promise<FakeBrowser> {
  const browser = fixture.browser();
  await browser.visit((session) => session.authenticate('ann'));
  return browser;
}

/** A request of it that is under way, and what ends it. */
async function open(browser: FakeBrowser): Promise<{ request: FakeRequest; close: () => void }> {
  const request = await browser.request();
  const close = inUse.during(request.managed, () => false);
  return { request, close };
}

describe('a session in use', () => {
  it.each([
    ['its idle time', undefined],
    ['one of its own that is short', 2],
    ['one of its own that is long', 3600],
  ])(
    'does not expire however much longer a request lasts than %s, and is saved at its end',
    async (_what, own) => {
      const browser = await loggedIn();
      if (own !== undefined) await browser.visit((session) => void (session.maxInactiveInterval = own));
      const { request, close } = await open(browser);
      await pass(5 * (own ?? IDLE_S));
      request.session['late'] = 'write';
      await request.answer();
      close();
      expect(await browser.visit(({ principal, late }) => [principal, late])).toEqual(['ann', 'write']);
    },
  );

  it('is touched about twice in its idle time, and no more once the response has closed', async () => {
    const browser = await loggedIn();
    const { close } = await open(browser);
    await pass(10 * IDLE_S);
    expect(touches.length).toBeGreaterThanOrEqual(18);
    expect(touches.length).toBeLessThanOrEqual(20);
    close();
    const before = touches.length;
    await pass(IDLE_S + 1);
    expect(touches).toHaveLength(before);
    expect(await browser.visit(({ principal }) => principal)).toBeUndefined();
    expect(timers).toEqual([]);
  });

  it('costs requests that are short no touch, and all of them together one timer at a time', async () => {
    const browsers = [await loggedIn(), await loggedIn()];
    for (let n = 0; n < 200; n += 1) {
      const requests = await Promise.all(browsers.map(open));
      await pass(0.1);
      for (const { close } of requests) close();
    }
    expect(touches).toEqual([]);
    expect(started).toBeLessThanOrEqual(1 + 20 / 0.25);
    expect(timers).toHaveLength(1);
    await pass(1);
    expect(timers).toEqual([]);
  });

  it.each([0, 0.1, 0.2, 0.249])(
    'is kept with the shortest life that there is, opened %d s after a look',
    async (later) => {
      const [long, short] = [await loggedIn(), await loggedIn()];
      await short.visit((session) => void (session.maxInactiveInterval = 1));
      await open(long);
      await pass(later);
      await open(short);
      await pass(5);
      expect(await short.visit(({ principal }) => principal)).toBe('ann');
    },
  );

  it('is followed to its new id, and left alone when it has ended, is new, or never ends for idleness', async () => {
    const browser = await loggedIn();
    const { request } = await open(browser);
    await request.session.regenerateId();
    await pass(IDLE_S);
    expect(new Set(touches)).toEqual(new Set([request.session.id]));
    await request.session.destroy();
    touches.length = 0;
    await open(fixture.browser());
    const endless = await loggedIn();
    await endless.visit((session) => void (session.maxInactiveInterval = -1));
    await open(endless);
    await pass(3 * IDLE_S);
    expect(touches).toEqual([]);
  });

  it('is not waited for where its client has left, and nobody says that its request is over', async () => {
    const browser = await loggedIn();
    const request = await browser.request();
    let isOver = false;
    inUse.during(request.managed, () => isOver);
    isOver = true;
    await pass(3 * IDLE_S);
    expect([touches, started]).toEqual([[], 1]);
  });

  it('is tried again where the store fails', async () => {
    const browser = await loggedIn();
    await open(browser);
    touch = () => Promise.reject(new SessionStoreUnavailableError('down'));
    await pass(0.75 * IDLE_S);
    touch = (id, store) => store.touch(id as never);
    await pass(IDLE_S);
    expect(await browser.visit(({ principal }) => principal)).toBe('ann');
  });

  it('with thousands of others has at most a hundred touches under way', async () => {
    const browsers = await Promise.all(Array.from({ length: 500 }, loggedIn));
    await Promise.all(browsers.map(open));
    let [underWay, most] = [0, 0];
    touch = async (id, store) => {
      most = Math.max(most, (underWay += 1));
      await new Promise((resolve) => setImmediate(resolve));
      await store.touch(id as never);
      underWay -= 1;
    };
    await pass(3 * IDLE_S);
    expect(most).toBe(100);
    for (const browser of browsers) expect(await browser.visit(({ principal }) => principal)).toBe('ann');
  });
});
