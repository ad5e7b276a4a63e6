import { expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { RedisSessionModule, type RedisOptions } from 'nestjs-redis-session';
import { eachAdapter, LogSink, startApp } from '../support/apps.js';
import { onCleanup } from '../support/cleanup.js';
import { Browser } from '../support/cookie-jar.js';
import { recordCount } from '../support/records.js';
import { startRedis, type RedisProcess } from '../support/redis-server.js';
import { aclLine } from '../security/acl-line.js';
import { observer, probe, type SessionView } from './fixtures/probe.js';
import { eventually } from '../support/eventually.js';

interface Scene {
  readonly master: RedisProcess;
  readonly replica: RedisProcess;
  readonly admin: Redis;
}

/** A master and a replica that has caught up. */
async function start(args: readonly string[] = []): Promise<Scene> {
  const master = await startRedis({ args: ['--repl-diskless-sync-delay', '0', ...args] });
  const replica = await startRedis({ args: ['--replicaof', '127.0.0.1', String(master.port)] });
  const admin = observer(master.port);
  await eventually('a replica is there', async () => {
    // Deleted and not left to expire: DBSIZE counts what has expired until the server comes by, which takes it 100 ms.
    await admin.set('probe', '1');
    await admin.del('probe');
    return (await admin.wait(1, 100)) === 1 ? true : undefined;
  });
  return { master, replica, admin };
}

eachAdapter('a logout that a replica must confirm', (adapter) => {
  async function application(redis: RedisOptions, log = new LogSink()): Promise<() => Promise<Browser>> {
    const options = { timeoutMs: 2000, logoutConfirmedByReplicas: 1, ...redis };
    const { url } = await startApp(adapter, probe(RedisSessionModule.forRoot({ redis: options })), {
      logger: log,
    });
    return async () => {
      const browser = new Browser(url);
      expect((await browser.post('/login/ann')).status).toBe(201);
      return browser;
    };
  }

  it('is answered when the replica has it', async () => {
    const { master, replica } = await start();
    const users = await application({ port: master.port });
    const browser = await users();
    const copy = observer(replica.port);
    await eventually('the replica has it', async () => ((await recordCount(copy)) === 1 ? true : undefined));
    const { status, setCookies } = await browser.post('/logout');
    expect({ status, cookie: setCookies.map(({ maxAge }) => maxAge) }).toEqual({ status: 201, cookie: [0] });
    // At once, not eventually.
    expect(await recordCount(copy)).toBe(0);
  });

  it('is 503 where the replica hangs, can be tried again, and is confirmed once it is back', async () => {
    const { master, replica, admin } = await start();
    const users = await application({ port: master.port, timeoutMs: 600 });
    const [browser, other] = [await users(), await users()];
    replica.pause();
    const first = await browser.post('/logout');
    expect([first.status, first.setCookies, first.headers['retry-after']]).toEqual([503, [], '1']);
    // Over on the master at once, so that nobody goes on with it.
    expect(await recordCount(admin)).toBe(1);
    expect((await browser.get('/session')).json<SessionView>().principal).toBeUndefined();
    // There is nothing to remove any more, and yet no replica knows that.
    expect((await browser.post('/logout')).status).toBe(503);
    // Nobody else is in the way of that.
    expect((await other.get('/session')).status).toBe(200);
    replica.resume();
    await eventually('it is confirmed', async () =>
      (await browser.post('/logout')).status === 201 ? true : undefined,
    );
    const copy = observer(replica.port);
    expect(await recordCount(copy)).toBe(1);
    expect((await other.post('/logout')).status).toBe(201);
    expect(await recordCount(copy)).toBe(0);
    // The cookie that was kept opens nothing, and the next login replaces it.
    expect((await browser.get('/session')).json<SessionView>().isNew).toBe(true);
    expect((await browser.post('/login/ann')).status).toBe(201);
  });

  it('asks nobody where a request without a cookie logs out', async () => {
    const { master, replica } = await start();
    const users = await application({ port: master.port });
    replica.pause();
    const browser = await users();
    expect((await browser.clone().post('/logout', undefined, { cookie: '' })).status).toBe(201);
    replica.resume();
  });

  it('holds many at once with one question after another', async () => {
    const { master, replica } = await start();
    const users = await application({ port: master.port });
    const browsers = await Promise.all(Array.from({ length: 40 }, () => users()));
    const answers = await Promise.all(browsers.map((browser) => browser.post('/logout')));
    expect(answers.map(({ status }) => status)).toEqual(browsers.map(() => 201));
    expect(await recordCount(observer(replica.port))).toBe(0);
  });

  it('works on a full Redis for who is there, with an injected client, and with the documented rights', async () => {
    const { master, admin } = await start();
    const client = new Redis({ port: master.port, lazyConnect: true });
    onCleanup(() => client.disconnect());
    const [injected, limited] = [
      await application({ client }),
      await (async () => {
        const [, , ...rules] = aclLine('app', 'p4ss', 'session:').split(' ');
        await admin.call('ACL', 'SETUSER', 'app', ...rules);
        return application({ port: master.port, username: 'app', password: 'p4ss' });
      })(),
    ];
    const browsers = [await injected(), await limited()];
    await admin.config('SET', 'maxmemory', '1');
    for (const browser of browsers) expect((await browser.post('/logout')).status).toBe(201);
    expect(await recordCount(admin)).toBe(0);
  });

  it('is warned of at boot where a replica that has not confirmed it may become the master', async () => {
    const { master, admin } = await start();
    await startRedis({ args: ['--replicaof', '127.0.0.1', String(master.port)] });
    await eventually('both replicas are there', async () =>
      ((await admin.call('ROLE')) as [string, number, unknown[]])[2].length === 2 ? true : undefined,
    );
    const [one, both] = [new LogSink(), new LogSink()];
    await application({ port: master.port }, one);
    await application({ port: master.port, logoutConfirmedByReplicas: 2 }, both);
    const warning = expect.stringMatching(
      /CONFIRMED_BY_REPLICAS is 1 and .* has 2 replicas: a failover .* outlives any failover only with 2\./,
    );
    expect(one.messages('warn')).toContainEqual(warning);
    expect(both.messages('warn').join()).not.toContain('CONFIRMED_BY_REPLICAS');
  });

  it('is warned of at boot where there is no replica, and told 503 with the reason in the log', async () => {
    const master = await startRedis();
    const log = new LogSink();
    const users = await application({ port: master.port, timeoutMs: 200 }, log);
    expect(log.messages('warn')).toContainEqual(
      expect.stringMatching(/CONFIRMED_BY_REPLICAS is 1 .* has 0 replicas/),
    );
    expect((await (await users()).post('/logout')).status).toBe(503);
    expect(log.messages('warn')).toContainEqual(
      expect.stringMatching(/confirmed by 0 replicas .*asks for 1/),
    );
  });
});
