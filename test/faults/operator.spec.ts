import { expect, it } from '@jest/globals';
import { redisClient } from '../support/redis-client.js';
import { eachAdapter } from '../support/apps.js';
import { startRedis } from '../support/redis-server.js';
import { startFaultApp } from './helpers/fault-app.js';

eachAdapter('what the operator reads about a 503', (adapter) => {
  it('is one line for each kind of failure, with what to do, and none of the user', async () => {
    const redis = await startRedis();
    const admin = redisClient(redis.port);
    const app = await startFaultApp(adapter, { host: redis.host, port: redis.port });
    const browser = await app.loggedIn('canary-77d0');
    const lines = (): string[] => app.log.messages('warn').filter((line) => line.includes('get 503'));
    const full = async (): Promise<void> => {
      await admin.config('SET', 'maxmemory', '1');
      for (let n = 0; n < 3; n++) expect((await browser.post('/write')).status).toBe(503);
      await admin.config('SET', 'maxmemory', '0');
    };
    await full();
    expect(lines()).toEqual([expect.stringMatching(/: OOM\. The server is full: raise maxmemory/)]);
    await admin.config('SET', 'min-replicas-to-write', '1');
    expect((await browser.post('/write')).status).toBe(503);
    await admin.config('SET', 'min-replicas-to-write', '0');
    await full();
    expect(lines()).toEqual([
      expect.stringMatching(/: OOM\. /),
      expect.stringMatching(/: NOREPLICAS\. The server has fewer replicas/),
    ]);
    expect((await browser.get('/read')).status).toBe(200);
    expect(app.log.text()).not.toMatch(/canary-77d0|session:\{/);
    expect(app.log.text()).not.toContain(browser.cookie('sid'));
  });

  it('tells of a record that only a newer version can read', async () => {
    const redis = await startRedis();
    const admin = redisClient(redis.port);
    const app = await startFaultApp(adapter, { host: redis.host, port: redis.port });
    const browser = await app.loggedIn();
    const [key = ''] = await admin.keys('session:{*');
    await admin.call('EVAL', NEWER, 1, key);
    expect((await browser.get('/read')).status).toBe(503);
    expect((await browser.get('/read')).status).toBe(503);
    const lines = app.log.messages('warn').filter((line) => line.includes('get 503'));
    expect(lines).toEqual([expect.stringMatching(/format/)]);
  });
});

/** The version as the first thing of the field, whatever else it holds. */
const NEWER = `
local v = redis.call('HGET', KEYS[1], '@v')
return redis.call('HSET', KEYS[1], '@v', (string.gsub(v, '^%d+', '99')))`;
