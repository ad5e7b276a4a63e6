import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { type Shown } from '../apps/chaos-node.js';
import { startFleetNode, type FleetNode, type FleetOptions } from '../helpers/fleet.js';
import { allOf, atMostMs, exactly, none, type ChaosContext, type ChaosRow, type Finding } from '../row.js';
import { onCleanup } from '../../support/cleanup.js';
import { Browser } from '../../support/cookie-jar.js';
import { startRedis, type RedisProcess } from '../../support/redis-server.js';

const KINDS = ['read', 'write', 'login', 'logout', 'slow'] as const;
const IN_FLIGHT = 200;
/** From the signal to what befalls Redis meanwhile. */
const MEANWHILE_MS = 500;
/** How long a slow handler takes before it writes. */
const SLOW_MS = 2000;
const EXIT_LIMIT_MS = 6000;
const GIVE_UP_MS = 30_000;

type Kind = (typeof KINDS)[number];

interface User {
  readonly name: string;
  readonly kind: Kind;
  readonly browser: Browser;
}

interface Answer {
  readonly kind: Kind;
  readonly status: number;
  readonly cookie: boolean;
  /** In ms, from the signal. */
  readonly at: number;
}

async function usersOf(node: FleetNode, kinds: readonly Kind[]): Promise<User[]> {
  const users: User[] = [];
  for (let at = 0; at < IN_FLIGHT; at++) {
    const [name, browser] = [`user-${at}`, new Browser(node.url)];
    await browser.post('/login', { user: name, value: 'before' });
    users.push({ name, browser, kind: kinds[at % kinds.length] as Kind });
  }
  return users;
}

async function act({ name, kind, browser }: User): Promise<Omit<Answer, 'kind' | 'at'>> {
  const { status, setCookies } = await {
    read: () => browser.get('/read'),
    write: () => browser.post('/write', { value: 'after' }),
    login: () => browser.post('/login', { user: `${name}-again` }),
    logout: () => browser.post('/logout'),
    slow: () => browser.post('/slow', { value: 'after', ms: SLOW_MS }),
  }[kind]();
  return { status, cookie: setCookies.length > 0 };
}

/** Connections as browsers and balancers leave them open: one that was used, and one that never was. */
async function leaveConnectionsOpen(node: FleetNode): Promise<void> {
  for (const text of ['GET /plain HTTP/1.1\r\nHost: node\r\n\r\n', '']) {
    const socket = connect(Number(new URL(node.url).port), '127.0.0.1');
    socket.on('error', () => undefined);
    onCleanup(() => socket.destroy());
    await once(socket, 'connect');
    if (text === '') continue;
    socket.write(text);
    await once(socket, 'data');
  }
}

/** Resolves once the node has read what was sent before: it accepts connections in order, and reads them in turns. */
async function arrived(node: FleetNode): Promise<void> {
  await delay(MEANWHILE_MS);
  for (let turn = 0; turn < 3; turn++) await node.vitals();
}

/** Requests in flight, `SIGTERM`, and what came of both. `meanwhile` is done once the node is on its way out. */
async function terminate(
  node: FleetNode,
  users: readonly User[],
  meanwhile?: () => void,
): Promise<{ answers: Answer[]; exitMs: number; how: string }> {
  await leaveConnectionsOpen(node);
  let signalledAt = Number.POSITIVE_INFINITY;
  const inFlight = users.map(async (user): Promise<Answer> => {
    const answer = await act(user).catch(() => ({ status: 0, cookie: false }));
    return { kind: user.kind, ...answer, at: performance.now() - signalledAt };
  });
  await arrived(node);
  signalledAt = performance.now();
  node.process.signal('SIGTERM');
  const exit = Promise.race([
    node.process.exited.then(({ code, signal }) => signal ?? `code ${code}`),
    delay(GIVE_UP_MS, 'still running'),
  ]).then((how) => ({ how, exitMs: performance.now() - signalledAt }));
  await delay(MEANWHILE_MS);
  meanwhile?.();
  return { answers: await Promise.all(inFlight), ...(await exit) };
}

/** What another node finds of each user. */
async function lostWrites(users: readonly User[], peer: FleetNode): Promise<string[]> {
  const found = await Promise.all(
    users.map(async ({ name, kind, browser }) => {
      const { who, value } = (await new Browser(peer.url, browser.jar).get('/read')).json<Shown>();
      const expected = {
        read: [name, 'before'],
        write: [name, 'after'],
        // Another person, who does not get what the first one had.
        login: [`${name}-again`, null],
        logout: [null, null],
        slow: [name, 'after'],
      }[kind];
      return JSON.stringify([who, value]) === JSON.stringify(expected) ? '' : `${kind}: ${who}, ${value}`;
    }),
  );
  return found.filter((text) => text !== '');
}

async function alive(context: ChaosContext, redis: RedisProcess): Promise<Finding[]> {
  // Long enough for a Redis that stands still a while, so that requests wait for it when the signal comes.
  const options: FleetOptions = { redis, env: { REDIS_SESSION_TIMEOUT: '8000' } };
  const [node, peer] = await Promise.all([0, 1].map((at) => startFleetNode(context, options, at)));
  if (node === undefined || peer === undefined) return [];
  const users = await usersOf(node, KINDS);
  redis.pause();
  const { answers, exitMs, how } = await terminate(node, users, () => redis.resume());
  const good = answers.filter(({ status }) => status === 200);
  return [
    allOf('in flight at SIGTERM: answered 2xx', good.length, IN_FLIGHT),
    allOf('of these, answered after the signal', answers.filter(({ at }) => at > 0).length, IN_FLIGHT),
    none('what they wrote and is not stored', await lostWrites(users, peer)),
    exactly('ended by', how, 'SIGTERM'),
    atMostMs('exit, with kept and unused connections open', exitMs, EXIT_LIMIT_MS),
  ];
}

async function dead(context: ChaosContext, how: 'killed' | 'paused'): Promise<Finding[]> {
  const redis = await startRedis();
  const node = await startFleetNode(context, { redis, env: { REDIS_SESSION_TIMEOUT: '2000' } }, 0);
  const users = await usersOf(node, ['slow']);
  const { answers, exitMs } = await terminate(node, users, () =>
    how === 'paused' ? redis.pause() : void redis.kill(),
  );
  redis.resume();
  const told = answers.filter(({ status, cookie }) => status === 503 && !cookie);
  return [
    allOf(`Redis ${how} meanwhile: saves answered 503, no cookie`, told.length, IN_FLIGHT),
    atMostMs(`Redis ${how} meanwhile: exit`, exitMs, EXIT_LIMIT_MS),
  ];
}

/** A node is told to end while it has work. */
export const row: ChaosRow = {
  row: 17,
  fault: `SIGTERM with ${IN_FLIGHT} requests in flight, Redis there and dead`,
  on: 'standalone',
  run: async (context) => [
    ...(await alive(context, await startRedis())),
    ...(await dead(context, 'paused')),
    ...(await dead(context, 'killed')),
  ],
};
