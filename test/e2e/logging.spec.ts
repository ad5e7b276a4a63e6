import { describe, expect, it } from '@jest/globals';
import { ConsoleLogger, type LogLevel } from '@nestjs/common';
import { createHash } from 'node:crypto';
import { eachAdapter, LogSink, startApp } from '../support/apps.js';
import { Browser } from '../support/cookie-jar.js';
import { startRedis } from '../support/redis-server.js';
import { startProxy } from '../support/tcp-proxy.js';
import { at, configured, observer } from './fixtures/probe.js';

const PASSWORD = 'Xq7-canary-password';
const VALUE = 'canary-value-of-an-attribute';
const RING = 'Tr0ub4dor-horse-battery-lamp-moon-7';

eachAdapter('what is logged', (adapter) => {
  it('of a session that works: nothing above debug', async () => {
    const redis = await startRedis();
    const logger = new LogSink();
    const { url, close } = await startApp(adapter, configured(at(redis)), { logger });
    const browser = new Browser(url);
    logger.clear();
    await browser.get('/plain');
    await browser.post('/session', { fruit: VALUE });
    await browser.post('/login/ann');
    await browser.post('/session', { fruit: 'pear' });
    await browser.post('/logout');
    await browser.get('/session');
    expect(logger.ours().filter(({ level }) => level !== 'debug' && level !== 'verbose')).toEqual([]);
    await close();
  });

  it('at debug and verbose: each decision, with the public id and a context', async () => {
    const redis = await startRedis();
    const logger = new LogSink();
    const { url, close } = await startApp(adapter, configured(at(redis)), { logger });
    const browser = new Browser(url);
    const told = async (action: () => Promise<unknown>): Promise<string[]> => {
      logger.clear();
      await action();
      return logger.ours().map(({ level, context, message }) => `${level} [${context}] ${message}`);
    };
    const start = '\\w+ \\[\\w*Session\\w*\\] Session';
    let id = '';
    const created = await told(async () => {
      id = (await browser.post('/session', { fruit: 'apple' })).text;
    });
    expect(created.join('\n')).toMatch(new RegExp(`${start} ${id}: created because the request ended`));

    const saved = await told(() => browser.post('/session', { fruit: 'pear' }));
    expect(saved.join('\n')).toMatch(new RegExp(`${start} ${id}: loaded`));
    expect(saved.join('\n')).toMatch(new RegExp(`${start} ${id}: saved because the request ended`));

    const read = await told(() => browser.get('/session'));
    expect(read.join('\n')).toMatch(new RegExp(`${start} ${id}: not saved`));

    let next = '';
    const login = await told(async () => {
      next = (await browser.post('/login/ann')).text;
    });
    expect(login.join('\n')).toMatch(new RegExp(`${start} ${id}: renewed as ${next} by a login`));

    const cookie = `sid=${browser.cookie('sid')}`;
    const logout = await told(() => browser.post('/logout'));
    expect(logout.join('\n')).toMatch(new RegExp(`${start} ${next}: destroyed`));

    const late = await told(() => browser.get('/session', { cookie }));
    expect(late.join('\n')).toContain(next);

    expect(await told(() => browser.get('/plain'))).toEqual([]);
    await close();
  });

  it('of what cannot be stored: a warning with name and reason, not the value', async () => {
    const logger = new LogSink();
    const { url, close } = await startApp(adapter, configured({}), { logger });
    logger.clear();
    await new Browser(url).post('/session', { fruit: `${VALUE}\ud800` });
    const warnings = logger.ours().filter(({ level }) => level === 'warn');
    expect(warnings).toHaveLength(1);
    expect(warnings[0]?.message).toMatch(/attribute "fruit" is left out: a string with a lone surrogate/);
    expect(logger.text()).not.toContain(VALUE);
    await close();
  });

  it('of an outage: one line when it begins and one when it ends', async () => {
    const redis = await startRedis();
    const proxy = await startProxy(redis.port);
    const logger = new LogSink();
    const settings = { ...at(proxy), REDIS_SESSION_TIMEOUT: '300' };
    const { url, close } = await startApp(adapter, configured(settings), { logger });
    const browser = new Browser(url);
    await browser.post('/session', { fruit: 'apple' });
    logger.clear();
    await proxy.cut({ refuse: true });
    for (let i = 0; i < 5; i++) expect((await browser.get('/session')).status).toBe(503);
    const of = (level: string): string[] =>
      logger.ours().flatMap((entry) => (entry.level === level ? [entry.message] : []));
    const lost = expect.stringMatching(
      new RegExp(`^Redis at 127.0.0.1:${proxy.port}: ECONNREFUSED\\..* 503 until it is back`),
    ) as unknown;
    expect(of('warn')).toEqual([lost]);
    await proxy.restore();
    let status = 503;
    for (let tries = 0; status !== 200 && tries < 1000; tries++)
      status = (await browser.get('/session')).status;
    expect(status).toBe(200);
    expect(of('log')).toEqual([`Redis at 127.0.0.1:${proxy.port} is back.`]);
    expect(of('warn')).toEqual([lost]);
    await close();
  });

  it('never a token, a password, a secret or a value, at any level, whatever happens', async () => {
    const redis = await startRedis({ password: PASSWORD });
    const proxy = await startProxy(redis.port);
    const logger = new LogSink();
    const settings = {
      ...at(proxy),
      REDIS_SESSION_PASSWORD: PASSWORD,
      REDIS_SESSION_SECRETS: RING,
      REDIS_SESSION_TIMEOUT: '300',
      REDIS_SESSION_PERSISTENT_POLICIES: 'SAVE_ON_CHANGE,ALWAYS_SAVE_AFTER_REQUEST',
    };
    const { url, close } = await startApp(adapter, configured(settings), { logger });
    const browser = new Browser(url);
    const tokens: string[] = [];
    const note = (): unknown => tokens.push(browser.cookie('sid')?.split('.')[0] ?? '');
    await browser.post('/session', { fruit: VALUE });
    note();
    await browser.post('/login/ann');
    note();
    await browser.post('/session', { fruit: `${VALUE}2` });
    await browser.get('/session', { cookie: 'sid=forged-canary-of-a-token' });
    await browser.get('/session', { cookie: `sid=${tokens[0]}` });

    const store = observer(redis.port, { password: PASSWORD });
    const [key = ''] = await store.keys('session:{*');
    await store.hset(key, 'fruit', `\xc1${VALUE}`);
    await browser.get('/session');
    proxy.stall();
    expect((await browser.post('/session', { fruit: `${VALUE}3` })).status).toBe(503);
    proxy.unstall();
    await proxy.cut({ refuse: true });
    expect((await browser.post('/session', { fruit: `${VALUE}4` })).status).toBe(503);
    await proxy.restore();

    expect(tokens.every((token) => token.length >= 43)).toBe(true);
    const digest = createHash('sha256')
      .update(tokens[1] ?? '')
      .digest('base64url');
    for (const canary of [...tokens, PASSWORD, RING, VALUE, 'forged-canary']) {
      expect(logger.text()).not.toContain(canary);
    }
    // The log is not silent: it tells of the session by its public id.
    expect(digest).toHaveLength(43);
    expect(logger.text()).toMatch(/Session [\w-]{47}: /);
    await close();
  });
});

describe("at Nest's own levels", () => {
  it.each([
    ['log', false],
    ['debug', true],
  ] as const)('%s: decisions shown %s', async (level, shown) => {
    const written: string[] = [];
    class Captured extends ConsoleLogger {
      protected override printMessages(messages: unknown[], context?: string, logLevel?: LogLevel): void {
        for (const message of messages) written.push(`${logLevel} [${context}] ${String(message)}`);
      }
    }
    const logger = new Captured({ logLevels: [level], colors: false });
    const { url } = await startApp('express', configured({}), { logger });
    await new Browser(url).post('/session', { fruit: 'apple' });
    expect(written.some((line) => line.includes('created because'))).toBe(shown);
    expect(written).toContainEqual(
      expect.stringMatching(/^log \[RedisSessionModule\] Sessions in this process\n/),
    );
  });
});
