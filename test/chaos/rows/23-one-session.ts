import { adminOf, statuses } from '../helpers/check.js';
import { startFleet } from '../helpers/fleet.js';
import { PATIENT, viewOf } from '../helpers/edge.js';
import { allOf, exactly, none, type ChaosContext, type ChaosRow, type Finding } from '../row.js';
import { Browser } from '../../support/cookie-jar.js';
import { startRedis } from '../../support/redis-server.js';

/** More sockets at a time than this a machine may not give. */
const AT_A_TIME = 500;
const ATTRIBUTES = 100;

/** Requests in a row of so many at a time; statuses, 0 for none. */
async function all(asks: readonly (() => Promise<{ status: number }>)[]): Promise<{ status: number }[]> {
  const answers: { status: number }[] = [];
  let next = 0;
  const work = async (): Promise<void> => {
    for (;;) {
      const ask = asks[next++];
      if (ask === undefined) return;
      answers.push(await ask().catch(() => ({ status: 0 })));
    }
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, work));
  return answers;
}

async function run(context: ChaosContext): Promise<Finding[]> {
  const redis = await startRedis();
  const admin = adminOf(redis.port);
  const script = await context.compileApp('test/chaos/apps/edge-node.ts');
  const fleet = await startFleet(context, { redis, script, env: PATIENT });
  const user = new Browser(fleet.url);
  await user.post('/login');
  const count = context.scale(10_000, 1000);
  const updates = count / 10;
  const marks = count / 2;
  const asks = Array.from({ length: count }, (_, n) => {
    // Spread out, so that all kinds meet all the time.
    const kind = (n * 7919) % count;
    if (kind < updates) return () => user.post('/update');
    return kind < updates + marks ? () => user.post(`/mark/a${kind % ATTRIBUTES}`) : () => user.get('/read');
  });
  const answers = await all(asks);
  const entries = new Map((await viewOf(user)).entries);
  const there = Array.from({ length: ATTRIBUTES }, (_, n) => `a${n}`).filter(
    (name) => entries.get(name) === true,
  );
  const [key = ''] = (await admin.keys('*')).filter((each) => !each.includes(':user:'));
  const logout = await logoutAmong(user);
  // Who writes with a cookie that has ended is a guest with a session of his own.
  const guests = await Promise.all((await admin.keys('*')).map((key) => admin.hkeys(key)));
  return [
    allOf(
      `requests on one session, ${AT_A_TIME} at a time, answered 200`,
      answers.filter(({ status }) => status === 200).length,
      count,
    ),
    none(
      'other answers',
      Object.entries(statuses(answers)).filter(([status]) => status !== '200'),
    ),
    allOf('attributes that are there', there.length, ATTRIBUTES),
    exactly(`increments by ${updates} requests`, entries.get('count'), updates),
    exactly('a logout among 200 of them', logout, 200),
    exactly('logged in after it', (await viewOf(user.clone())).who, null),
    exactly('an end, and nothing else, at its key after it', tombstone(await admin.hkeys(key)), true),
    none(
      'what guests have of it',
      guests.flat().filter((name) => /^a\d/.test(name)),
    ),
  ];
}

/** A logout while others read, write and count. Resolves when all are answered. */
async function logoutAmong(user: Browser): Promise<number> {
  // They keep the cookie whatever they are told.
  const others = Array.from({ length: 200 }, (_, n) => {
    const one = user.clone();
    if (n % 3 === 0) return one.post('/update');
    return n % 3 === 1 ? one.post(`/mark/b${n}`) : one.get('/read');
  });
  const { status } = await user.clone().post('/logout');
  await Promise.allSettled(others);
  return status;
}

export const row: ChaosRow = {
  row: 23,
  fault: '10 000 concurrent requests on one session, three nodes',
  on: 'standalone',
  run,
};

function tombstone(fields: readonly string[]): boolean {
  return fields.includes('@ended') && fields.every((field) => field.startsWith('@'));
}
