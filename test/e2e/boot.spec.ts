import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { RedisSessionModule } from 'nestjs-redis-session';
import { inspect } from 'node:util';
import { bannerLines } from '../../lib/config/banner.js';
import { resolveSettings } from '../../lib/config/resolve.js';
import { adapters, eachAdapter, LogSink, startApp } from '../support/apps.js';
import { watchCommands } from '../support/commands.js';
import { Browser } from '../support/cookie-jar.js';
import { eventually } from '../support/eventually.js';
import { freePort } from '../support/free-port.js';
import { startRedis } from '../support/redis-server.js';
import { startProxy } from '../support/tcp-proxy.js';
import { at, configured, observer, probe, type SessionView } from './fixtures/probe.js';

const SECRET = 'Xq7-canary-hunter2';
const RING = 'Tr0ub4dor-horse-battery-lamp-moon-7';

const SUCCESS = 'Successful! Redis-based sessions will expire after 1800 seconds.';

/** Whatever is not Nest's and is shown unless the application asks for less, in order. */
function bootLog(logger: LogSink): string[] {
  return logger
    .ours()
    .filter(({ level }) => level !== 'debug' && level !== 'verbose')
    .map(({ level, message }) => (level === 'log' ? message : `${level}: ${message}`));
}

/** What is printed by no logger. */
function printedBeside(): () => string {
  const texts: string[] = [];
  for (const method of ['log', 'info', 'warn', 'error'] as const) {
    jest.spyOn(console, method).mockImplementation((...parts: unknown[]) => void texts.push(inspect(parts)));
  }
  return () => texts.join('\n');
}

afterEach(() => {
  jest.restoreAllMocks();
});

eachAdapter('the banner', (adapter) => {
  it('is the one entry of a boot: each setting in effect for Redis, secrets masked, and the success at its end', async () => {
    const redis = await startRedis({ password: SECRET });
    const logger = new LogSink();
    const printed = printedBeside();
    const settings = {
      ...at(redis),
      REDIS_SESSION_PASSWORD: SECRET,
      REDIS_SESSION_CLUSTER_ID: 'shop',
      REDIS_SESSION_SECRETS: RING,
    };
    await startApp(adapter, configured(settings), { logger });
    const banner = bannerLines(
      resolveSettings({}, (name) => (settings as Record<string, unknown>)[name]),
      'RedisSessionInterceptor attached to every HTTP handler, the deferred response behind it',
    );
    expect(bootLog(logger)).toEqual([[...banner, SUCCESS].join('\n')]);
    expect(printed()).toBe('');
    for (const masked of ['PASSWORD', 'SECRETS']) {
      expect(banner).toContain(`[✓] REDIS_SESSION_${masked}: - Set -`);
    }
    expect(logger.text()).not.toContain(SECRET);
    expect(logger.text()).not.toContain(RING);
  });

  it('says without Redis that sessions live in this process, and how to change that', async () => {
    const logger = new LogSink();
    await startApp(adapter, configured({ REDIS_SESSION_HOST: 'unused' }), { logger });
    const banner = bannerLines(
      resolveSettings({}),
      'RedisSessionInterceptor attached to every HTTP handler, the deferred response behind it',
    );
    expect(banner).toContain('Set REDIS_SESSION_ENABLED=true to keep them in Redis.');
    expect(bootLog(logger)).toEqual([
      banner.join('\n'),
      'warn: Without effect: REDIS_SESSION_HOST. Sessions live in this process; ' +
        'set REDIS_SESSION_ENABLED=true to keep them in Redis.',
    ]);
  });

  it('claims success only once Redis has answered a PING', async () => {
    const redis = await startRedis();
    const proxy = await startProxy(redis.port);
    const watch = await watchCommands(redis.port, { ignore: [] });
    proxy.stall();
    const logger = new LogSink();
    const started = startApp(adapter, configured({ ...at(proxy), REDIS_SESSION_TIMEOUT: '5000' }), {
      logger,
    });
    await eventually('it asks Redis', () => (proxy.connections > 0 ? true : undefined));
    expect(logger.text()).not.toContain(SUCCESS);
    expect((await watch.take()).map(({ name }) => name)).not.toContain('PING');
    proxy.unstall();
    await started;
    expect(bootLog(logger).at(-1)?.split('\n').at(-1)).toBe(SUCCESS);
    expect((await watch.take()).map(({ name }) => name)).toContain('PING');
  });

  it('comes before the wait for a Redis that may take long, and the success after it', async () => {
    const port = await freePort();
    const logger = new LogSink();
    const settings = { ...at({ host: '127.0.0.1', port }), REDIS_SESSION_STARTUP: 'wait' };
    const started = startApp(adapter, configured(settings), { logger });
    await eventually('it has looked for Redis', () =>
      bootLog(logger).some((entry) => entry.includes('ECONNREFUSED')) ? true : undefined,
    );
    const [banner = '', ...warnings] = bootLog(logger);
    expect(banner).toContain('[✓] REDIS_SESSION_STARTUP: wait');
    expect(banner).not.toContain(SUCCESS);
    expect(warnings).toEqual([expect.stringMatching(/^warn: .*ECONNREFUSED/)]);
    await startRedis({ port });
    await started;
    expect(bootLog(logger).slice(2)).toEqual([expect.stringContaining('is back'), SUCCESS]);
  });
});

describe('the application does not start', () => {
  /** The error of a start that fails, and all that was logged. */
  async function failure(settings: Record<string, unknown>): Promise<{ message: string; all: string }> {
    const logger = new LogSink();
    try {
      await startApp('express', configured(settings), { logger });
    } catch (error) {
      // What was tried is told, and not that it went well.
      expect(logger.text()).not.toContain(SUCCESS);
      return {
        message: (error as Error).message,
        all: `${inspect(error, { showHidden: true, depth: 10 })}\n${logger.text()}`,
      };
    }
    throw new Error('It did start.');
  }

  it('with a wrong password, which it does not tell', async () => {
    const redis = await startRedis({ password: 'the-right-one' });
    const { message, all } = await failure({ ...at(redis), REDIS_SESSION_PASSWORD: SECRET });
    expect(message).toContain(`Redis at 127.0.0.1:${redis.port} cannot serve sessions: WRONGPASS.`);
    expect(message).toContain('Check REDIS_SESSION_USERNAME and REDIS_SESSION_PASSWORD.');
    expect(all).not.toContain(SECRET);
  });

  it('without the password that Redis asks for', async () => {
    const redis = await startRedis({ password: SECRET });
    const { message, all } = await failure(at(redis));
    expect(message).toMatch(/NOAUTH.*REDIS_SESSION_PASSWORD/);
    expect(all).not.toContain(SECRET);
  });

  it('with a user that may not do what is needed', async () => {
    const redis = await startRedis({ aclFile: [`user app on >${SECRET} ~* -@all +hello +info`] });
    const credentials = { REDIS_SESSION_USERNAME: 'app', REDIS_SESSION_PASSWORD: SECRET };
    const { message, all } = await failure({ ...at(redis), ...credentials });
    expect(message).toMatch(/NOPERM.*ACL of REDIS_SESSION_USERNAME/);
    expect(all).not.toContain(SECRET);
  });

  it('when nobody listens: names host, port and what to check', async () => {
    const port = await freePort();
    const { message } = await failure(at({ host: '127.0.0.1', port }));
    expect(message).toContain(`Redis at 127.0.0.1:${port} cannot serve sessions: ECONNREFUSED.`);
    expect(message).toContain('Check REDIS_SESSION_HOST and REDIS_SESSION_PORT, and that the server is up.');
  });

  it('when the host is not known', async () => {
    const { message } = await failure(at({ host: 'nowhere.invalid', port: 6379 }));
    expect(message).toMatch(
      /^Redis at nowhere\.invalid:6379 .*(ENOTFOUND|EAI_AGAIN).*Check the host name in REDIS_SESSION_HOST/,
    );
  });

  it('when Redis hangs: within the timeout, and no connection is left behind', async () => {
    const redis = await startRedis();
    const proxy = await startProxy(redis.port);
    proxy.stall();
    const start = performance.now();
    const { message } = await failure({ ...at(proxy), REDIS_SESSION_TIMEOUT: '200' });
    expect(performance.now() - start).toBeLessThan(10_000);
    expect(message).toMatch(/did not answer|answered in 200 ms/);
    proxy.unstall();
    const clients = (await observer(redis.port).client('LIST')) as string;
    expect(clients.trim().split('\n')).toHaveLength(1);
  });

  it('with bad settings: one error lists them all, under the names that were used', async () => {
    const { message, all } = await failure({
      REDIS_SESSION_ENABLED: 'perhaps',
      TOMCAT_REDIS_SESSION_PORT: '99999',
      REDIS_SESSION_TIMEOUT: 'soon',
      REDIS_SESSION_PERSISTENT_POLICIES: 'DEFAULT,NEVER',
      REDIS_SESSION_SECRETS: SECRET,
      REDIS_SESSION_COOKIE_SAME_SITE: 'none',
      REDIS_SESSION_SENTINELS: 's1:26379',
      connectionPoolFairness: 'true',
    });
    const lines = message.split('\n');
    expect(lines[0]).toBe('The session settings cannot be used: 8 faults. Correct and start again.');
    expect(lines.slice(1).map((line) => /^- (\w+)/.exec(line)?.[1])).toEqual(
      expect.arrayContaining([
        'REDIS_SESSION_ENABLED',
        'TOMCAT_REDIS_SESSION_PORT',
        'REDIS_SESSION_TIMEOUT',
        'REDIS_SESSION_PERSISTENT_POLICIES',
        'REDIS_SESSION_SECRETS',
        'REDIS_SESSION_COOKIE_SAME_SITE',
        'REDIS_SESSION_SENTINELS',
        'connectionPoolFairness',
      ]),
    );
    expect(message).toContain('- TOMCAT_REDIS_SESSION_PORT = "99999": must be');
    expect(all).not.toContain(SECRET);
  });

  it('with a misspelt option in code', async () => {
    const options = { redis: { hots: 'redis' } } as object;
    const started = startApp('express', probe(RedisSessionModule.forRoot(options)));
    await expect(started).rejects.toThrow(/redis\.hots: is not an option; known in redis: client, url, /);
  });
});

describe('the names that an existing environment file uses', () => {
  it.each(adapters)('work end to end (%s)', async (adapter) => {
    const redis = await startRedis({ aclFile: ['user default off', `user tom on >${SECRET} ~* &* +@all`] });
    const { url } = await startApp(
      adapter,
      configured({
        TOMCAT_REDIS_SESSION_ENABLED: 'true',
        TOMCAT_REDIS_SESSION_HOST: redis.host,
        TOMCAT_REDIS_SESSION_PORT: String(redis.port),
        TOMCAT_REDIS_SESSION_USERNAME: 'tom',
        TOMCAT_REDIS_SESSION_PASSWORD: SECRET,
        TOMCAT_REDIS_SESSION_SSL_ENABLED: 'false',
        TOMCAT_REDIS_SESSION_DATABASE: '3',
        TOMCAT_REDIS_SESSION_TIMEOUT: '2000',
        TOMCAT_REDIS_USER_SESSION_TIMEOUT: '600',
        TOMCAT_REDIS_SESSION_PERSISTENT_POLICIES: 'DEFAULT',
        TOMCAT_REDIS_MANUAL_DIRTY_TRACKING_SUPPORT: 'true',
        TOMCAT_REDIS_MANUAL_DIRTY_TRACKING_KEY: '__dirty__',
        TOMCAT_REDIS_PERSIST_ON_DEMAND: 'true',
        TOMCAT_REDIS_PERSIST_ON_DEMAND_ATTR: '__now__',
        TOMCAT_REDIS_ENABLED_FOR_ANON_TRAFFIC: 'true',
        TOMCAT_REDIS_UNDEFINED_SESSION_TYPE_TIMEOUT: '15',
        TOMCAT_REDIS_MAX_CONNECTIONS: '1',
        DOT_DOTCMS_CLUSTER_ID: 'dot',
      }),
    );
    const browser = new Browser(url);
    await browser.post('/session', { fruit: 'apple', __dirty__: true, __now__: true });
    const { attributes, maxInactiveInterval } = (await browser.get('/session')).json<SessionView>();
    expect({ attributes, maxInactiveInterval }).toEqual({
      attributes: { fruit: 'apple' },
      maxInactiveInterval: 600,
    });
    const store = observer(redis.port, { db: 3, username: 'tom', password: SECRET });
    const [key = '', ...more] = await store.keys('*');
    expect(more).toEqual([]);
    expect(key.startsWith('dot:session:')).toBe(true);
    expect(await store.pttl(key)).toBeGreaterThan(590_000);
  });
});
