import { expect, it } from '@jest/globals';
import { redisClient } from '../support/redis-client.js';
import { eachAdapter } from '../support/apps.js';
import { setPart } from '../support/record-fields.js';
import { startRedis } from '../support/redis-server.js';
import { assertHonest, recoveryMs, startFaultApp } from './helpers/fault-app.js';
import { startSwitchboard } from './helpers/switchboard.js';

eachAdapter('replies and records that are not what they should be', (adapter) => {
  it('row 12: a connection cut in the middle of a reply is read again, and a write is a 503, never a success', async () => {
    const redis = await startRedis();
    const board = await startSwitchboard(redis.port);
    const app = await startFaultApp(adapter, { host: board.host, port: board.port });
    const user = await app.loggedIn();
    const pass = board.onReply;
    for (const path of ['/read', '/write'] as const) {
      let cut = false;
      board.onReply = (bytes) => {
        // What a write reads first.
        const isLoad = path === '/write' && bytes.includes('@v');
        if (cut || isLoad) return pass(bytes);
        cut = true;
        return undefined;
      };
      const answer = path === '/read' ? await user.get(path) : await user.post(path);
      expect(cut).toBe(true);
      if (path === '/read') expect(answer.json()).toEqual({ count: 1, who: 'ann' });
      else expect(answer.status).toBe(503);
      assertHonest(answer);
      board.onReply = pass;
      await recoveryMs(user);
    }
  });

  it("row 12: a reply that is another session's shows it to nobody, and costs nobody the own one", async () => {
    const redis = await startRedis();
    const board = await startSwitchboard(redis.port);
    const app = await startFaultApp(adapter, { host: board.host, port: board.port });
    const [ann, bob] = [await app.loggedIn('ann'), await app.loggedIn('bob')];
    const pass = board.onReply;
    const replies: Buffer[] = [];
    board.onReply = (bytes) => {
      replies.push(bytes);
      return bytes;
    };
    await bob.get('/read');
    const ofBob = replies[0] as Buffer;
    let swapped = false;
    board.onReply = (bytes) => {
      if (swapped) return bytes;
      swapped = true;
      return ofBob;
    };
    const wrong = await ann.get('/read');
    board.onReply = pass;
    expect(swapped).toBe(true);
    expect(wrong.json()).toEqual({ count: null, who: null });
    expect((await ann.get('/read')).json()).toEqual({ count: 1, who: 'ann' });
    expect((await bob.get('/read')).json()).toEqual({ count: 1, who: 'bob' });
  });

  it.each([
    [
      'holds no hash',
      'its key holds no hash',
      (key: string) => [
        ['DEL', key],
        ['SET', key, 'x'],
      ],
    ],
    [
      'is a hash of somebody else',
      'it is not a session record',
      (key: string) => [
        ['DEL', key],
        ['HSET', key, 'a', 'b'],
      ],
    ],
    [
      'names another session',
      'it names another session',
      (key: string) => [['HSET', key, '@v', `1 ${'x'.repeat(24)} 1800 0 0 1 0`]],
    ],
    [
      'has lost a field of ours',
      'one of its own fields is damaged',
      (key: string) => [['HDEL', key, '@info']],
    ],
  ])(
    'row 20: a record that %s is anonymous, told once and put into quarantine; the next login works',
    async (_what, reason, damage) => {
      const redis = await startRedis();
      const admin = redisClient(redis.port);
      const app = await startFaultApp(adapter, { host: redis.host, port: redis.port });
      const user = await app.loggedIn();
      const [key = ''] = await admin.keys('session:{*');
      for (const [name = '', ...args] of damage(key)) await admin.call(name, ...args);
      for (let n = 0; n < 3; n++) {
        const answer = await user.get('/read');
        expect(answer.status).toBe(200);
        expect(answer.json()).toEqual({ count: null, who: null });
      }
      expect(await admin.exists(key)).toBe(0);
      expect(await admin.pttl(`${key}:unreadable`)).toBeGreaterThan(0);
      expect(app.log.messages('warn').filter((line) => line.includes(reason))).toHaveLength(1);
      await user.post('/login', { user: 'ann again' });
      expect((await user.get('/read')).json()).toEqual({ count: null, who: 'ann again' });
    },
  );

  it('row 20: an attribute whose bytes are damaged costs that attribute and no 5xx', async () => {
    const redis = await startRedis();
    const admin = redisClient(redis.port);
    const app = await startFaultApp(adapter, { host: redis.host, port: redis.port });
    const user = await app.loggedIn();
    const [key = ''] = await admin.keys('session:{*');
    await admin.hset(key, 'count', Buffer.from([0xc1]));
    expect((await user.get('/read')).json()).toEqual({ count: null, who: 'ann' });
    expect((await user.post('/write')).json()).toEqual({ count: 1 });
    expect((await user.get('/read')).json()).toEqual({ count: 1, who: 'ann' });
  });

  it('row 20: a record of a newer format is 503 and left as it is', async () => {
    const redis = await startRedis();
    const admin = redisClient(redis.port);
    const app = await startFaultApp(adapter, { host: redis.host, port: redis.port });
    const user = await app.loggedIn();
    const [key = ''] = await admin.keys('session:{*');
    await setPart(admin, key, 'version', 2);
    for (const answer of [await user.get('/read'), await user.post('/write')]) {
      expect(answer.status).toBe(503);
      assertHonest(answer);
    }
    await setPart(admin, key, 'version', 1);
    expect((await user.get('/read')).json()).toEqual({ count: 1, who: 'ann' });
  });
});
