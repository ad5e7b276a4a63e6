/**
 * `npm --prefix bench run races`: what becomes of a session that several requests use at the same time, with this module and with
 * the peers, on one node and one Redis. No timing decides anything: requests wait for each other at a gate. Writes RACES.md.
 * Exits non-zero if this module loses anything.
 */
import { writeFile } from 'node:fs/promises';
import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import { URL } from 'node:url';
import { CONTESTANTS } from './app/contestants.js';
import { Browser } from './lib/browser.js';
import { Contest } from './lib/contest.js';
import { startRedis } from './lib/processes.js';
import { versions } from './lib/report.js';

const NAMES = ['module', 'express-session', '@fastify/session', '@mgcrea/fastify-session'];
const WRITES = 100;
const LOGOUTS = 50;
const LOGINS = 30;
const HANG_MS = 10_000;

/** What is asked of each. `best`: what nobody loses anything with. */
const RACES = [
  { about: `of ${WRITES} concurrent writes to different attributes, kept`, best: WRITES, run: keptWrites },
  { about: `of ${LOGOUTS} logouts, undone by a request in flight that writes`, best: 0, run: undoneLogouts },
  { about: `of ${LOGINS} logins, lost to a late write with the old cookie`, best: 0, run: lostLogins },
  {
    about: `a Redis that hangs: answered within ${HANG_MS / 1000} s`,
    best: 'yes',
    run: answersWhileRedisHangs,
  },
];

const started = new Date();
const contests = [];
for (const adapter of ['express', 'fastify']) {
  for (const name of NAMES.filter((name) => (CONTESTANTS[name].adapter ?? adapter) === adapter)) {
    const redis = await startRedis();
    contests.push({ redis, contest: await new Contest(name, adapter, redis, 1).start() });
  }
}
const rows = [];
for (const race of RACES) {
  const figures = [];
  for (const each of contests) figures.push(await race.run(each));
  rows.push([race.about, ...figures]);
}
for (const { contest, redis } of contests) {
  await contest.stop();
  await redis.stop();
}

const heads = contests.map(({ contest: { name, adapter } }) =>
  name === 'module' ? `this module, ${adapter}` : name,
);
const text = [
  '# Requests of one session at the same time',
  '',
  `Written by \`npm --prefix bench run races\` on ${started.toISOString().slice(0, 16)}Z. Versions: ${versions()}. Each as its own README ` +
    'recommends for production ([app/peers.js](app/peers.js)), on one node. Requests that write wait until each has its session ' +
    'in hand, so that nothing depends on luck.',
  '',
  `| | ${heads.join(' | ')} |`,
  `|---|${heads.map(() => '--:|').join('')}`,
  ...rows.map((row) => `| ${row.join(' | ')} |`),
  '',
].join('\n');
console.log(text);
await writeFile(new URL('RACES.md', import.meta.url), text);
const lost = RACES.filter(({ best }, race) =>
  contests.some(({ contest }, at) => contest.name === 'module' && rows[race][at + 1] !== best),
);
for (const { about } of lost) console.error(`This module does not do its best: ${about}.`);
process.exit(lost.length > 0 ? 1 : 0);

async function keptWrites({ contest }) {
  const browser = await loggedIn(contest);
  const names = Array.from({ length: WRITES }, (_, i) => `a${i}`);
  // All have the session in hand before the first of them goes on.
  await Promise.all(
    names.map((name) => browser.clone().send('POST', `/races/set?name=${name}&enough=${WRITES}`)),
  );
  return (await browser.send('GET', `/races/has?names=${names}`)).kept;
}

async function undoneLogouts({ contest }) {
  let undone = 0;
  for (let i = 0; i < LOGOUTS; i += 1) {
    const browser = await loggedIn(contest);
    const other = browser.clone();
    const inFlight = browser.clone().send('POST', '/races/set?name=late');
    await arrival(browser);
    await browser.send('POST', '/races/logout');
    await browser.send('POST', '/races/open');
    await inFlight;
    if ((await other.send('GET', '/races/who')).user !== undefined) undone += 1;
  }
  return undone;
}

async function lostLogins({ contest }) {
  let lost = 0;
  for (let i = 0; i < LOGINS; i += 1) {
    const browser = new Browser(contest.url);
    await browser.send('POST', '/races/set-at-once?name=guest');
    const late = browser.clone();
    const before = browser.cookie;
    await browser.send('POST', '/login');
    // Who does not change the id at a login has nothing that could be late, and lets an attacker plant one.
    if (browser.cookie === before) return 'the id stays';
    await late.send('POST', '/races/set-at-once?name=late');
    // One browser has one jar: what a late answer sets counts for all of its requests.
    if (late.cookie !== before) browser.cookie = late.cookie;
    if ((await browser.send('GET', '/races/who')).user === undefined) lost += 1;
  }
  return lost;
}

async function answersWhileRedisHangs({ contest, redis }) {
  const browser = await loggedIn(contest);
  redis.pause();
  const answered = browser.send('GET', '/races/who').then(
    () => 'yes',
    (error) => (error.status === undefined ? 'no' : 'yes'),
  );
  const figure = await Promise.race([answered, sleep(HANG_MS, 'no')]);
  redis.resume();
  await answered;
  return figure;
}

async function loggedIn(contest) {
  const browser = new Browser(contest.url);
  await browser.send('POST', '/login');
  return browser;
}

/** Resolves when a request waits at the gate. */
async function arrival(browser) {
  while ((await browser.clone().send('GET', '/races/arrived')).count === 0) await sleep(1);
}
