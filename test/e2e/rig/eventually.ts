import { setTimeout as delay } from 'node:timers/promises';

const WITHIN_MS = 5_000;
const POLL_MS = 5;

/** Asks again until the answer is not undefined: for what happens after a response, on nobody's notice. */
export async function eventually<T>(
  what: string,
  ask: () => Promise<T | undefined> | T | undefined,
): Promise<T> {
  const until = performance.now() + WITHIN_MS;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    if (performance.now() > until) throw new Error(`Did not happen within ${WITHIN_MS} ms: ${what}.`);
    await delay(POLL_MS);
  }
}
