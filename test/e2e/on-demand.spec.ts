import { afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { SessionGoneError, SessionHeadersSentError, type SessionModuleOptions } from 'nestjs-redis-session';
import { eachAdapter } from '../support/apps.js';
import { watchCommands, type CommandWatch } from '../support/commands.js';
import { Browser } from '../support/cookie-jar.js';
import { startRedis, type RedisProcess } from '../support/redis-server.js';
import { eventually } from '../support/eventually.js';
import { redisAt, startPlayground, type AnySession, type Playground } from './helpers/playground.js';
import { takeWrites } from './helpers/traffic.js';

const DIRTY = '__dot_session_attribute_changed__';
const PERSIST = '__dot_session_persist_now__';

let redis: RedisProcess;
let watch: CommandWatch;
beforeAll(async () => {
  redis = await startRedis();
  watch = await watchCommands(redis.port);
});

/** Waits for the first writes that the server gets from now on. */
function nextWrites(): Promise<string[]> {
  return eventually('a write', async () => {
    const writes = await takeWrites(watch);
    return writes.length > 0 ? writes : undefined;
  });
}

eachAdapter('saving on demand', (adapter) => {
  let site: Playground;
  afterEach(() => site.close());

  const start = async (options: SessionModuleOptions = {}): Promise<Browser> => {
    site = await startPlayground(adapter, { ...redisAt(redis), storeGuests: true, ...options });
    const browser = new Browser(site.url);
    await site.visit(browser, (session) => void Object.assign(session, { value: ['a'], other: 1 }));
    await watch.take();
    return browser;
  };
  const stored = async (browser: Browser): Promise<Record<string, unknown>> =>
    (await site.visit(browser, (session) => ({ ...session }))).result;

  describe.each([
    ['by default', DIRTY, PERSIST, {}],
    [
      'under configured names',
      'app.dirty',
      'app.now',
      { manualDirtyAttribute: 'app.dirty', persistOnDemandAttribute: 'app.now' },
    ],
  ] as const)('%s', (_when, dirty, persist, options) => {
    it('the manual-dirty attribute saves once at the end of the request and is never stored', async () => {
      const browser = await start(options);
      await site.visit(browser, async (session) => {
        session[dirty] = true;
        session[dirty] = 'again';
        expect(session[dirty]).toBeUndefined();
        expect(dirty in session).toBe(false);
        await site.sessions.open(session.id);
        expect(await takeWrites(watch)).toEqual([]);
      });
      expect(await takeWrites(watch)).toEqual(['save']);
      expect(await stored(browser)).toEqual({ value: ['a'], other: 1 });
    });

    it('the persist-now attribute saves while the handler still runs and is never stored', async () => {
      const browser = await start(options);
      await site.visit(browser, async (session) => {
        (session.value as string[]).push('b');
        session[persist] = true;
        expect(persist in session).toBe(false);
        expect(await nextWrites()).toEqual(['save']);
      });
      expect(await takeWrites(watch)).toEqual([]);
      expect(await stored(browser)).toEqual({ value: ['a', 'b'], other: 1 });
    });

    it('the persist-now attribute saves long after the request has ended, from a timer or a job', async () => {
      const browser = await start(options);
      let fireTimer: (() => void) | undefined;
      await site.visit(browser, (session) => {
        fireTimer = () => {
          (session.value as string[]).push('late');
          session.other = 2;
          session[persist] = 'now';
        };
      });
      expect(await takeWrites(watch)).toEqual([]);
      fireTimer?.();
      expect(await nextWrites()).toEqual(['save']);
      expect(await stored(browser)).toEqual({ value: ['a', 'late'], other: 2 });
    });
  });

  it.each([
    [DIRTY, { manualDirtyAttribute: 'mine' }],
    [PERSIST, { persistOnDemandAttribute: 'mine' }],
    [DIRTY, { manualDirtyTracking: false }],
    [PERSIST, { persistOnDemand: false }],
  ])('%s is an ordinary attribute with %j', async (name, options) => {
    const browser = await start(options);
    await site.visit(browser, (session) => {
      session[name] = 'plain';
      expect(session[name]).toBe('plain');
    });
    expect(await takeWrites(watch)).toEqual(['save']);
    expect(await stored(browser)).toEqual({ value: ['a'], other: 1, [name]: 'plain' });
  });

  it('markDirty() saves at the end of the request although nothing changed, once', async () => {
    const browser = await start();
    await site.visit(browser, (session) => {
      session.markDirty();
      session.markDirty();
    });
    expect(await takeWrites(watch)).toEqual(['save']);
  });

  it.each<[string, (session: AnySession) => void]>([
    ['markDirty()', (session) => session.markDirty()],
    ['the manual-dirty attribute', (session) => void (session[DIRTY] = true)],
    ['the persist-now attribute', (session) => void (session[PERSIST] = true)],
  ])('%s stores no new session that is empty', async (_name, use) => {
    await start();
    const { response } = await site.visit(new Browser(site.url), use);
    expect(await takeWrites(watch)).toEqual([]);
    expect(response.setCookies).toEqual([]);
  });

  it('save() has stored the changes when it resolves, and the end of the request writes nothing more', async () => {
    const browser = await start();
    await site.visit(browser, async (session) => {
      session.other = 2;
      await session.save();
      expect(await takeWrites(watch)).toEqual(['save']);
      const elsewhere = await site.sessions.open<{ other: number }>(session.id);
      expect(elsewhere?.other).toBe(2);
    });
    expect(await takeWrites(watch)).toEqual([]);
  });

  it('save() writes although nothing changed', async () => {
    const browser = await start();
    await site.visit(browser, (session) => session.save());
    expect(await takeWrites(watch)).toEqual(['save']);
  });

  it('save() creates a new session at once, and its cookie goes with the response', async () => {
    await start();
    const browser = new Browser(site.url);
    const { response } = await site.visit(browser, async (session) => {
      session.value = 1;
      await session.save();
      expect(await takeWrites(watch)).toEqual(['create']);
    });
    expect(response.setCookies).toHaveLength(1);
    expect(await stored(browser)).toEqual({ value: 1 });
  });

  it('save() works after the request, with changes made then', async () => {
    const browser = await start();
    const { result } = await site.visit(browser, (session) => [session]);
    const [session] = result as [AnySession];
    session.other = 'late';
    await session.save();
    expect(await stored(browser)).toEqual({ value: ['a'], other: 'late' });
  });

  it('save() of a session that was destroyed elsewhere rejects and does not bring it back', async () => {
    const browser = await start();
    const { result } = await site.visit(browser, (session) => [session]);
    const [session] = result as [AnySession];
    await site.sessions.destroy(session.id);
    session.other = 'late';
    await expect(session.save()).rejects.toThrow(SessionGoneError);
    expect(await site.sessions.open(session.id)).toBeUndefined();
  });

  it('a new session cannot begin once its response has ended: told in the log, since nobody could catch it', async () => {
    await start();
    const { result } = await site.visit(new Browser(site.url), (session) => [session]);
    const [session] = result as [AnySession];
    session.value = 1;
    session[PERSIST] = true;
    expect(session.value).toBeUndefined();
    await expect(session.update('value', () => 1)).rejects.toThrow(SessionHeadersSentError);
    expect(site.log.messages('warn').join()).toMatch(/"value" is left out: .*whose response has ended/);
    expect(await takeWrites(watch)).toEqual([]);
  });
});
