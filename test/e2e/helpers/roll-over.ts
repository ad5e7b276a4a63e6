import { expect } from '@jest/globals';
import { Browser } from '../../support/cookie-jar.js';
import { startBalancer } from '../../support/round-robin.js';

/** What users saw that they should not have. */
export interface RollOverOutcome {
  /** Answers that did not know somebody who was logged in. */
  readonly logouts: number;
  /** Answers that knew somebody who had logged out. */
  readonly revivals: number;
  /** How many requests each node got, by its URL. */
  readonly served: ReadonlyMap<string, number>;
}

const USERS = 12;
/** Turns of a user, of those who leave. */
const LEAVES_AT = [6, 13, 20, 27, 34, 41, 48];
const LAST_TURN = 50;
const REQUESTS_OF_A_STEP = 200;

/**
 * Two nodes of before behind one balancer, which two of ours replace, one by one, and which come back in the same way, while
 * users with two tabs each are at work. They log in on nodes of before, and some of them leave on the way.
 */
export async function rollOverAndBack(
  olds: readonly [string, string],
  news: readonly [string, string],
): Promise<RollOverOutcome> {
  const balancer = await startBalancer(olds);
  let [logouts, revivals, requests, over] = [0, 0, 0, false];
  let onTurn = (): void => undefined;
  const seenBy = async (browser: Browser): Promise<string | undefined> =>
    (await browser.get('/session')).json<{ principal?: string }>().principal;
  const user = async (name: string, leavesAt: number | undefined): Promise<void> => {
    const browser = new Browser(balancer.url);
    expect((await browser.post(`/login/${name}`)).status).toBeLessThan(300);
    let isIn = true;
    for (let turn = 1; !over || turn <= LAST_TURN; turn += 1) {
      if (turn === leavesAt) {
        expect((await browser.post('/logout')).status).toBeLessThan(300);
        isIn = false;
      }
      const principals = await Promise.all([seenBy(browser), seenBy(browser)]);
      requests += principals.length;
      for (const principal of principals) {
        if (isIn && principal !== name) logouts += 1;
        if (!isIn && principal !== undefined) revivals += 1;
      }
      onTurn();
    }
  };
  const [[old1, old2], [new1, new2]] = [olds, news];
  const there = [[old1, old2, new1], [old2, new1, new2], news];
  const back = [[old1, new1, new2], [old1, old2, new2], olds];
  const roll = async (): Promise<void> => {
    for (const step of [...there, ...back]) {
      const until = requests + REQUESTS_OF_A_STEP;
      await new Promise<void>((resolve) => {
        onTurn = () => (requests >= until || logouts + revivals > 0) && resolve();
        onTurn();
      });
      balancer.setUpstreams(step);
    }
    over = true;
  };
  const users = Array.from({ length: USERS }, (_, at) =>
    user(`user-${at}`, LEAVES_AT[at % (LEAVES_AT.length + 2)]),
  );
  await Promise.all([...users, roll()]);
  return { logouts, revivals, served: balancer.served };
}
