import { beforeAll, expect, it } from '@jest/globals';
import type { Redis } from 'ioredis';
import { once } from 'node:events';
import { startChild, type ManagedChild } from '../support/child-process.js';
import { watchCommands } from '../support/commands.js';
import { compileApp } from '../support/compile.js';
import { startRedis, type RedisProcess } from '../support/redis-server.js';
import { observer } from './fixtures/probe.js';

const PASSWORD = 'of the server, and of nobody else';

let redis: RedisProcess;
let store: Redis;
let script: string;
beforeAll(async () => {
  [redis, script] = await Promise.all([startRedis({ password: PASSWORD }), compileApp('lib/cli/migrate.ts')]);
  store = observer(redis.port, { password: PASSWORD });
  await once(store, 'ready');
});

async function run(
  args: string[],
  env: Record<string, string> = {},
): Promise<{ code: number | null; output: string }> {
  const { PATH = '', HOME = '' } = process.env;
  const at = { REDIS_SESSION_HOST: redis.host, REDIS_SESSION_PORT: String(redis.port) };
  const child: ManagedChild = await startChild(process.execPath, [script, ...args], {
    env: { PATH, HOME, ...at, REDIS_SESSION_PASSWORD: PASSWORD, ...env },
  });
  const { code } = await child.exited;
  return { code, output: child.output() };
}

async function fill(): Promise<void> {
  await store.flushall();
  const pipeline = store.pipeline();
  const record = (user?: unknown): string => JSON.stringify({ cookie: {}, passport: { user } });
  for (let at = 0; at < 1200; at += 1)
    pipeline.set(`sess:guest-${at}`, record(), 'EX', 600).set(`sess:user-${at}`, record(`u${at}`), 'EX', 600);
  pipeline.set('sess:object', JSON.stringify({ cookie: {}, user: { id: 7 } }));
  pipeline.set('sess:broken', '{').set('sess:array', '[]').hset('sess:hash', 'a', 'b');
  pipeline.set('sess:huge', 'x'.repeat(140_000));
  pipeline.set('sess:mine', record('me')).set('session:taken:{sess:mine}', 'taken', 'EX', 60);
  pipeline.set('sess:left', record('left')).set('session:taken:{sess:left}', 'ended', 'EX', 60);
  pipeline.set('other:sess:1', record('stranger'));
  await pipeline.exec();
}

it('counts what would be taken over, with SCAN, and changes nothing', async () => {
  await fill();
  const before = await store.dbsize();
  const watch = await watchCommands(redis.port, { password: PASSWORD, lua: true });
  const { code, output } = await run(['--dry-run']);
  const names = new Set((await watch.take()).map(({ name }) => name));
  watch.close();
  expect(output.split('\n').map((line) => line.trimEnd())).toEqual([
    'live: 2401',
    'with principal: 1200',
    'guests: 1201',
    'taken over already: 1',
    'unreadable: 4',
    expect.stringMatching(/^ {2}\d because its /) as unknown,
    expect.stringMatching(/^ {2}\d because its /) as unknown,
    expect.stringMatching(/^ {2}\d because its /) as unknown,
    'Nothing was changed.',
    '',
  ]);
  expect(code).toBe(0);
  expect(await store.dbsize()).toBe(before);
  expect([...names]).not.toContain('KEYS');
  expect([...names].filter((name) => ['SET', 'DEL', 'PEXPIRE', 'EXPIRE'].includes(name))).toEqual([]);
});

it('takes another prefix and another place of the principal', async () => {
  await fill();
  expect((await run(['--dry-run', '--principal', 'user.id'])).output).toContain('with principal: 1\n');
  expect((await run(['--dry-run', '--prefix', 'other:sess:'])).output).toMatch(/^live: 1\n/);
});

it('refuses what it does not know, and repeats nothing of it', async () => {
  const secret = await run(['--dry-run', '--password', PASSWORD]);
  expect(secret.code).toBe(2);
  expect(secret.output).toContain('The option --password is not known.');
  expect(secret.output).not.toContain(PASSWORD);
  expect(await run([])).toMatchObject({
    code: 2,
    output: expect.stringContaining('Only --dry-run') as unknown,
  });
  expect(await run(['--help'])).toMatchObject({
    code: 0,
    output: expect.stringContaining('Usage:') as unknown,
  });
  expect(await run(['--dry-run', '--library', 'other'])).toMatchObject({ code: 2 });
});

it.each([
  [['--dry-run', '--prefix'], 'The option --prefix needs a value'],
  [['--prefix', '--dry-run'], 'The option --prefix needs a value'],
  [['--dry-run', '--principal'], 'The option --principal needs a value'],
  [['--dry-run=true'], 'The option --dry-run takes no value.'],
  [[`--help=${PASSWORD}`], 'The option --help takes no value.'],
  [['--dry-run', PASSWORD], 'An argument is not known.'],
])('says of %j what is wrong', async (args, message) => {
  const { code, output } = await run(args);
  expect(code).toBe(2);
  expect(output).toContain(message);
  expect(output).not.toContain(PASSWORD);
});

it('says why where Redis is not there, or lets nobody in', async () => {
  const refused = await run(['--dry-run'], { REDIS_SESSION_PASSWORD: 'another' });
  expect(refused.code).toBe(1);
  expect(refused.output).toMatch(/WRONGPASS|AUTH|password/i);
  expect(refused.output).not.toContain(PASSWORD);
});
