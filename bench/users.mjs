/**
 * What the index of users' sessions costs: logins with and without it, turn by turn, and lists of one user among many.
 * `node bench/users.mjs [users] [port]`, after a build, against a Redis that it may empty.
 */
import { performance } from 'node:perf_hooks';
import { randomBytes } from 'node:crypto';
import { createRedisClient } from '../dist/redis/client.js';
import { RedisCommands } from '../dist/redis/commands.js';
import { RedisStore } from '../dist/stores/redis/redis-store.js';
import { RedisSessionIndex } from '../dist/stores/redis/redis-index.js';
import { UserSessions } from '../dist/core/user-sessions.js';
import { idOf, newToken } from '../dist/core/token.js';

const [users = '2000', port = '6379'] = process.argv.slice(2);
const DEVICES = 5;
const keyPrefix = 'bench:session:';
const client = createRedisClient({ host: '127.0.0.1', port: Number(port), database: 0, timeoutMs: 5_000 });
await client.connect();
await client.call('FLUSHALL');
const commands = new RedisCommands(client, 'bench', 5_000);
const options = { keyPrefix, topology: 'standalone', touchIntervalMs: 30_000, tombstoneMs: 60_000 };
const silent = new RedisStore(commands, options, async () => undefined);
const store = new RedisStore(
  commands,
  { ...options, messages: { channel: `${keyPrefix}events`, node: 'bench' } },
  async () => undefined,
);
const index = new RedisSessionIndex(commands, { keyPrefix });
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
  await store.create(id, record(principal, true));
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
const median = (values) => values.sort((a, b) => a - b)[Math.floor(values.length / 2)];
const p99 = (values) => values.sort((a, b) => a - b)[Math.floor(values.length * 0.99)];

const kinds = {
  'store alone': without(silent),
  'with events': without(store),
  'with events and index': withIndex,
};
const rates = Object.fromEntries(Object.keys(kinds).map((name) => [name, []]));
for (let turn = 0; turn < 7; turn += 1)
  for (const [name, login] of Object.entries(kinds)) rates[name].push(await perSecond(login, 4000));
for (const [name, values] of Object.entries(rates))
  console.log(`logins a second, ${name}: ${Math.round(median(values))}`);

await client.call('FLUSHALL');
const ids = [];
for (let n = 0; n < Number(users) * DEVICES; n += 200)
  ids.push(
    ...(await Promise.all(
      Array.from({ length: 200 }, (_, i) => withIndex(`user ${Math.floor((n + i) / DEVICES)}`)),
    )),
  );
const entry = await client.call('MEMORY', 'USAGE', `${keyPrefix}user:{${index.namesOf('user 1')[0]}}`);
console.log(`sessions: ${ids.length}; memory of the index: ${Math.round(entry / DEVICES)} bytes each`);

const timed = async (work) => {
  const startedAt = performance.now();
  await work();
  return performance.now() - startedAt;
};
const listOf = async (n) => {
  for await (const one of sessions.list(`user ${n % Number(users)}`)) if (!one.id) throw new Error('no id');
};
const read = (n) => store.load(ids[(n * 7919) % ids.length], { touch: false });
const [reads, lists] = [[], []];
for (let n = 0; n < 3000; n += 1) {
  reads.push(await timed(() => read(n)));
  lists.push(await timed(() => listOf(n)));
}
console.log(
  `p99 of a read: ${p99(reads).toFixed(2)} ms, of a list of ${DEVICES}: ${p99(lists).toFixed(2)} ms`,
);

let walking = true;
const during = [];
const walk = (async () => {
  let seen = 0;
  const startedAt = performance.now();
  for await (const one of sessions.all()) seen += one.id ? 1 : 0;
  walking = false;
  console.log(`all(): ${seen} in ${Math.round(performance.now() - startedAt)} ms`);
})();
for (let n = 0; walking; n += 1) during.push(await timed(() => read(n)));
await walk;
console.log(`p99 of a read meanwhile: ${p99(during).toFixed(2)} ms`);
client.disconnect();
