import { setTimeout as delay } from 'node:timers/promises';
import { once } from 'node:events';
import { WebSocket } from 'ws';
import { type Shown } from '../apps/chaos-node.js';
import {
  allOf,
  atLeast,
  atMostMs,
  exactly,
  none,
  type ChaosContext,
  type ChaosRow,
  type Finding,
} from '../row.js';
import { onCleanup } from '../../support/cleanup.js';
import { Browser } from '../../support/cookie-jar.js';
import { eventually } from '../../support/eventually.js';
import { startRedis } from '../../support/redis-server.js';
import { startChannelProxy } from '../helpers/channel-proxy.js';
import { adminOf, checkUsers, statuses } from '../helpers/check.js';
import { PATIENT } from '../helpers/edge.js';
import { startFleet } from '../helpers/fleet.js';
import { startLoad } from '../helpers/load.js';
import { keyOf } from '../../support/records.js';

const CUT_MS = 5_000;
const CLOSED_WITHIN_MS = 1_000;
/** What happens to a session while its node hears nothing. */
const DEEDS = ['logout', 'end-all', 'end', 'login', 'renew', 'nothing'] as const;
const LIVE_ON: readonly (typeof DEEDS)[number][] = ['renew', 'nothing'];

/** A user's browser and the socket it has open. */
class Device {
  readonly browser: Browser;
  closedAt: number | undefined;
  id = '';
  #socket: WebSocket | undefined;

  constructor(
    readonly user: string,
    readonly deed: (typeof DEEDS)[number],
    readonly url: string,
    readonly elsewhere: string,
  ) {
    this.browser = new Browser(url);
  }

  async open(): Promise<void> {
    this.id = (await this.browser.post('/login', { user: this.user })).json<Shown>().id;
    const cookie = this.browser.jar.header('/');
    const socket = new WebSocket(this.url.replace(/^http/, 'ws'), { headers: { cookie } });
    onCleanup(() => socket.terminate());
    await once(socket, 'open');
    socket.once('close', () => (this.closedAt = performance.now()));
    this.#socket = socket;
    // A socket is known to its node with its first message.
    if ((await this.who()) !== this.user) throw new Error('Chaos helper: a socket has no session.');
  }

  async who(): Promise<unknown> {
    const answer = once(this.#socket as WebSocket, 'message', { signal: AbortSignal.timeout(20_000) });
    this.#socket?.send(JSON.stringify({ event: 'who' }));
    const [message] = (await answer) as [Buffer];
    return (JSON.parse(message.toString()) as { data: unknown }).data;
  }

  /** On the other node. */
  async act(): Promise<void> {
    const there = new Browser(this.elsewhere, this.browser.jar);
    const { deed, user, id } = this;
    if (deed === 'end-all') await there.post('/end-all', { user });
    else if (deed === 'end') await there.post('/end', { id });
    else if (deed !== 'nothing') await there.post(`/${deed}`, { user });
  }
}

/** A guest of one node, whose copy in Redis expires; what it holds lives in that node's memory. */
async function guestOf(url: string): Promise<{ browser: Browser; id: string }> {
  const browser = new Browser(url);
  return { browser, id: (await browser.post('/write', { value: 'cart' })).json<Shown>().id };
}

/** @param how The connection is lost, or it is open and nothing comes through, which no node notices at once. */
async function without(context: ChaosContext, how: 'cut' | 'mute'): Promise<Finding[]> {
  const redis = await startRedis();
  const admin = adminOf(redis.port);
  const proxy = await startChannelProxy(redis.port);
  const script = await context.compileApp('test/chaos/apps/socket-node.ts');
  const fleet = await startFleet(context, { redis: proxy, nodes: 2, script, env: PATIENT });
  const [a = '', b = ''] = fleet.nodes.map(({ url }) => url);
  const load = await startLoad({ url: fleet.url, users: context.scale(20, 6), pauseMs: 50 });
  const devices = Array.from({ length: context.scale(120, 24) }, (_, n) => {
    const [url, elsewhere] = n % 2 === 0 ? [a, b] : [b, a];
    return new Device(`device${n}`, DEEDS[Math.floor(n / 2) % DEEDS.length] ?? 'nothing', url, elsewhere);
  });
  await Promise.all(devices.map((device) => device.open()));
  const guests = await Promise.all(Array.from({ length: context.scale(40, 10) }, () => guestOf(a)));
  const listened = proxy.listening;

  const from = performance.now();
  proxy[how]();
  await Promise.all(devices.map((device) => device.act()));
  for (const { browser, id } of guests) {
    await admin.del(keyOf(id));
    await new Browser(b, browser.jar.clone()).post('/logout');
  }
  const early = devices.filter(({ closedAt }) => closedAt !== undefined).length;
  await delay(Math.max(0, CUT_MS - (performance.now() - from)));
  const { refused } = proxy;
  proxy.restore();
  const restoredAt = performance.now();
  await eventually('both nodes tell of a gap', () =>
    fleet.nodes.every(({ process }) => process.output().includes('event gap')) ? true : undefined,
  );
  const ended = devices.filter(({ deed }) => !LIVE_ON.includes(deed));
  await eventually('sockets of ended sessions are closed', () =>
    ended.every(({ closedAt }) => closedAt !== undefined) ? true : undefined,
  );
  const live = devices.filter(({ deed }) => LIVE_ON.includes(deed));
  const answers = await Promise.all(live.map((device) => device.who().catch(() => null)));
  const back: string[] = [];
  for (const { browser } of guests) {
    const { value } = (await browser.get('/read')).json<Shown>();
    if (value !== null) back.push(value);
  }
  await load.stop();
  const during = load.ledger.between(from);
  const closedAt = ended.map((device) => device.closedAt ?? Infinity);
  const free = during.filter(
    ({ kind, startedAt }) => kind === 'plain' && startedAt > restoredAt - CLOSED_WITHIN_MS,
  );
  const findings = [
    exactly('connections that listened', listened, 2),
    atLeast('sockets that heard nothing while it was gone', devices.length - early, devices.length),
    ...(how === 'cut' ? [atLeast('tries to listen meanwhile', refused, 10)] : []),
    exactly('answers', statuses(during), { 200: during.length }),
    atMostMs(
      'sockets of ended sessions are closed after its return',
      Math.max(...closedAt) - restoredAt,
      CLOSED_WITHIN_MS,
      Math.max(0, ...free.map(({ ms }) => ms)),
    ),
    allOf(
      'sockets of the others live on, with their id changed or not',
      answers.filter((who, at) => who === live[at]?.user).length,
      live.length,
    ),
    none("guests' copies that outlived their end", back),
    ...(await checkUsers(load.users, { admin, strictFrom: from })),
  ];
  return findings.map((finding) => ({ ...finding, what: `${how}: ${finding.what}` }));
}

/** Nodes do not hear of each other for a while; commands go through all the time. */
export const row: ChaosRow = {
  row: 32,
  fault: 'the channel of events is cut for 5 s, or mute; sockets and guests in memory',
  on: 'standalone',
  run: async (context) => [...(await without(context, 'cut')), ...(await without(context, 'mute'))],
};
