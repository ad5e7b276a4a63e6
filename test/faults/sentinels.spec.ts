import { describe, expect, it, jest } from '@jest/globals';
import type { Redis } from 'ioredis';
import type { RedisOptions } from 'nestjs-redis-session';
import { eventually } from '../support/eventually.js';
import {
  DATA_PASSWORD,
  MASTER_NAME,
  SENTINEL_PASSWORD,
  startSentinel,
  type SentinelInstallation,
} from '../topologies/helpers/sentinel.js';
import { redisClient } from '../support/redis-client.js';
import {
  DOWN,
  SERVED,
  oneOfEach,
  recoveryMs,
  startFaultApp,
  type FaultApp,
  expectDown,
} from './helpers/fault-app.js';

// Servers and processes are started in each.
jest.setTimeout(120_000);

/** The adapter makes no difference to any of this. */
const ADAPTER = 'express';

interface Scene extends SentinelInstallation {
  /** Of the master. */
  readonly admin: Redis;
  /** Of each sentinel. */
  readonly watchers: readonly Redis[];
  readonly ports: readonly number[];
}

async function start(): Promise<Scene> {
  const installation = await startSentinel();
  const ports = installation.sentinels.split(',').map((address) => Number(address.split(':')[1]));
  return {
    ...installation,
    ports,
    admin: redisClient(installation.servers[0].port, { password: DATA_PASSWORD }),
    watchers: ports.map((port) => redisClient(port, { password: SENTINEL_PASSWORD })),
  };
}

function applicationOn({ ports }: Scene, more: RedisOptions = {}): Promise<FaultApp> {
  return startFaultApp(ADAPTER, {
    sentinel: {
      master: MASTER_NAME,
      nodes: ports.map((port) => ({ host: '127.0.0.1', port })),
      password: SENTINEL_PASSWORD,
    },
    password: DATA_PASSWORD,
    // Long enough for a machine that is busy; no test waits for it.
    timeoutMs: 5000,
    ...more,
  });
}

/** So that whoever is connected has to find the master again. */
const cutOff = ({ admin }: Scene): Promise<unknown> =>
  admin.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
const everySentinel = async ({ watchers }: Scene, ...words: string[]): Promise<void> => {
  for (const watcher of watchers) await watcher.call(...(words as [string]));
};

describe('sentinels that change while they are in use', () => {
  interface Case {
    readonly fault: (scene: Scene) => Promise<unknown>;
    readonly repair: (scene: Scene) => Promise<unknown>;
    readonly cause: RegExp;
  }
  const cases: Record<string, Case> = {
    'their password is rotated': {
      fault: async (scene) => {
        await everySentinel(scene, 'ACL', 'SETUSER', 'default', 'resetpass', '>rotated');
        await cutOff(scene);
      },
      repair: (scene) =>
        everySentinel(scene, 'ACL', 'SETUSER', 'default', 'resetpass', `>${SENTINEL_PASSWORD}`),
      cause: /WRONGPASS from a sentinel\..*REDIS_SESSION_SENTINEL_PASSWORD/,
    },
    'they forget the master': {
      fault: async (scene) => {
        await everySentinel(scene, 'SENTINEL', 'REMOVE', MASTER_NAME);
        await cutOff(scene);
      },
      repair: async (scene) => {
        const port = String(scene.servers[0].port);
        await everySentinel(scene, 'SENTINEL', 'MONITOR', MASTER_NAME, '127.0.0.1', port, '2');
        await everySentinel(scene, 'SENTINEL', 'SET', MASTER_NAME, 'auth-pass', DATA_PASSWORD);
      },
      cause: /the sentinels know no master of that name\..*REDIS_SESSION_SENTINEL_MASTER/,
    },
    "the master's password is rotated": {
      fault: async (scene) => {
        await scene.admin.call('ACL', 'SETUSER', 'default', 'resetpass', '>rotated');
        await cutOff(scene);
      },
      repair: ({ admin }) => admin.call('ACL', 'SETUSER', 'default', 'resetpass', `>${DATA_PASSWORD}`),
      cause: /: WRONGPASS\..*REDIS_SESSION_PASSWORD/,
    },
    'the master is dead, and no other takes its place': {
      fault: ({ servers }) => servers[0].kill(),
      repair: ({ servers }) => servers[0].restart(),
      cause: /ECONNREFUSED\..*REDIS_SESSION_SENTINELS, and the master that they name/,
    },
  };

  describe.each([
    ['one connection', 1],
    ['a pool', 3],
  ])('with %s', (_how, maxConnections) => {
    it.each(Object.entries(cases))('%s', async (_what, { fault, repair, cause }) => {
      const scene = await start();
      const app = await applicationOn(scene, { pool: { maxConnections } });
      const users = await Promise.all(['a', 'b', 'c', 'd'].map((user) => app.loggedIn(user)));
      await fault(scene);
      await expectDown(app, users, { cause, isPool: maxConnections > 1 });
      expect(app.log.text()).not.toMatch(/REDIS_SESSION_HOST/);
      await repair(scene);
      if (users[0]) await recoveryMs(users[0]);
      expect((await app.health()).status).toBe('up');
    });
  });

  it('all are dead: nobody notices while the connection to the master lasts; after that it is told', async () => {
    const written = jest.spyOn(console, 'error').mockImplementation(() => undefined);
    const scene = await start();
    const app = await applicationOn(scene);
    const users = await Promise.all(['a', 'b', 'c', 'd', 'e', 'f'].map((user) => app.loggedIn(user)));
    for (const watcher of scene.watchers) {
      const gone = new Promise((resolve) => watcher.once('close', resolve));
      watcher.call('SHUTDOWN', 'NOSAVE').catch(() => undefined);
      await gone;
    }
    expect(await oneOfEach(app.browser(), users)).toEqual(SERVED);
    expect((await app.health()).status).toBe('up');
    expect(app.log.messages('warn')).toEqual([]);
    await cutOff(scene);
    expect(await oneOfEach(app.browser(), users.slice(3))).toEqual(DOWN);
    const cause = /no sentinel answers\. .*REDIS_SESSION_SENTINELS, and that the sentinels are up/;
    expect((await app.health()).message).toMatch(cause);
    expect(app.log.messages('warn')).toEqual([expect.stringMatching(cause)]);
    expect(written.mock.calls).toEqual([]);
    jest.restoreAllMocks();
  });
});

describe('connections to sentinels', () => {
  /** As a sentinel counts those that listen to it, which other sentinels do not. */
  const listenersAt = async (watcher: Redis): Promise<number> =>
    String(await watcher.call('CLIENT', 'LIST', 'TYPE', 'pubsub'))
      .split('\n')
      .filter((line) => line !== '').length;

  it('are no more after the connections to the master were lost, and none is left at the end', async () => {
    const scene = await start();
    const app = await applicationOn(scene);
    const counts = async (): Promise<number[]> => Promise.all(scene.watchers.map(listenersAt));
    const subscribers = async (): Promise<unknown> => scene.admin.call('PUBSUB', 'NUMSUB', 'session:events');
    const settled = (what: string): Promise<boolean> =>
      eventually(what, async () => {
        // Of commands and of events.
        expect(await counts()).toEqual([2, 2, 2]);
        expect(await subscribers()).toEqual(['session:events', 1]);
        return true;
      });
    await settled('both are there');
    for (let n = 0; n < 3; n += 1) {
      const before = await scene.admin.call('CLIENT', 'LIST', 'TYPE', 'pubsub');
      const ids: string[] = String(before).match(/^id=\d+(?=.* sub=1 )/gm) ?? [];
      await scene.admin.call('CLIENT', 'KILL', 'TYPE', 'pubsub');
      await cutOff(scene);
      await eventually('there is another one', async () => {
        const now = String(await scene.admin.call('CLIENT', 'LIST', 'TYPE', 'pubsub'));
        const again = now.match(/^id=\d+(?=.* sub=1 )/gm) ?? [];
        return again.length === ids.length && !again.some((id) => ids.includes(id)) ? true : undefined;
      });
      await settled('there are as many as before');
    }
    await app.close();
    await eventually('none is left', async () => {
      expect(await counts()).toEqual([0, 0, 0]);
      return true;
    });
  });
});
