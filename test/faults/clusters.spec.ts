import { describe, expect, it, jest } from '@jest/globals';
import type { RedisOptions } from 'nestjs-redis-session';
import { aclSetUser } from '../security/acl-line.js';
import type { Browser } from '../support/cookie-jar.js';
import { eventually } from '../support/eventually.js';
import { slotOf, startCluster, type ClusterInstallation } from '../topologies/helpers/cluster.js';
import {
  DOWN,
  SERVED,
  oneOfEach,
  recoveryMs,
  startFaultApp,
  warningsOf,
  type FaultApp,
} from './helpers/fault-app.js';

// Servers and processes are started in each.
jest.setTimeout(120_000);

/** The adapter makes no difference to any of this. */
const ADAPTER = 'express';
const READS_ONLY = { plain: 200, read: 200, write: 503, logout: 503 };
/** It serves what it can. */
const PARTIAL = ['--cluster-require-full-coverage', 'no'];
const PASSWORD = 'canary-61c0';
/** What the manual says, and nothing else. */
const SHOP = aclSetUser('shop', PASSWORD, 'session:');

interface Scene extends ClusterInstallation {
  readonly app: FaultApp;
  /** Four users for each of the masters. */
  readonly users: readonly [readonly Browser[], readonly Browser[], readonly Browser[]];
}

async function start(args: readonly string[], more: RedisOptions = {}): Promise<Scene> {
  const cluster = await startCluster(args);
  await everyNode(cluster, ...SHOP);
  const app = await startFaultApp(ADAPTER, {
    cluster: {
      nodes: cluster.nodes.split(',').map((address) => {
        const [host = '', port] = address.split(':');
        return { host, port: Number(port) };
      }),
    },
    username: 'shop',
    password: PASSWORD,
    // Long enough for a machine that is busy; no test waits for it.
    timeoutMs: 5000,
    ...more,
  });
  const users: Scene['users'] = [[], [], []];
  while (users.some((some) => some.length < 4)) {
    const user = await app.loggedIn();
    const tag = String(user.cookie('sid')).slice(0, 4);
    const slot = await slotOf(cluster, `{${tag}}`);
    (users[Math.floor((slot * 3) / 16_384)] as Browser[]).push(user);
  }
  return { ...cluster, app, users };
}

async function everyNode(
  { admins }: Pick<Scene, 'admins'>,
  ...[name = '', ...words]: string[]
): Promise<void> {
  for (const admin of admins) await admin.call(name, ...words);
}

describe('a cluster that changes while it is in use', () => {
  interface Case {
    readonly fault: (scene: Scene) => Promise<unknown>;
    /** What users whose sessions are on the first master get, and the others. */
    readonly first: typeof SERVED;
    readonly others: typeof SERVED;
    /** Told in the log of the first master (or, where there are no others to serve, of the cluster), and in health. */
    readonly cause: RegExp;
    readonly args?: readonly string[];
    readonly repair?: (scene: Scene) => Promise<unknown>;
  }
  const cases: Record<string, Case> = {
    'one master is dead': {
      fault: ({ servers }) => servers[0]?.kill() as Promise<void>,
      repair: async ({ servers, admins }) => {
        await servers[0]?.restart();
        await everyNode({ admins: admins.slice(0, 1) }, ...SHOP);
      },
      ...{ first: DOWN, others: SERVED },
      cause: /ECONNREFUSED\. .*REDIS_SESSION_CLUSTER_NODES, and that the server is up/,
    },
    'one master knows another password': {
      fault: async ({ admins: [admin] }) => {
        await admin?.call('ACL', 'SETUSER', 'shop', 'resetpass', '>rotated');
        await admin?.call('CLIENT', 'KILL', 'USER', 'shop');
      },
      repair: async ({ admins: [admin] }) => admin?.call('ACL', 'SETUSER', 'shop', `>${PASSWORD}`),
      ...{ first: DOWN, others: SERVED },
      cause: /WRONGPASS\. .*REDIS_SESSION_PASSWORD/,
    },
    'one master refuses scripts': {
      fault: async ({ admins: [admin] }) => admin?.call('ACL', 'SETUSER', 'shop', '-evalsha'),
      repair: async ({ admins: [admin] }) => admin?.call('ACL', 'SETUSER', 'shop', '+evalsha'),
      ...{ first: READS_ONLY, others: SERVED },
      cause: /NOPERM for EVALSHA\. .*REDIS_SESSION_USERNAME/,
    },
    'slots are served by nobody': {
      fault: (scene) => everyNode(scene, 'CLUSTER', 'DELSLOTSRANGE', '0', '5461'),
      ...{ first: DOWN, others: SERVED },
      cause: /CLUSTERDOWN\. .*CLUSTER INFO/,
    },
    'slots are served by nobody, and it wants all to be': {
      args: [],
      fault: async (scene) => {
        await everyNode(scene, 'CLUSTER', 'DELSLOTSRANGE', '0', '99');
        await eventually('each master counts the cluster as failed', async () => {
          const infos = await Promise.all(scene.admins.map((admin) => admin.call('CLUSTER', 'INFO')));
          return infos.every((info) => String(info).includes('cluster_state:fail')) ? true : undefined;
        });
      },
      ...{ first: DOWN, others: DOWN },
      cause: /CLUSTERDOWN\. .*CLUSTER INFO/,
    },
    'all know another password': {
      fault: async (scene) => {
        await everyNode(scene, 'ACL', 'SETUSER', 'shop', 'resetpass', '>rotated');
        await everyNode(scene, 'CLIENT', 'KILL', 'USER', 'shop');
      },
      repair: (scene) => everyNode(scene, 'ACL', 'SETUSER', 'shop', `>${PASSWORD}`),
      ...{ first: DOWN, others: DOWN },
      cause: /WRONGPASS\. .*REDIS_SESSION_PASSWORD/,
    },
    'all are dead': {
      fault: async ({ servers }) => void (await Promise.all(servers.map((server) => server.kill()))),
      ...{ first: DOWN, others: DOWN },
      cause:
        /no node of the cluster answers: 127\.0\.0\.1:\d+.*, 127\.0\.0\.1:\d+.*REDIS_SESSION_CLUSTER_NODES, and that the nodes are up/,
    },
  };

  it.each(Object.entries(cases))(
    '%s',
    async (_what, { args = PARTIAL, fault, repair, first, others, cause }) => {
      const scene = await start(args);
      const { app, users } = scene;
      await fault(scene);
      expect(await oneOfEach(app.browser(), users[0])).toEqual(first);
      expect(await oneOfEach(app.browser(), users[1])).toEqual(others);
      expect(await oneOfEach(app.browser(), users[2])).toEqual(others);
      // Of a node it is told once it has failed often enough.
      for (let n = 0; n < 5; n += 1) await users[0][3]?.post('/write');
      const health = await app.health();
      if (others === SERVED) {
        const dead = `127.0.0.1:${scene.servers[0]?.port ?? 0}`;
        expect(health).toMatchObject({ status: 'up', unreachable: [dead] });
        expect(warningsOf(app.log).outages).toEqual([expect.stringMatching(cause)]);
        for (const line of app.log.messages('warn')) expect(line).toContain(`Redis at ${dead}`);
      } else {
        expect(health).toMatchObject({ status: 'down', message: expect.stringMatching(cause) as unknown });
        const { outages } = warningsOf(app.log);
        for (const line of outages) expect(line).toMatch(cause);
        expect(outages).not.toEqual([]);
      }
      expect(app.log.text()).not.toContain(PASSWORD);
      if (repair === undefined) return;
      await repair(scene);
      const [, , , witness] = users[0];
      if (witness === undefined) throw new Error('no user');
      // A master that was restarted waits some seconds before it serves, so that it does not serve what has moved.
      await recoveryMs(witness, 60_000);
      await eventually('it is healthy again', async () => {
        const { status, unreachable } = await app.health();
        return status === 'up' && unreachable === undefined ? true : undefined;
      });
    },
  );

  it('a timeout that is short hides no reason', async () => {
    const scene = await start([], { timeoutMs: 1000 });
    await everyNode(scene, 'CLUSTER', 'DELSLOTSRANGE', '0', '99');
    const { app, users } = scene;
    const reason = await eventually('it says why', async () => {
      await users[1][0]?.get('/read');
      return app.log.messages('warn').find((line) => line.includes('CLUSTERDOWN'));
    });
    expect(reason).toMatch(/CLUSTER INFO/);
  });
});
