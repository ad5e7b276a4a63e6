import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from '@jest/globals';
import { redisClient } from '../support/redis-client.js';
import { eachAdapter, type Adapter } from '../support/apps.js';
import type { Browser } from '../support/cookie-jar.js';
import { startRedis, type RedisProcess } from '../support/redis-server.js';
import { oneOfEach, recoveryMs, startFaultApp, type FaultApp } from './helpers/fault-app.js';
import type { Redis } from 'ioredis';

interface Scene {
  readonly redis: RedisProcess;
  readonly admin: Redis;
  readonly app: FaultApp;
  readonly users: readonly Browser[];
  /** Has written once and is not used by `oneOfEach`. */
  readonly witness: Browser;
}

async function start(adapter: Adapter): Promise<Scene> {
  const redis = await startRedis({ args: ['--enable-protected-configs', 'yes'] });
  const app = await startFaultApp(adapter, { host: redis.host, port: redis.port });
  const users = await Promise.all(['a', 'b', 'c'].map((user) => app.loggedIn(user)));
  return { redis, admin: redisClient(redis.port), app, users, witness: await app.loggedIn('witness') };
}

eachAdapter('a Redis that refuses', (adapter) => {
  it('row 4: writes because it is full still serves reads and logouts, and keeps the old value', async () => {
    const { admin, app, users, witness } = await start(adapter);
    await admin.config('SET', 'maxmemory', '1');
    expect(await oneOfEach(app.browser(), users)).toEqual({ plain: 200, read: 200, write: 503, logout: 200 });
    expect((await witness.post('/write')).status).toBe(503);
    expect((await users[2]?.get('/read'))?.json()).toEqual({ count: null, who: null });
    await admin.config('SET', 'maxmemory', '0');
    expect((await witness.get('/read')).json()).toEqual({ count: 1, who: 'witness' });
    expect((await witness.post('/write')).json()).toEqual({ count: 2 });
  });

  it.each([
    [
      'it became a replica',
      async ({ admin }: Scene) => void (await admin.replicaof('127.0.0.1', 1)),
      async ({ admin }: Scene) => void (await admin.replicaof('NO', 'ONE')),
    ],
    [
      'it has too few replicas',
      async ({ admin }: Scene) => void (await admin.config('SET', 'min-replicas-to-write', '1')),
      async ({ admin }: Scene) => void (await admin.config('SET', 'min-replicas-to-write', '0')),
    ],
    [
      'it cannot save to its disk',
      async ({ admin, redis }: Scene) => {
        await mkdir(join(redis.dir, 'taken'));
        await admin.config('SET', 'dbfilename', 'taken');
        await admin.config('SET', 'save', '3600 1');
        await admin.call('BGSAVE');
        while (!(await admin.info('persistence')).includes('rdb_last_bgsave_status:err'))
          await new Promise((resolve) => setTimeout(resolve, 5));
      },
      async ({ admin }: Scene) => void (await admin.config('SET', 'stop-writes-on-bgsave-error', 'no')),
    ],
  ])(
    'row 5: writes because %s serves every read, and takes writes as soon as it can',
    async (_why, fail, repair) => {
      const scene = await start(adapter);
      const { app, users, witness } = scene;
      await fail(scene);
      expect(await oneOfEach(app.browser(), users)).toEqual({
        plain: 200,
        read: 200,
        write: 503,
        logout: 503,
      });
      const mixed = await Promise.all(
        Array.from({ length: 60 }, (_, n) => (n % 3 === 0 ? witness.post('/write') : witness.get('/read'))),
      );
      expect(mixed.map(({ status }) => status)).toEqual(mixed.map((_, n) => (n % 3 === 0 ? 503 : 200)));
      await repair(scene);
      expect((await witness.post('/write')).json()).toEqual({ count: 2 });
      expect((await users[2]?.get('/read'))?.json()).toEqual({ count: 1, who: 'c' });
    },
  );

  it.each([
    ['the user may do nothing any more', ['nocommands'], ['+@all'], 200],
    ['the keys are not allowed any more', ['resetkeys'], ['~*'], 200],
    ['the password was changed', ['resetpass', '>other'], ['resetpass', '>canary-5ef1'], 503],
    ['the user was switched off', ['off'], ['on'], 503],
  ])(
    'row 6: everything because %s tells nobody the password, and is over without a restart',
    async (...row) => {
      const [_why, fault, repair] = row;
      const redis = await startRedis();
      const admin = redisClient(redis.port);
      await admin.call('ACL', 'SETUSER', 'shop', 'on', '>canary-5ef1', '~*', '&*', '+@all');
      const credentials = { username: 'shop', password: 'canary-5ef1' };
      const app = await startFaultApp(adapter, { host: redis.host, port: redis.port, ...credentials });
      const users = await Promise.all(['a', 'b', 'c'].map((user) => app.loggedIn(user)));
      const witness = await app.loggedIn('witness');
      await admin.call('ACL', 'SETUSER', 'shop', ...fault);
      await admin.call('CLIENT', 'KILL', 'USER', 'shop');
      const down = { plain: 200, read: 503, write: 503, logout: 503 };
      expect(await oneOfEach(app.browser(), users)).toEqual(down);
      await admin.call('ACL', 'SETUSER', 'shop', ...repair);
      expect(await recoveryMs(witness)).toBeLessThan(10_000);
      expect((await witness.get('/read')).json()).toEqual({ count: 1, who: 'witness' });
      expect(app.log.text()).not.toContain('canary-5ef1');
    },
  );

  it('row 7: nothing but was emptied makes its sessions anonymous, and brings nothing back', async () => {
    const { admin, app, users, witness } = await start(adapter);
    await admin.flushall();
    expect(await oneOfEach(app.browser(), users)).toEqual({ plain: 200, read: 200, write: 200, logout: 200 });
    expect((await witness.get('/read')).json()).toEqual({ count: null, who: null });
    const again = await app.loggedIn('again');
    expect((await again.get('/read')).json()).toEqual({ count: 1, who: 'again' });
  });
});
