import { afterAll, describe, expect, it } from '@jest/globals';
import { Redis, type CommonRedisOptions } from 'ioredis';
import { onCleanup } from '../../support/cleanup.js';
import { inputBytesOf, watchCommands } from '../../support/commands.js';
import { parseMonitorLine } from '../../support/monitor-line.js';
import { startRedis, type RedisProcess } from '../../support/redis-server.js';
import { encodeCommand } from '../../support/redis-wire.js';

type ClientOptions = Pick<
  CommonRedisOptions,
  'username' | 'password' | 'enableReadyCheck' | 'commandTimeout'
>;

function client(server: { url: string }, options: ClientOptions = {}): Redis {
  // disconnectTimeout: on a client that has ended already, disconnect() starts a timer that nothing stops.
  const redis = new Redis(server.url, {
    ...{ retryStrategy: () => null, maxRetriesPerRequest: 0, disconnectTimeout: 1 },
    ...options,
  });
  redis.on('error', () => undefined);
  onCleanup(() => redis.disconnect());
  return redis;
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

let serverOfTheFile: RedisProcess | undefined;
afterAll(async () => {
  expect(serverOfTheFile && (await client(serverOfTheFile).ping())).toBe('PONG');
});

describe('startRedis', () => {
  it("is up when it resolves, and still up in the test file's own afterAll", async () => {
    serverOfTheFile = await startRedis();
    expect(await client(serverOfTheFile).ping()).toBe('PONG');
  });

  it('keeps what was written over a crash, or loses it over an orderly end, on the same port and directory, as asked for', async () => {
    const kept = await startRedis({ persistence: true });
    const lost = await startRedis();
    for (const server of [kept, lost]) {
      const { port, dir, pid } = server;
      await client(server).set('k', 'v');
      await (server === kept ? server.kill() : server.stop());
      expect(isAlive(pid)).toBe(false);
      await server.restart();
      expect([server.port, server.dir]).toEqual([port, dir]);
      expect(server.pid).not.toBe(pid);
    }
    expect(await client(kept).get('k')).toBe('v');
    expect(await client(lost).get('k')).toBeNull();
  });

  it('asks for the password, and knows the users of an ACL file', async () => {
    const server = await startRedis({ password: 'p@ss word' });
    expect(await client(server).ping()).toBe('PONG');
    await expect(client({ url: `redis://127.0.0.1:${server.port}` }).ping()).rejects.toThrow(/NOAUTH/);

    const restricted = await startRedis({
      aclFile: ['user default off', 'user app on >secret ~app:* +@all'],
    });
    const app = client(restricted, { username: 'app', password: 'secret' });
    await expect(app.set('app:a', '1')).resolves.toBe('OK');
    await expect(app.set('other', '1')).rejects.toThrow(/NOPERM/);
  });

  it('answers nothing while it is paused, and everything afterwards', async () => {
    const server = await startRedis();
    const redis = client(server);
    await redis.ping();
    server.pause();
    const impatient = client(server, { enableReadyCheck: false, commandTimeout: 50 });
    let answered = false;
    const answer = redis.incr('n').finally(() => (answered = true));
    await expect(impatient.ping()).rejects.toThrow(/timed out/);
    expect(answered).toBe(false);
    server.resume();
    expect(await answer).toBe(1);
  });

  it('says what the server said when it does not start', async () => {
    await expect(startRedis({ args: ['--no-such-setting', 'yes'] })).rejects.toThrow(/no-such-setting/);
  });
});

describe('watchCommands', () => {
  it('shows what clients asked since the last look, without scripts and handshakes', async () => {
    const server = await startRedis({ password: 'secret' });
    const watch = await watchCommands(server.port, { password: 'secret' });
    const redis = client(server);
    await redis.set('k', 'v');
    await redis.eval("return redis.call('get', KEYS[1])", 1, 'k');
    const first = await watch.take();
    expect(first.map(({ name }) => name)).toEqual(['SET', 'EVAL']);
    expect(first[0]?.args).toEqual(['k', 'v']);
    expect(first[0]?.client).toMatch(/^127\.0\.0\.1:\d+$/);

    await redis.del('k');
    expect((await watch.take()).map(({ name }) => name)).toEqual(['DEL']);
    expect(await watch.take()).toEqual([]);
  });

  it('shows handshakes and scripts when asked to', async () => {
    const server = await startRedis();
    const watch = await watchCommands(server.port, { ignore: [], lua: true });
    const redis = client(server);
    await redis.eval("return redis.call('get', KEYS[1])", 1, 'k');
    const commands = await watch.take();
    expect(commands.map(({ name }) => name)).toEqual(expect.arrayContaining(['INFO', 'EVAL', 'GET']));
    expect(commands.find(({ name }) => name === 'GET')?.client).toBe('lua');
  });

  it('tells that the password is wrong, and that the server has gone', async () => {
    const server = await startRedis({ password: 'secret' });
    await expect(watchCommands(server.port)).rejects.toThrow(/NOAUTH/);
    const watch = await watchCommands(server.port, { password: 'secret' });
    await server.kill();
    await expect(watch.take()).rejects.toThrow(/has ended/);
  });

  it('weighs a command as the server does', async () => {
    const server = await startRedis();
    const watch = await watchCommands(server.port);
    const redis = client(server);
    await redis.ping();
    const value = Buffer.from([0, 1, 34, 92, 13, 10, 128, 255, 32, 34, 32, 34]);
    const bytes = await inputBytesOf(server.port, () => redis.set('ключ', value));
    const [command] = (await watch.take()).filter(({ name }) => name === 'SET');
    expect(bytes).toBe(encodeCommand(['set', 'ключ', value]).length);
    expect(command?.bytes).toBe(bytes);
    expect(command?.args[0]).toBe('ключ');
  });

  it('reads every kind of line', () => {
    expect(parseMonitorLine('+OK')).toBeUndefined();
    expect(parseMonitorLine('+1700000000.12 [3 lua] "hset" "a\\"b" "" "c\\\\" "\\x00\\n"')).toEqual(
      expect.objectContaining({ name: 'HSET', args: ['a"b', '', 'c\\', '\0\n'], client: 'lua' }),
    );
  });
});
