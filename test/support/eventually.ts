import { setTimeout as delay } from 'node:timers/promises';

const POLL_MS = 10;

/** Asks again until the answer is not undefined. A question that fails counts as no answer yet. */
export async function eventually<T>(
  what: string,
  ask: () => Promise<T | undefined> | T | undefined,
  withinMs = 120_000,
): Promise<T> {
  const until = performance.now() + withinMs;
  let failure: unknown;
  for (;;) {
    try {
      const answer = await ask();
      if (answer !== undefined) return answer;
    } catch (error) {
      failure = error;
    }
    if (performance.now() > until) {
      throw new Error(`Did not happen within ${withinMs} ms: ${what}.`, { cause: failure });
    }
    await delay(POLL_MS);
  }
}
