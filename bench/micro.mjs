/**
 * `npm run bench:micro`: the pieces that every request runs through, one by one, without a network. Takes less than a
 * minute. Run it before and after a change of lib/core, lib/codecs, lib/http or lib/stores/redis/record.ts;
 * `--only=TEXT` picks the pieces whose name has that text, `--dist=DIR` another build.
 */
import { Buffer } from 'node:buffer';
import { randomBytes } from 'node:crypto';
import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import process from 'node:process';
import { pathToFileURL, URL } from 'node:url';
import { parseArgs } from 'node:util';
import { Bench } from 'tinybench';
import { clearTimeout, setTimeout } from 'node:timers';
import { cartOf } from './lib/session-data.js';

const { values: options } = parseArgs({
  options: {
    only: { type: 'string', default: '' },
    milliseconds: { type: 'string', default: '400' },
    dist: { type: 'string', default: '../dist' },
  },
});
const base = options.dist.startsWith('..')
  ? new URL(`${options.dist}/`, import.meta.url)
  : pathToFileURL(`${options.dist}/`);
const part = (path) => import(new URL(path, base));

const [{ Attributes }, { idOf, newToken }, { findUnstorable }, { SessionManager }, { KeyedLock }] =
  await Promise.all(
    ['attributes', 'token', 'storable', 'manager', 'keyed-lock'].map((name) => part(`core/${name}.js`)),
  );
const [{ cookieValues }, { CookieSigner }, { SessionCookie }, { RequestSession }] = await Promise.all(
  ['cookie-header', 'signer', 'session-cookie', 'request-session'].map((name) => part(`http/${name}.js`)),
);
const [{ msgpackCodec }, { jsonCodec }] = await Promise.all([
  part('codecs/msgpack.js'),
  part('codecs/json.js'),
]);
const { readRecord } = await part('stores/redis/record.js');
const { Bag } = await part('core/bag.js');
const { ObservedStore } = await part('stores/layers/observed-store.js');
const { operationChannels } = await part('core/diagnostics.js');
const { Deadlines } = await part('redis/deadline.js');

const cart = cartOf(10);
const packed = msgpackCodec.encode(cart);
const text = jsonCodec.encode(cart);
const limits = { maxSessionBytes: 1 << 22, maxAttributes: 1000 };
const stored = new Map([
  ['views', msgpackCodec.encode(1)],
  ['cart', packed],
]);
const token = newToken(randomBytes);
const id = idOf(token);
const signer = new CookieSigner(['a-secret-of-the-benchmark-that-is-long-enough']);
const signed = signer.sign('sid', token);
const header = `theme=dark; _ga=GA1.1.123456789.1700000000; lang=en-GB; sid=${token}; consent=yes`;
const reply = ['@v', `1 ${id.slice(-24)} 1800 0 0 1 0`, '@used', 1.8e12]
  .concat(['@info', `${1.8e12} ${1.8e12} msgpack user-42`, 'user', '\xa7user-42', 'views', '\x01'])
  .map((piece) => Buffer.from(String(piece), 'latin1'));

const quiet = { verbose: noop, debug: noop, warn: noop, error: noop };
const now = Date.now();
const record = { status: 'found', now, record: readRecord(id, reply, now).record };
record.record.attributes.set('cart', packed);
/** Redis, if it took no time. */
const store = {
  load: async () => record,
  save: async () => ({ status: 'written', now, absoluteDeadline: undefined }),
};
const traced = new ObservedStore(store, 'redis');
const heard = { start: noop, end: noop, asyncStart: noop, asyncEnd: noop, error: noop };
const environment = {
  ...{
    store,
    busy: new Bag(),
    codec: msgpackCodec,
    codecByName: () => msgpackCodec,
    log: quiet,
    locks: new KeyedLock(),
  },
  ...{ now: Date.now, events: { emit: noop } },
  rules: {
    ...{ ...limits, maxInactiveInterval: 1800, absoluteTimeout: 0, saveOnChange: false, alwaysSave: false },
    ...{ manualDirtyAttribute: '__dirty', persistOnDemandAttribute: '__save' },
  },
};
const names = { secure: '__Host-sid', plain: 'sid' };
const requestOptions = {
  manager: new SessionManager(environment),
  transport: new SessionCookie({ names, path: '/', sameSite: 'lax', secure: 'auto', partitioned: false }, []),
  ...{ saveOnServerError: true, log: quiet, events: { emit: noop }, inUse: { during: noop } },
};
const deadlines = new Deadlines(
  2000,
  () => new Error('late'),
  (error) => error,
);
const bench = new Bench({ time: Number(options.milliseconds), warmupTime: 100 });
const add = (name, run, hooks) => name.includes(options.only) && bench.add(name, run, hooks);

add('cookie: find ours among five', () => [...cookieValues(header, 'sid')]);
add('cookie: verify a signature', () => signer.verify('sid', signed));
add('token: make one', () => newToken(randomBytes));
add('token: hash it', () => idOf(token));
add('codec msgpack: encode a number', () => msgpackCodec.encode(42));
add('codec msgpack: encode 10 KiB', () => msgpackCodec.encode(cart));
add('codec msgpack: decode 10 KiB', () => msgpackCodec.decode(packed));
add('codec json: encode 10 KiB', () => jsonCodec.encode(cart));
add('codec json: decode 10 KiB', () => jsonCodec.decode(text));
add('storable: look through 10 KiB', () => findUnstorable(cart));
add('record: read the reply of HGETALL', () => readRecord(id, reply, now));
add('attributes: load, read a number, compare', () => {
  const attributes = loaded();
  attributes.get('views');
  attributes.difference();
});
add('attributes: load, read 10 KiB, compare', () => {
  const attributes = loaded();
  attributes.get('cart');
  attributes.difference();
});
add('attributes: load, change a number, compare', () => {
  const attributes = loaded();
  attributes.set('views', attributes.get('views') + 1);
  attributes.difference();
});
add('deadline: a command, one timer for all (Deadlines)', () => deadlines.limit(answered));
add('deadline: a command, a timer of Node for each', () => withOwnTimer(answered));
add('deadline: 100 at a time, one timer for all (Deadlines)', () =>
  Promise.all(Array.from({ length: 100 }, () => deadlines.limit(answered))),
);
add('deadline: 100 at a time, a timer of Node for each', () =>
  Promise.all(Array.from({ length: 100 }, () => withOwnTimer(answered))),
);
add('store: a load', () => store.load(id));
add('store: a load that nobody listens to (ObservedStore)', () => traced.load(id));
add('store: a load that somebody listens to (ObservedStore)', () => traced.load(id), {
  beforeAll: () => operationChannels.load.subscribe(heard),
  afterAll: () => operationChannels.load.unsubscribe(heard),
});
add('http: a response without a session', () => exchange().response.end('{}'));
add('http: a response with a new, empty session', () => request(undefined, noop));
add('http: a response with a session that is read', () =>
  request(`sid=${token}`, (session) => session.views),
);
add('http: a response with a session that is changed', () =>
  request(`sid=${token}`, (session) => (session.views = (session.views + 1) % 100)),
);

await bench.run();
console.log(`ns per operation, median of ${options.milliseconds} ms each; Node ${process.version}`);
for (const { name, result } of bench.tasks) {
  if (result?.error) throw result.error;
  console.log(`${(result.latency.p50 * 1e6).toFixed(0).padStart(9)}  ${name}`);
}
process.exit(0);

/** A command that takes no time. */
function answered() {
  return Promise.resolve();
}

/** What Deadlines does but for one thing: it counts time in which the process stood still. */
function withOwnTimer(begin) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('late')), 2000);
    const settle = (then) => (outcome) => {
      clearTimeout(timer);
      then(outcome);
    };
    begin().then(settle(resolve), settle(reject));
  });
}

function loaded() {
  const attributes = new Attributes(msgpackCodec, limits, { refused: noop });
  attributes.load(stored, msgpackCodec);
  return attributes;
}

function exchange(cookie) {
  const socket = new Socket();
  const incoming = new IncomingMessage(socket);
  if (cookie !== undefined) incoming.headers.cookie = cookie;
  return { incoming, response: new ServerResponse(incoming) };
}

async function request(cookie, use) {
  const { incoming, response } = exchange(cookie);
  const opening = new RequestSession(incoming, response, false, requestOptions);
  await opening.loaded;
  const { session } = opening;
  use(session.httpSession);
  const saved = session.commit();
  if (saved !== undefined) await saved;
  response.writeHead(200, { 'content-type': 'application/json' });
  response.end('{}');
}

function noop() {
  // Nothing to do.
}
