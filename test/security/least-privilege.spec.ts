import { describe, expect, it } from '@jest/globals';
import { readFile } from 'node:fs/promises';
import { Redis } from 'ioredis';
import type { SessionModuleOptions } from 'nestjs-redis-session';
import { eachAdapter, LogSink } from '../support/apps.js';
import { onCleanup } from '../support/cleanup.js';
import { HANDSHAKE_COMMANDS, watchCommands } from '../support/commands.js';
import { startRedis } from '../support/redis-server.js';
import { aclLine, ALLOWED } from './acl-line.js';
import { idOf, principalOf, startBank } from './bank.js';

const PASSWORD = 'p4ss-of-the-application';
const redis = await startRedis({
  aclFile: ['user default off', 'user root on >root ~* &* +@all', aclLine('app', PASSWORD, 'bank:session:')],
});
/** They read and write no session. */
const ABOUT_THE_CONNECTION = [
  'ping',
  'role',
  'info',
  'quit',
  'cluster|slots',
  'cluster|info',
  'readonly',
  'asking',
  'select',
  'wait',
];
const root = { username: 'root', password: 'root' };

function connectAs(username: string, password: string): Redis {
  const client = new Redis({ port: redis.port, host: redis.host, username, password });
  client.on('error', () => undefined);
  onCleanup(() => client.disconnect());
  return client;
}

const variants: [string, SessionModuleOptions][] = [
  ['by default', { storeGuests: false }],
  ['with anonymous sessions in Redis', { storeGuests: true }],
  ['with every policy', { policies: ['SAVE_ON_CHANGE', 'ALWAYS_SAVE_AFTER_REQUEST'] }],
  ['in another database', { redis: { database: 3 } }],
  ['with a pool', { redis: { pool: { maxConnections: 3, testOnBorrow: true } } }],
  ['with encryption', { encryptionKeys: ['EBqNPuyVTgzo7sFUMqqDMnOLxVVbZBUjjGLi41ZByyI='] }],
];

eachAdapter('a Redis user with the documented ACL line', (adapter) => {
  it.each(variants)('can do all that sessions need, %s', async (_how, options) => {
    const log = new LogSink();
    const bank = await startBank(
      adapter,
      redis,
      { clusterId: 'bank', ...options, redis: { ...options.redis, username: 'app', password: PASSWORD } },
      { logger: log },
    );
    const watch = await watchCommands(redis.port, {
      ...root,
      lua: true,
      ignore: ['AUTH', 'HELLO', 'ECHO', 'MONITOR'],
    });
    const browser = bank.browser();
    for (const path of [
      '/write',
      '/renew',
      '/write',
      '/update',
      '/login?as=alice',
      '/update',
      '/write',
      '/renew',
    ]) {
      expect([path, (await browser.post(path, { cart: [path] })).status]).toEqual([path, 201]);
    }
    expect(await principalOf(browser)).toBe('alice');
    await browser.post('/write', { cart: null });
    const id = await idOf(browser);
    expect((await bank.sessions.open(id))?.principal).toBe('alice');
    await bank.sessions.destroy(id);
    expect(await principalOf(browser)).toBeUndefined();
    await browser.post('/login');
    expect((await browser.post('/logout')).status).toBe(201);
    await bank.close();
    const handshake = new Set(HANDSHAKE_COMMANDS.map((name) => name.toLowerCase()));
    for (const { name, args } of await watch.take()) {
      if (name === 'CLIENT' || name === 'QUIT') continue;
      expect([...ALLOWED, ...handshake]).toContain(name.toLowerCase());
      expect(args.join(' ')).not.toContain(PASSWORD);
    }
    watch.close();
    expect(log.messages('error')).toEqual([]);
  });
});

describe('the documented ACL line', () => {
  it.each([
    ['CONFIG GET *'],
    ['KEYS *'],
    ['FLUSHALL'],
    ['FLUSHDB'],
    ['MONITOR'],
    ['SCRIPT FLUSH'],
    ['ACL LIST'],
    ['GET bank:session:x'],
    ['DUMP bank:session:x'],
    ['HGETALL other:session:x'],
    ['HGETALL bank:sessio'],
    ['DEL other'],
    ['EVAL return(redis.call("GET","bank:session:x")) 0'],
    ['EVAL return(redis.call("HGETALL","other")) 0'],
    ['SUBSCRIBE bank:session:x'],
    ['SHUTDOWN NOSAVE'],
  ])('denies %s', async (line) => {
    const [name = '', ...args] = line.split(' ');
    await expect(connectAs('app', PASSWORD).call(name, ...args)).rejects.toThrow(
      /NOPERM|no permissions|can't (run this command|access at least one of the keys)/i,
    );
  });

  it('allows no command that nothing uses', async () => {
    const files = [
      ...['scripts', 'create-scripts', 'index-scripts', 'one-place'].map((name) => `stores/redis/${name}.ts`),
      'redis/script.ts',
    ].map((name) => readFile(new URL(`../../lib/${name}`, import.meta.url), 'utf8'));
    const scripts = (await Promise.all(files)).join('\n');
    const inScripts = [...scripts.matchAll(/redis\.p?call\('(\w+)'/g)].map(([, name]) =>
      String(name).toLowerCase(),
    );
    const onKeys = ALLOWED.filter((name) => !ABOUT_THE_CONNECTION.includes(name));
    expect(onKeys.sort()).toEqual(
      [...new Set([...inScripts, 'hgetall', 'eval', 'evalsha', 'scan', 'subscribe'])].sort(),
    );
  });

  it('is tried at boot, so that a refusal is named', async () => {
    const rehearsal = await readFile(new URL('../../lib/stores/redis/rehearsal.ts', import.meta.url), 'utf8');
    const [, list = ''] = /const commandsOf = [\s\S]*?=> \[([\s\S]*?)\n\];/.exec(rehearsal) ?? [];
    const tried = [...list.matchAll(/\['(\w+)'/g)].map(([, name]) => String(name).toLowerCase());
    // Of a hash, which is what refuses first; of walks and messages, without which sessions work; of no key.
    const elsewhere = ['evalsha', 'scan', 'subscribe', 'publish', ...ABOUT_THE_CONNECTION];
    expect(tried.sort()).toEqual(ALLOWED.filter((name) => !elsewhere.includes(name)).sort());
  });

  it('is the one of the sample, but for its password', async () => {
    const text = await readFile(new URL('../../sample/docker/users.acl', import.meta.url), 'utf8');
    const [, password = ''] = / >(\S+) /.exec(text) ?? [];
    expect(text.split('\n')).toEqual(['user default off', aclLine('shop', password, 'shop:session:'), '']);
  });

  it('stands in SECURITY.md, where refusals send to', async () => {
    const text = await readFile(new URL('../../SECURITY.md', import.meta.url), 'utf8');
    expect(text).toContain(aclLine('app', '<password>', 'session:'));
  });
});
