import { beforeAll, describe, expect, it } from '@jest/globals';
import { SessionGoneError } from 'nestjs-redis-session';
import { eachAdapter } from '../support/apps.js';
import { Browser } from '../support/cookie-jar.js';
import { startRedis, type RedisProcess } from '../support/redis-server.js';
import { Gate } from './helpers/gate.js';
import { redisAt, startPlayground, type AnySession, type Playground } from './helpers/playground.js';

const USERS = 30;

let redis: RedisProcess;
beforeAll(async () => {
  redis = await startRedis();
});

/** What a request does that has the session in hand when the login comes, and goes on after it. */
const SLOW: [string, (session: AnySession) => unknown][] = [
  ['reads slowly', (session) => JSON.stringify(session)],
  ['writes slowly', (session) => (session.value = 'late')],
  ['deletes slowly', (session) => delete session.value],
  ['changes a value inside slowly', (session) => (session.other as string[]).push('late')],
  ['updates slowly', (session) => session.update('value', () => 'late').catch(gone)],
  ['saves slowly', (session) => session.save().catch(gone)],
  ['changes the id slowly', (session) => session.regenerateId().catch(gone)],
];

/** What a request does that comes with the old token after the login. */
const LATE: [string, (session: AnySession) => unknown][] = [
  ['reads', (session) => JSON.stringify(session)],
  ['writes', (session) => (session.value = 'late')],
  [
    'saves on demand',
    (session) => {
      session.value = 'late';
      return session.save().catch(gone);
    },
  ],
  ['updates', (session) => session.update('value', () => 'late').catch(gone)],
  ['changes the id', (session) => session.regenerateId().catch(gone)],
  ['logs out', (session) => session.destroy()],
];

function gone(error: unknown): void {
  if (!(error instanceof SessionGoneError)) throw error;
}

eachAdapter('A login', (adapter) => {
  describe.each([
    ['anonymous sessions in Redis', true],
    ['anonymous sessions in memory', false],
  ])('%s', (_where, storeGuests) => {
    let nodes: [Playground, Playground];
    beforeAll(async () => {
      const options = { ...redisAt(redis), storeGuests };
      nodes = [await startPlayground(adapter, options), await startPlayground(adapter, options)];
    });

    const guest = async (): Promise<Browser> => {
      const browser = new Browser(nodes[0].url);
      await nodes[0].visit(browser, (session) => {
        session.value = 'before';
        session.other = ['tea'];
      });
      return browser;
    };
    const logIn = (browser: Browser, user: number): Promise<unknown> =>
      nodes[1].visit(browser, (session) => session.authenticate(user));
    /** Whether both nodes know the user, with what the guest had. */
    const expectLoggedIn = async (browser: Browser, user: number): Promise<void> => {
      for (const node of nodes) {
        const { result } = await node.visit(browser, ({ principal, value, other }) => ({
          principal,
          value,
          other,
        }));
        expect(result).toEqual({ principal: String(user), value: 'before', other: ['tea'] });
      }
    };
    const eachUser = (scenario: (user: number) => Promise<void>): Promise<unknown> =>
      Promise.all(Array.from({ length: USERS }, (_, user) => scenario(user)));

    it.each(SLOW)(
      `is not lost by a request that had begun before it and %s, for ${USERS} users`,
      async (_what, use) => {
        await eachUser(async (user) => {
          const browser = await guest();
          const gate = new Gate();
          const straggler = nodes[user % 2 ? 0 : 1].visit(browser, async (session) => {
            await gate.pass();
            await use(session);
          });
          await gate.arrivals(1);
          await logIn(browser, user);
          gate.open();
          const { response } = await straggler;
          expect(response.setCookies).toEqual([]);
          await expectLoggedIn(browser, user);
        });
      },
    );

    it.each(LATE)(
      `is not lost by a request that still has the old token and %s, for ${USERS} users`,
      async (_what, use) => {
        await eachUser(async (user) => {
          const browser = await guest();
          const straggler = browser.clone();
          await logIn(browser, user);
          for (const node of nodes) {
            const { response } = await node.visit(straggler, use);
            // One browser has one jar: what a straggler is told counts for all its tabs.
            for (const cookie of response.setCookies) browser.jar.store(cookie);
            expect(response.setCookies).toEqual([]);
          }
          await expectLoggedIn(browser, user);
        });
      },
    );

    it('leaves nothing of the session to who still has the old token', async () => {
      const browser = await guest();
      const planted = browser.clone();
      await logIn(browser, 1);
      for (const node of nodes) {
        const { result } = await node.visit(planted, (session) => [session.principal, Object.keys(session)]);
        expect(result).toEqual([undefined, []]);
      }
    });

    it('takes what was acknowledged under the old id until the last moment along', async () => {
      await eachUser(async (user) => {
        const browser = await guest();
        const straggler = browser.clone();
        const gate = new Gate();
        const login = nodes[1].visit(browser, async (session) => {
          await gate.pass();
          await session.authenticate(user);
        });
        await gate.arrivals(1);
        await nodes[0].visit(straggler, (session) => (session['added'] = user));
        gate.open();
        await login;
        await expectLoggedIn(browser, user);
        expect((await nodes[0].visit(browser, (session) => session['added'])).result).toBe(user);
      });
    });
  });
});
