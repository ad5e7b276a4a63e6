import { setTimeout as delay } from 'node:timers/promises';
import { beforeAll, expect, it } from '@jest/globals';
import { SessionGoneError } from 'nestjs-redis-session';
import { connect } from '../contract/redis-helpers.js';
import { adapters, eachAdapter } from '../support/apps.js';
import { Browser } from '../support/cookie-jar.js';
import { partOf } from '../support/record-fields.js';
import { startRedis, type RedisProcess } from '../support/redis-server.js';
import { redisAt, startPlayground, type AnySession, type Playground } from './helpers/playground.js';

const PAIRS = Number(process.env['SESSION_TEST_PAIRS'] ?? 500);
const AT_ONCE = 10;
/** An attribute of the sessions that are logged out. */
const MARK = 'mark';
/** Longest wait between two steps of a request: a few round trips to Redis on one machine. */
const LATEST_MS = 4;

/** What meets a logout. `after` is what goes on when its response has left. */
interface Meeting {
  readonly name: string;
  readonly use: (session: AnySession, after: (work: Promise<unknown>) => void) => unknown;
}

const MEETINGS: Meeting[] = [
  {
    name: 'a slow read',
    use: async (session) => {
      await moment();
      JSON.stringify(session);
      await moment();
    },
  },
  {
    name: 'a slow write',
    use: async (session) => {
      await moment();
      session.value = Math.random();
      await moment();
    },
  },
  { name: 'a touch', use: () => undefined },
  {
    name: 'an id change',
    use: async (session) => {
      await moment();
      await session.regenerateId();
      session.value = Math.random();
      await moment();
    },
  },
  {
    name: 'an update',
    use: async (session) => {
      await moment();
      await session.update('value', async (value) => {
        await moment();
        return (value as number) + 1;
      });
    },
  },
  {
    name: 'a save in the background',
    use: (session, after) => {
      const work = async (): Promise<void> => {
        await moment();
        await moment();
        // One that came after the logout has a new session, which cannot begin without a response.
        if (session.isNew) return;
        session.value = Math.random();
        await session.save();
      };
      after(work());
    },
  },
];

const PAIRS_EACH = Math.ceil(PAIRS / MEETINGS.length / adapters.length);

function moment(): Promise<void> {
  return delay(Math.random() * LATEST_MS);
}

let redis: RedisProcess;
beforeAll(async () => {
  redis = await startRedis();
});

/** A session that ended meanwhile is an answer that a late request may get; anything else is a failure. */
async function unlessGone<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof SessionGoneError) return undefined;
    throw error;
  }
}

eachAdapter('A logout', (adapter) => {
  let nodes: [Playground, Playground];
  beforeAll(async () => {
    const options = { ...redisAt(redis), storeGuests: true };
    nodes = [await startPlayground(adapter, options), await startPlayground(adapter, options)];
  });

  /** Resolves to whether a logout was acknowledged and the session was there afterwards. */
  const meet = async ({ use }: Meeting): Promise<{ acknowledged: boolean; revived: boolean }> => {
    const [one, other] = nodes;
    const browser = new Browser(one.url);
    await one.visit(browser, async (session) => {
      session.value = 0;
      session[MARK] = true;
      await session.authenticate('anna');
    });
    const before = browser.clone();
    const background: Promise<unknown>[] = [];
    const [, { result: acknowledged }] = await Promise.all([
      moment().then(() =>
        unlessGone(
          one.visit(browser, (session) => use(session, (work) => background.push(unlessGone(work)))),
        ),
      ),
      moment().then(() =>
        other.visit(browser, async (session) => {
          // Nobody is logged in for a logout that comes with the token from before an id change.
          const found = session.principal !== undefined;
          await moment();
          await session.destroy();
          return found;
        }),
      ),
    ]);
    await Promise.all(background);
    const seen = await Promise.all(
      [browser, before].map((tab) => one.visit(tab, (session) => session.principal ?? session[MARK])),
    );
    const revived = seen.some(({ result }) => result !== undefined);
    if (!acknowledged) await other.visit(browser, (session) => session.destroy());
    return { acknowledged, revived };
  };

  it.each(MEETINGS.map((meeting) => [meeting.name, meeting] as const))(
    `is final when it meets %s, ${PAIRS_EACH} times`,
    async (_name, meeting) => {
      let acknowledged = 0;
      let revived = 0;
      for (let done = 0; done < PAIRS_EACH; done += AT_ONCE) {
        const batch = Array.from({ length: Math.min(AT_ONCE, PAIRS_EACH - done) }, () => meet(meeting));
        for (const outcome of await Promise.all(batch)) {
          acknowledged += Number(outcome.acknowledged);
          if (outcome.acknowledged) revived += Number(outcome.revived);
          // A logout that found nobody logged in has logged nobody out: the id change is what counts.
          else expect(outcome.revived).toBe(true);
        }
      }
      expect(revived).toBe(0);
      expect(acknowledged).toBeGreaterThan(PAIRS_EACH / 4);
      const client = await connect(redis.port);
      // A late write may have begun a new session; of the old ones nothing may be left but notes that an id is dead.
      for (const key of await client.keys('*')) {
        const fields = await client.hkeys(key);
        expect(fields).not.toContain(MARK);
        expect(await partOf(client, key, 'principal')).toBe('');
        expect(await client.pttl(key)).toBeGreaterThan(0);
      }
      await client.flushall();
      client.disconnect();
    },
    600_000,
  );
});
