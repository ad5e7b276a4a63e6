/**
 * What the index of users' sessions costs: logins with and without it, turn by turn, and lists of one user among many.
 * `node bench/users.mjs [users] [--only=lists]`, after a build, with a Redis of its own: 200 000 users of 5 sessions unless it is told
 * otherwise. `--only=lists`: memory, and lists beside reads, and nothing else.
 */
import process from 'node:process';
import { performance } from 'node:perf_hooks';
import { randomBytes } from 'node:crypto';
import { createRedisClient } from '../dist/redis/client.js';
import { RedisCommands } from '../dist/redis/commands.js';
import { RedisStore } from '../dist/stores/redis/redis-store.js';
import { RedisSessionIndex } from '../dist/stores/redis/redis-index.js';
import { UserSessions } from '../dist/core/user-sessions.js';
import { startRedis } from './lib/processes.js';
import { idOf, newToken } from '../dist/core/token.js';

const onlyLists = process.argv.includes('--only=lists');
const users = Number(process.argv.slice(2).find((argument) => /^\d+$/.test(argument)) ?? 200_000);
const DEVICES = 5;
const keyPrefix = 'bench:session:';
const redis = await startRedis();
const { port } = redis;
const connected = async () => {
  const client = createRedisClient({ host: '127.0.0.1', port, database: 0, timeoutMs: 60_000 });
  await client.connect();
  return client;
};
const client = await connected();
const commands = new RedisCommands(client, 'bench', 60_000);
const options = { keyPrefix, topology: 'standalone', touchIntervalMs: 30_000, tombstoneMs: 60_000 };
const store = new RedisStore(
  commands,
  { ...options, messages: { channel: `${keyPrefix}events`, node: 'bench' } },
  async () => undefined,
);
const index = new RedisSessionIndex(commands, { keyPrefix, isWithRecords: () => true });
const sessions = new UserSessions({
  store,
  index,
  rules: { maxSessionsPerUser: 0, sessionLimitPolicy: 'reject' },
  events: { emit: () => undefined },
  log: { debug: () => undefined },
  now: () => performance.now(),
});
const attributes = new Map([['cart', randomBytes(500)]]);
const record = (principal, indexed) => ({
  attributes,
  codec: 'msgpack',
  maxInactiveInterval: 1800,
  absoluteTimeout: 0,
  principal,
  authenticated: true,
  indexed,
});
const device = {
  address: '192.0.2.17',
  userAgent: 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0',
};

async function withIndex(principal) {
  const id = idOf(newToken());
  const reservation = await sessions.reserve(principal, id, 1800, { device });
  await store.create(id, { ...record(principal, true), entry: reservation.entry });
  await reservation.written();
  return id;
}
const without = (to) => async (principal) => {
  const id = idOf(newToken());
  await to.create(id, record(principal, false));
  return id;
};

async function perSecond(login, count, atOnce = 64) {
  const startedAt = performance.now();
  let left = count;
  await Promise.all(
    Array.from({ length: atOnce }, async () => {
      while (left-- > 0) await login(`someone ${left % 5000}`);
    }),
  );
  return (count * 1000) / (performance.now() - startedAt);
}

const quantile = (values, share) => values.sort((a, b) => a - b)[Math.floor(values.length * share)];
const lines = [];
const say = (line) => {
  lines.push(line);
  console.log(line);
};
const timed = async (work) => {
  const startedAt = performance.now();
  await work();
  return performance.now() - startedAt;
};

/** Both of a pair in each turn, so that they meet the same machine: the ratio of a turn is one sample. */
async function loginRatio(turns = 15, count = 2000) {
  const ratios = [];
  for (let turn = 0; turn < turns; turn += 1) {
    const kinds = turn % 2 === 0 ? [without(store), withIndex] : [withIndex, without(store)];
    const rates = new Map();
    for (const kind of kinds) rates.set(kind, await perSecond(kind, count));
    ratios.push(rates.get(withIndex) / rates.get(kinds.find((kind) => kind !== withIndex)));
  }
  return ratios;
}
if (!onlyLists) {
  const ratios = await loginRatio();
  say(
    `| logins at the level of the store, with the index : without | ${quantile(ratios, 0.5).toFixed(2)} (${quantile(ratios, 0.25).toFixed(2)} to ${quantile(ratios, 0.75).toFixed(2)}) |`,
  );
}

await client.call('FLUSHALL');
/** So many sessions at the same time as they are written. */
const WRITTEN_AT_ONCE = 500;
const bytes = async () => Number(/used_memory:(\d+)/.exec(await client.call('INFO', 'memory'))[1]);
/** Of the sessions, one of so many is read later: a million ids would be this process's own garbage to collect. */
const SAMPLED = 100;
const ids = [];
let count = 0;
const empty = await bytes();
for (; count < users * DEVICES; count += WRITTEN_AT_ONCE) {
  const written = await Promise.all(
    Array.from({ length: WRITTEN_AT_ONCE }, (_, i) => withIndex(`user ${(count + i) % users}`)),
  );
  ids.push(...written.filter((_, i) => i % SAMPLED === 0));
}
const total = (await bytes()) - empty;
const list = await client.call('MEMORY', 'USAGE', `${keyPrefix}user:{${index.namesOf('user 1')[0]}}`);
say(`| sessions, of ${users} users | ${count} |`);
say(`| memory of the index for each session, with a device | ${Math.round(list / DEVICES)} bytes |`);
say(
  `| memory of all for each session of 500 bytes, index and keys included | ${Math.round(total / count)} bytes |`,
);

const listOf = async (n) => {
  for await (const one of sessions.list(`user ${(n * 104_729) % users}`))
    if (!one.id) throw new Error('no id');
};
/** Another connection, as the requests of another node have; and this process's own, as requests of this node. */
const others = new RedisStore(
  new RedisCommands(await connected(), 'others', 60_000),
  options,
  async () => undefined,
);
const readBy = (from, n) => from.load(ids[(n * 7919) % ids.length], { touch: false });
/** What holds the server up for longer is told of: others wait for it. */
const SLOW_US = 1000;
await client.call('CONFIG', 'SET', 'slowlog-log-slower-than', String(SLOW_US));
await client.call('SLOWLOG', 'RESET');
/** Heats, since one pause of the machine is a hundredth of one: the one in the middle is told. */
const [HEATS, TURNS] = [7, 2000];
const heats = [];
for (let heat = 0; heat < HEATS; heat += 1) {
  const [reads, lists] = [[], []];
  for (let n = heat * TURNS; n < (heat + 1) * TURNS; n += 1) {
    reads.push(await timed(() => readBy(store, n)));
    lists.push(await timed(() => listOf(n)));
  }
  const at = (share) => [quantile(reads, share), quantile(lists, share)];
  heats.push({ half: at(0.5), most: at(0.99) });
}
const slow = Number(await client.call('SLOWLOG', 'LEN'));
const [rest, most] = ['half', 'most'].map((of) => {
  const byDifference = heats.map((heat) => heat[of]).sort((a, b) => a[1] - a[0] - (b[1] - b[0]));
  const [read, list] = byDifference[Math.floor(HEATS / 2)];
  const differences = byDifference.map(([less, more]) => (more - less).toFixed(2));
  return `${read.toFixed(2)}, ${list.toFixed(2)} ms: ${(list - read).toFixed(2)} more (${differences[0]} to ${differences.at(-1)})`;
});
say(`| a read, and a list of ${DEVICES}, turn by turn: p50, of ${HEATS} heats | ${rest} |`);
say(`| the same: p99 (goal: 5 ms more) | ${most} |`);
say(`| commands that took the server over ${SLOW_US / 1000} ms meanwhile | ${slow} |`);
if (onlyLists) {
  say(`| Node | ${process.version} |`);
  await redis.stop();
  process.exit(0);
}

/** all() goes on for a while and stands still for a while, in turns, since whoever reads it says how fast it goes. */
const TURN_MS = 250;
/** Long enough for the tail of the reads: a walk through a million takes minutes. */
const WALK_MS = 60_000;
const walk = sessions.all()[Symbol.asyncIterator]();
const found = { walking: { here: [], elsewhere: [] }, still: { here: [], elsewhere: [] } };
let [seen, walkedMs, isOver] = [0, 0, false];
while (!isOver && walkedMs < WALK_MS) {
  for (const turn of ['walking', 'still']) {
    const until = performance.now() + TURN_MS;
    const reader = async (where, from) => {
      for (let n = seen; performance.now() < until; n += 1)
        found[turn][where].push(await timed(() => readBy(from, n)));
    };
    const walker = async () => {
      const startedAt = performance.now();
      while (!isOver && performance.now() < until) {
        const { done } = await walk.next();
        if (done) isOver = true;
        else seen += 1;
      }
      walkedMs += performance.now() - startedAt;
    };
    await Promise.all([
      reader('here', store),
      reader('elsewhere', others),
      ...(turn === 'walking' ? [walker()] : []),
    ]);
  }
}
say(
  `| all(): sessions, and how many a second beside the reads | ${seen}, ${Math.round((seen * 1000) / walkedMs)} |`,
);
for (const [where, name] of [
  ['here', 'on the same connection'],
  ['elsewhere', 'on another connection'],
]) {
  const [walking, still] = [found.walking[where], found.still[where]];
  const at = (share) =>
    `${quantile(walking, share).toFixed(2)} : ${quantile(still, share).toFixed(2)} ms = ${(quantile(walking, share) / quantile(still, share)).toFixed(2)}`;
  say(`| reads ${name} during all() : without, p50 and p99 | ${at(0.5)}; ${at(0.99)} |`);
}
say(`| Node | ${process.version} |`);
await redis.stop();
process.exit(0);
