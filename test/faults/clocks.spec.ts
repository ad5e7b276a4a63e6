import { afterEach, expect, it, jest } from '@jest/globals';
import { redisClient } from '../support/redis-client.js';
import { eachAdapter } from '../support/apps.js';
import { startRedis } from '../support/redis-server.js';
import { startFaultApp } from './helpers/fault-app.js';

const HOUR_MS = 3_600_000;
const { now } = Date;
afterEach(() => void jest.restoreAllMocks());

eachAdapter("a node's clock", (adapter) => {
  it.each([
    ['an hour fast', HOUR_MS],
    ['an hour slow', -HOUR_MS],
  ])('row 19: that is %s makes no difference to when a session ends', async (_how, errorMs) => {
    const redis = await startRedis();
    const admin = redisClient(redis.port);
    const app = await startFaultApp(adapter, { host: redis.host, port: redis.port });
    const user = await app.loggedIn();
    const [key = ''] = await admin.keys('session:{*');
    const right = await admin.pttl(key);
    jest.spyOn(Date, 'now').mockImplementation(() => now() + errorMs);
    for (const write of [false, true]) {
      const answer = write ? await user.post('/write') : await user.get('/read');
      expect(answer.status).toBe(200);
      expect(Math.abs((await admin.pttl(key)) - right)).toBeLessThan(1000);
    }
  });
});
