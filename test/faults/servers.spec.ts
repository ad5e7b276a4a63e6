import { describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { Agent, request, type IncomingMessage } from 'node:http';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import type { Redis } from 'ioredis';
import type { RedisOptions } from 'nestjs-redis-session';
import { aclLine } from '../security/acl-line.js';
import { redisClient } from '../support/redis-client.js';
import { LogSink } from '../support/apps.js';
import { onCleanup } from '../support/cleanup.js';
import { compileApp } from '../support/compile.js';
import { startNode } from '../support/node-process.js';
import { startRedis } from '../support/redis-server.js';
import { eventually } from '../support/eventually.js';
import { DOWN, SERVED, oneOfEach, recoveryMs, startFaultApp, type FaultApp } from './helpers/fault-app.js';
import { startSwitchboard } from './helpers/switchboard.js';

/** The adapter makes no difference to any of this. */
const ADAPTER = 'express';
/** Long enough for a machine that is busy; no test waits for it. */
const PATIENT = { timeoutMs: 5000 };

/** A user for each thing that a server may refuse; each has the documented line otherwise. */
const without = (command: string): string => `${aclLine(`no-${command}`, 'pw', 'session:')} -${command}`;
const acl = await startRedis({
  aclFile: [
    'user default on >root ~* &* +@all',
    aclLine('documented', 'pw', 'session:'),
    aclLine('elsewhere', 'pw', 'other:'),
    `${aclLine('blind', 'pw', 'session:')} -role -info -ping -quit`,
    ...[
      'select',
      'evalsha',
      'eval',
      'time',
      'hgetall',
      'hmget',
      'hset',
      'hdel',
      'del',
      'pexpire',
      'rename',
      'hlen',
      'pttl',
      'wait',
    ].map(without),
    // What SECURITY.md of 0.1 asked for.
    `${aclLine('of-0.1', 'pw', 'session:')} resetchannels -hlen -pttl -scan -publish -subscribe`,
  ],
});
const as = (username: string, more: RedisOptions = {}): RedisOptions => ({
  ...{ host: acl.host, port: acl.port, username, password: 'pw' },
  ...PATIENT,
  ...more,
});
const renamed = async (...commands: string[]): Promise<RedisOptions> => {
  const args = commands.flatMap((command) => ['--rename-command', command, '']);
  const { host, port } = await startRedis({ args });
  return { host, port, ...PATIENT };
};

/** Whatever takes connections. */
async function someServer(talk: (socket: Socket) => void): Promise<RedisOptions> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket.on('error', () => undefined));
    talk(socket);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  onCleanup(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return { host: '127.0.0.1', port: (server.address() as AddressInfo).port, ...PATIENT };
}

/** Statuses of requests of three users, and of one without a session. */
async function statuses(app: FaultApp): Promise<unknown> {
  const users = await Promise.all(['a', 'b', 'c'].map((user) => app.loggedIn(user)));
  return oneOfEach(app.browser(), users);
}

/** Warnings of the module. */
const warnings = (app: FaultApp): string[] => app.log.messages('warn');

describe('a server that is not what was asked for: the application does not boot, and says why', () => {
  it.each<[string, () => RedisOptions | Promise<RedisOptions>, RegExp]>([
    [
      'SELECT refused',
      () => as('no-select', { database: 2 }),
      /database 2 cannot be selected \(NOPERM for SELECT\).*REDIS_SESSION_DATABASE/,
    ],
    [
      'SELECT refused, by URL',
      () => ({ ...PATIENT, url: `redis://no-select:pw@${acl.host}:${acl.port}/2` }),
      /database 2 cannot be selected/,
    ],
    [
      'SELECT refused, with a pool',
      () => as('no-select', { database: 2, pool: { maxConnections: 3 } }),
      /database 2 cannot be selected/,
    ],
    [
      'SELECT renamed',
      async () => ({ ...(await renamed('SELECT')), database: 1 }),
      /database 1 cannot be selected \(SELECT is unknown\)/,
    ],
    [
      'database 99 of 16',
      () => as('default', { password: 'root', database: 99 }),
      /database 99 cannot be selected/,
    ],
    [
      'SELECT refused to an injected client that is connected already',
      async () => {
        const client = redisClient(acl.port, { db: 3, username: 'no-select', password: 'pw' });
        await new Promise((resolve) => client.once('ready', resolve));
        return { client };
      },
      /database 3 cannot be selected .* db in the options of redis\.client/,
    ],
    ['EVALSHA refused', () => as('no-evalsha'), /NOPERM for EVALSHA\..*ACL of REDIS_SESSION_USERNAME/],
    ['EVAL refused', () => as('no-eval'), /may not use EVAL\./],
    ['HGETALL refused', () => as('no-hgetall'), /NOPERM.*HGETALL/],
    ['TIME refused', () => as('no-time'), /NOPERM: this user may not use TIME\./],
    ['HMGET refused', () => as('no-hmget'), /may not use HMGET\./],
    ['HSET refused', () => as('no-hset'), /may not use HSET\./],
    ['HDEL refused', () => as('no-hdel'), /may not use HDEL\./],
    ['DEL refused', () => as('no-del'), /may not use DEL\./],
    ['PEXPIRE refused', () => as('no-pexpire'), /may not use PEXPIRE\./],
    ['RENAME refused', () => as('no-rename'), /may not use RENAME\./],
    ["HLEN refused, which users' lists need", () => as('no-hlen'), /may not use HLEN\./],
    ["PTTL refused, which users' lists need", () => as('no-pttl'), /may not use PTTL\./],
    ['the ACL line of 0.1', () => as('of-0.1'), /may not use PTTL, HLEN\..*ACL of REDIS_SESSION_USERNAME/],
    [
      'WAIT refused, which confirmed logouts need',
      () => as('no-wait', { logoutConfirmedByReplicas: 1 }),
      /NOPERM for WAIT, which REDIS_SESSION_LOGOUT_CONFIRMED_BY_REPLICAS needs\..*ACL of REDIS_SESSION_USERNAME/,
    ],
    [
      'WAIT renamed, which confirmed logouts need',
      async () => ({ ...(await renamed('WAIT')), logoutConfirmedByReplicas: 1 }),
      /WAIT is unknown, which REDIS_SESSION_LOGOUT_CONFIRMED_BY_REPLICAS needs/,
    ],
    ['TIME and PEXPIRE renamed', () => renamed('TIME', 'PEXPIRE'), /it has no command TIME, PEXPIRE\./],
    ['EVALSHA renamed', () => renamed('EVALSHA'), /EVALSHA is unknown\./],
    ['the keys of another prefix', () => as('elsewhere'), /NOPERM for its key\..*prefix/],
    ['a user that is not there', () => as('nobody'), /WRONGPASS\. Check REDIS_SESSION_USERNAME/],
    [
      'a server of HTTP',
      () => someServer((socket) => socket.once('data', () => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'))),
      /does not speak Redis' protocol\. Check REDIS_SESSION_HOST and REDIS_SESSION_PORT: another service/,
    ],
    [
      'a server of SSH',
      () => someServer((socket) => socket.write('SSH-2.0-OpenSSH_9.2p1\r\n')),
      /does not speak Redis' protocol/,
    ],
    [
      'a server of HTTP, with a pool',
      async () => ({
        ...(await someServer((socket) =>
          socket.once('data', () => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')),
        )),
        pool: { maxConnections: 3 },
      }),
      /does not speak Redis' protocol/,
    ],
    ...([1, 3] as const).map((maxConnections): [string, () => Promise<RedisOptions>, RegExp] => [
      `a server that says nothing, with ${maxConnections} connections at most`,
      async () => ({
        ...(await someServer(() => undefined)),
        timeoutMs: 500,
        pool: { maxConnections },
      }),
      /did not answer in 500 ms\. Check REDIS_SESSION_HOST/,
    ]),
    ['no credentials', () => ({ host: acl.host, port: acl.port }), /NOAUTH|WRONGPASS/],
    [
      'a host name that is not there',
      () => ({ host: 'nowhere.invalid', ...PATIENT }),
      /(ENOTFOUND|EAI_AGAIN)\. Check the host name in REDIS_SESSION_HOST/,
    ],
  ])('%s', async (_what, options, message) => {
    const log = new LogSink();
    const starting = options();
    const error: unknown = await startFaultApp(ADAPTER, await starting, log).catch(
      (reason: unknown) => reason,
    );
    expect(error).toBeInstanceOf(Error);
    expect((error as Error).message).toMatch(message);
    // Through Nest's logger, too: where main() lets it pass, nobody else formats it.
    expect(log.messages('error').join()).toMatch(message);
    expect(log.text()).not.toContain('Successful!');
    expect(log.text()).not.toContain('>pw');
  });

  it('leaves nothing of its rehearsal behind, or where it may not delete that, nothing that does not expire', async () => {
    const admin = redisClient(acl.port, { password: 'root' });
    const before = await admin.keys('*');
    for (const key of before) expect(await admin.pttl(key)).not.toBe(-1);
    await startFaultApp(ADAPTER, as('documented'));
    expect((await admin.keys('*')).filter((key) => !before.includes(key))).toEqual([]);
  });
});

describe('a server that refuses what sessions do not need', () => {
  it.each<[string, () => RedisOptions | Promise<RedisOptions>]>([
    ['ROLE and INFO, by ACL', () => as('blind')],
    ['ROLE, INFO, CONFIG and CLIENT, by another name', () => renamed('ROLE', 'INFO', 'CONFIG', 'CLIENT')],
  ])('%s: all is served, health is up, and it is said once', async (_what, options) => {
    const app = await startFaultApp(ADAPTER, await options());
    expect(await statuses(app)).toEqual(SERVED);
    const health = await app.health();
    expect(health.status).toBe('up');
    expect(health).not.toHaveProperty('role');
    expect(health).not.toHaveProperty('evictedKeys');
    const said = warnings(app).filter((line) => line.includes('ROLE'));
    expect(said).toEqual([expect.stringMatching(/refuses ROLE and INFO, which sessions do not need/)]);
  });

  it('WAIT, where no logout is to be confirmed', async () => {
    const app = await startFaultApp(ADAPTER, as('no-wait'));
    expect(await statuses(app)).toEqual(SERVED);
    expect(warnings(app)).toEqual([]);
  });

  it('where writes are refused for now, it boots, and says so', async () => {
    const redis = await startRedis({ args: ['--min-replicas-to-write', '1'] });
    const app = await startFaultApp(ADAPTER, { host: redis.host, port: redis.port, ...PATIENT });
    expect(warnings(app)).toEqual([expect.stringMatching(/^For now: .*NOREPLICAS\./)]);
    expect((await app.health()).status).toBe('up');
    expect((await app.browser().post('/write')).status).toBe(503);
  });
});

describe('a server that changes while it is in use: it is told by its name', () => {
  it('SELECT revoked: after a reconnect it counts as down, serves nothing of database 0, and is back by itself', async () => {
    const redis = await startRedis();
    const admin = redisClient(redis.port);
    await admin.call('ACL', 'SETUSER', 'shop', 'on', '>pw', '~*', '&*', '+@all');
    const options = { host: redis.host, port: redis.port, username: 'shop', password: 'pw', ...PATIENT };
    const [zero, two] = [
      await startFaultApp(ADAPTER, { ...options, database: 0 }),
      await startFaultApp(ADAPTER, { ...options, database: 2 }),
    ];
    const of0 = await zero.loggedIn('of-0');
    const of2 = await two.loggedIn('of-2');
    await admin.call('ACL', 'SETUSER', 'shop', '-select');
    await admin.call('CLIENT', 'KILL', 'USER', 'shop');
    const stranger = two.browser();
    const cookie = `sid=${of0.cookie('sid') ?? ''}`;
    // Whatever it is at first: not the user of another database.
    const seen = await eventually('it is down', async () => {
      const { status, text } = await stranger.get('/read', { cookie });
      expect(text).not.toContain('of-0');
      return status === 503 ? status : undefined;
    });
    expect(seen).toBe(503);
    expect(await two.health()).toMatchObject({
      status: 'down',
      message: expect.stringMatching(/database 2 cannot be selected/) as unknown,
    });
    expect(two.log.messages('warn').filter((line) => line.includes('database 2'))).toHaveLength(1);
    await admin.call('ACL', 'SETUSER', 'shop', '+select');
    await recoveryMs(of2);
    expect((await of2.get('/read')).json()).toEqual({ count: 1, who: 'of-2' });
    // The session, and its user's list.
    expect(await admin.dbsize()).toBe(2);
  });

  it.each<[string, (admin: Redis) => Promise<unknown>, (admin: Redis) => Promise<unknown>, RegExp]>([
    [
      'the password is rotated',
      (admin) => admin.call('ACL', 'SETUSER', 'shop', 'resetpass', '>new'),
      (admin) => admin.call('ACL', 'SETUSER', 'shop', '>pw'),
      /WRONGPASS.*REDIS_SESSION_PASSWORD/,
    ],
    [
      'it has too many clients',
      (admin) => admin.config('SET', 'maxclients', '1'),
      (admin) => admin.config('SET', 'maxclients', '1000'),
      /max number of clients reached.*maxclients/,
    ],
  ])('%s', async (_what, fault, repair, cause) => {
    const redis = await startRedis();
    const admin = redisClient(redis.port);
    await admin.call('ACL', 'SETUSER', 'shop', 'on', '>pw', '~*', '&*', '+@all');
    const app = await startFaultApp(ADAPTER, {
      ...{ host: redis.host, port: redis.port, username: 'shop', password: 'pw' },
      ...PATIENT,
    });
    const users = await Promise.all(['a', 'b', 'c', 'd'].map((user) => app.loggedIn(user)));
    const [witness] = users;
    await fault(admin);
    await admin.call('CLIENT', 'KILL', 'USER', 'shop');
    expect(await oneOfEach(app.browser(), users.slice(1))).toEqual(DOWN);
    expect(warnings(app)).toEqual([expect.stringMatching(cause)]);
    expect((await app.health()).message).toMatch(cause);
    await repair(admin);
    if (witness) await recoveryMs(witness);
    expect((await app.health()).status).toBe('up');
    expect(app.log.text()).not.toMatch(/>?pw\b/);
  });

  it('it evicts sessions: health counts them', async () => {
    const redis = await startRedis();
    const admin = redisClient(redis.port);
    const app = await startFaultApp(ADAPTER, { host: redis.host, port: redis.port, ...PATIENT });
    const user = await app.loggedIn('a');
    expect((await app.health()).evictedKeys).toBe(0);
    await admin.config('SET', 'maxmemory-policy', 'allkeys-lru');
    await admin.config('SET', 'maxmemory', '1');
    // Nothing can be written, and everything that was goes.
    await user.post('/write');
    await admin.config('SET', 'maxmemory', '0');
    expect((await user.get('/read')).json()).toEqual({ count: null, who: null });
    const evicted = Number(/^evicted_keys:(\d+)/m.exec(await admin.info('stats'))?.[1]);
    expect(evicted).toBeGreaterThan(0);
    expect(await app.health()).toMatchObject({ status: 'up', evictedKeys: evicted });
  });

  it('it closes idle connections: nobody notices, and it is no news', async () => {
    const redis = await startRedis();
    const admin = redisClient(redis.port);
    const app = await startFaultApp(ADAPTER, { host: redis.host, port: redis.port, ...PATIENT });
    const user = await app.loggedIn();
    for (let n = 0; n < 5; n += 1) {
      await admin.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
      expect((await user.post('/write')).status).toBe(200);
    }
    expect(
      app.log.entries.filter(({ context }) => context === 'RedisConnection').map(({ level }) => level),
    ).toEqual(Array.from({ length: 5 }, () => 'debug'));
  });

  it.each([
    ['one connection', '1'],
    ['a pool', '3'],
  ])(
    'it closes all while the process is frozen: the first requests are served, with %s',
    async (_what, connections) => {
      const redis = await startRedis();
      const admin = redisClient(redis.port);
      const node = await startNode(await compileApp('test/faults/helpers/frozen-node.ts'), {
        env: { REDIS_PORT: String(redis.port), MAX_CONNECTIONS: connections },
      });
      const [, url = ''] = await node.waitFor(/listening at (\S+)\./);
      const agent = new Agent({ keepAlive: true });
      onCleanup(() => agent.destroy());
      const ask = (method: string, path: string, cookie = ''): Promise<IncomingMessage> =>
        new Promise((resolve, reject) => {
          const sent = request(`${url}${path}`, { agent, method, headers: { cookie } }, (answer) => {
            answer.resume().once('end', () => resolve(answer));
          });
          sent.once('error', reject).end();
        });
      const logins = await Promise.all([1, 2, 3].map(() => ask('POST', '/write')));
      const cookies = logins.map(({ headers }) => headers['set-cookie']?.[0]?.split(';')[0]);
      node.signal('SIGSTOP');
      // On connections that are open, so that they are read in the same turn as the ends of those to Redis, and before them.
      const answers = cookies.map((cookie, n) =>
        n === 0 ? ask('GET', '/read', cookie) : ask('POST', '/write', cookie),
      );
      // Longer than the time after which a connection counts as idle.
      await new Promise((resolve) => setTimeout(resolve, 1200));
      await admin.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
      node.signal('SIGCONT');
      expect((await Promise.all(answers)).map(({ statusCode }) => statusCode)).toEqual([200, 201, 201]);
    },
    60_000,
  );

  it('it falls silent: of a pool one user waits for that, and nobody after it', async () => {
    const redis = await startRedis();
    const board = await startSwitchboard(redis.port);
    const timeoutMs = 2000;
    const app = await startFaultApp(ADAPTER, {
      host: board.host,
      port: board.port,
      timeoutMs,
      pool: { maxConnections: 3, minIdle: 3, maxIdle: 3 },
    });
    const user = await app.loggedIn();
    await eventually('all are open', () => (board.accepted >= 3 ? true : undefined));
    board.deaden();
    expect((await user.get('/read')).status).toBe(503);
    for (let n = 0; n < 3; n += 1) expect((await user.get('/read')).status).toBe(200);
  });
});
