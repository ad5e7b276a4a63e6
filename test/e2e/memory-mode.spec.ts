import { afterEach, expect, it } from '@jest/globals';
import { type SessionModuleOptions } from 'nestjs-redis-session';
import type { SessionId } from '../../lib/core/token.js';
import type { SessionStore } from '../../lib/core/store.js';
import { SESSION_BACKEND } from '../../lib/nest/tokens.js';
import { eachAdapter } from '../support/apps.js';
import { Browser } from '../support/cookie-jar.js';
import { eventually } from '../support/eventually.js';
import { startPlayground, type AnySession, type Playground } from './helpers/playground.js';

/** A clock that only the test moves. */
class Clock {
  #now = 1_700_000_000_000;
  readonly now = (): number => this.#now;
  pass(seconds: number): void {
    this.#now += seconds * 1000;
  }
}

eachAdapter('sessions in this process’s memory', (adapter) => {
  let site: Playground;
  let clock: Clock;
  afterEach(() => site.close());

  const start = async (options: SessionModuleOptions = {}): Promise<void> => {
    clock = new Clock();
    site = await startPlayground(adapter, { now: clock.now, ...options });
  };
  const store = async (value: unknown): Promise<Browser> => {
    const browser = new Browser(site.url);
    await site.visit(browser, (session) => void (session.value = value));
    return browser;
  };
  /** When a session was used last, epoch milliseconds; a look at it is no use. */
  const lastUse = async (id: string): Promise<number | undefined> => {
    const { store: memory } = site.app.get<{ store: SessionStore }>(SESSION_BACKEND);
    const outcome = await memory.load(id as SessionId, { touch: false });
    return outcome.status === 'found' ? outcome.record.lastAccessedAt : undefined;
  };
  const valueOf = async (browser: Browser): Promise<unknown> =>
    (await site.visit(browser, ({ value }) => value)).result;

  it('are the default without redis options, and the banner says so and how to change it', async () => {
    await start();
    expect(await valueOf(await store({ cart: new Map([['tea', 1]]) }))).toEqual({
      cart: new Map([['tea', 1]]),
    });
    expect(site.log.text()).toMatch(/this process/);
    expect(site.log.text()).toContain('REDIS_SESSION_ENABLED');
  });

  it('are what REDIS_SESSION_ENABLED=false asks for, wherever Redis is: it is never contacted', async () => {
    await start({ enabled: false, redis: { host: '127.0.0.1', port: 1 } });
    expect(await valueOf(await store('here'))).toBe('here');
  });

  it('hold values, not references: nobody changes what is stored without a save', async () => {
    await start();
    const list = ['a'];
    const browser = await store(list);
    list.push('later');
    expect(await valueOf(browser)).toEqual(['a']);
    const { result } = await site.visit(browser, ({ value }) => value as string[]);
    result.push('later');
    expect(await valueOf(browser)).toEqual(['a']);
  });

  it('end when they have been idle, by the clock; each use starts the idle life anew', async () => {
    await start({ idleTimeoutSeconds: 600 });
    const browser = await store('v');
    for (let use = 0; use < 3; use += 1) {
      clock.pass(599);
      expect(await valueOf(browser)).toBe('v');
    }
    clock.pass(601);
    expect((await site.visit(browser, (session) => [session.value, session.isNew])).result).toEqual([
      undefined,
      true,
    ]);
  });

  it('do not end while a request is open, however long that takes, nor is what it writes lost', async () => {
    await start({ idleTimeoutSeconds: 600 });
    const browser = await store('v');
    const { result } = await site.visit(browser, async (session) => {
      for (let half = 0; half < 5; half += 1) {
        clock.pass(400);
        await eventually('the session is used', async () =>
          (await lastUse(session.id)) === clock.now() ? true : undefined,
        );
      }
      session.value = 'late';
      return session.isNew;
    });
    expect(result).toBe(false);
    expect(await valueOf(browser)).toBe('late');
    clock.pass(601);
    expect(await valueOf(browser)).toBeUndefined();
  });

  it('end at their absolute timeout, however much they are used', async () => {
    await start({ idleTimeoutSeconds: 600, absoluteTimeoutSeconds: 1000 });
    const browser = await store('v');
    clock.pass(500);
    expect(await valueOf(browser)).toBe('v');
    clock.pass(499);
    expect(await valueOf(browser)).toBe('v');
    clock.pass(2);
    expect(await valueOf(browser)).toBeUndefined();
  });

  it('follow their own maxInactiveInterval', async () => {
    await start();
    const browser = await store('v');
    await site.visit(browser, (session) => void (session.maxInactiveInterval = 10));
    clock.pass(9);
    expect(await valueOf(browser)).toBe('v');
    clock.pass(11);
    expect(await valueOf(browser)).toBeUndefined();
  });

  it('tell their times by the clock', async () => {
    await start();
    const begun = clock.now();
    const browser = await store('v');
    clock.pass(60);
    const times = (session: AnySession): unknown[] => [
      session.createdAt.getTime(),
      session.lastAccessedAt.getTime(),
      session.expiresAt?.getTime(),
    ];
    expect((await site.visit(browser, times)).result).toEqual([begun, begun, begun + 60_000 + 1_800_000]);
    clock.pass(5);
    expect((await site.visit(browser, times)).result).toEqual([
      begun,
      begun + 60_000,
      begun + 65_000 + 1_800_000,
    ]);
  });

  it('are bounded in number: the oldest go first', async () => {
    await start({ memory: { maxSessions: 3 } });
    const browsers: Browser[] = [];
    for (let at = 0; at < 5; at += 1) browsers.push(await store(at));
    const kept: unknown[] = [];
    for (const browser of browsers) kept.push(await valueOf(browser));
    expect(kept).toEqual([undefined, undefined, 2, 3, 4]);
  });

  it('are bounded in bytes: the oldest go first', async () => {
    await start({ memory: { maxBytes: 25_000 } });
    const browsers: Browser[] = [];
    for (let at = 0; at < 3; at += 1) browsers.push(await store(`${at}${'x'.repeat(10_000)}`));
    const kept: boolean[] = [];
    for (const browser of browsers) kept.push((await valueOf(browser)) !== undefined);
    expect(kept).toEqual([false, true, true]);
  });

  it('are weighed with what each attribute takes beside its bytes', async () => {
    await start({ memory: { maxBytes: 15_000 } });
    const browsers = [1, 2, 3].map(() => new Browser(site.url));
    const many = Object.fromEntries(Array.from({ length: 20 }, (_, at) => [`a${at}`, at]));
    for (const browser of browsers) await site.visit(browser, (session) => void Object.assign(session, many));
    const kept: number[] = [];
    for (const browser of browsers) {
      kept.push((await site.visit(browser, (session) => Object.keys(session).length)).result);
    }
    expect(kept).toEqual([0, 20, 20]);
  });

  it('know login, id change and logout', async () => {
    await start();
    const browser = await store('cart');
    const straggler = browser.clone();
    await site.visit(browser, (session) => session.authenticate('ada'));
    expect((await site.visit(browser, ({ value, principal }) => [value, principal])).result).toEqual([
      'cart',
      'ada',
    ]);
    expect(await valueOf(straggler)).toBeUndefined();
    const loggedIn = browser.clone();
    await site.visit(browser, (session) => session.destroy());
    expect(await valueOf(loggedIn)).toBeUndefined();
  });

  it('two requests that change different attributes at once both win', async () => {
    await start();
    const browser = await store('v');
    let arrived = 0;
    let letGo: (() => void) | undefined;
    const both = new Promise<void>((resolve) => (letGo = resolve));
    const change = (name: string) => async (session: AnySession) => {
      if ((arrived += 1) === 2) letGo?.();
      await both;
      session[name] = 'won';
    };
    await Promise.all([site.visit(browser, change('one')), site.visit(browser, change('two'))]);
    const { result } = await site.visit(browser, (session) => ({ ...session }));
    expect(result).toEqual({ value: 'v', one: 'won', two: 'won' });
  });

  it('update() counts every one of many at once', async () => {
    await start();
    const browser = await store('v');
    const count = (session: AnySession): Promise<unknown> =>
      session.update('other', (current) => Number(current ?? 0) + 1);
    await Promise.all(Array.from({ length: 30 }, () => site.visit(browser, count)));
    expect((await site.visit(browser, ({ other }) => other)).result).toBe(30);
  });
});
