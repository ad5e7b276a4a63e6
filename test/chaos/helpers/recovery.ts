import { setTimeout as delay } from 'node:timers/promises';
import { Browser } from '../../support/cookie-jar.js';
import { type Fleet } from './fleet.js';
import { type User } from './load.js';

const POLL_MS = 10;

/**
 * Milliseconds from `since` until each node has served a read with the user's cookie; 200 and still logged in.
 * Rejects where one does not within `withinMs`.
 */
export async function recoveryMs(
  fleet: Pick<Fleet, 'nodes'>,
  user: User,
  since = performance.now(),
  withinMs = 15_000,
): Promise<number> {
  if (user.browser.jar.header('/') === undefined)
    throw new Error(`Chaos helper: ${user.name} has no cookie, and is served without Redis.`);
  const waits = await Promise.all(
    fleet.nodes.map(async ({ url }) => {
      const browser = new Browser(url, user.browser.jar.clone());
      let last = 0;
      while (performance.now() - since < withinMs) {
        last = await browser.get('/read').then(
          ({ status }) => status,
          () => 0,
        );
        if (last === 200) return performance.now() - since;
        await delay(POLL_MS);
      }
      throw new Error(
        `Chaos helper: a node did not serve again within ${withinMs} ms, its last answer was ${last}.`,
      );
    }),
  );
  return Math.max(...waits);
}
