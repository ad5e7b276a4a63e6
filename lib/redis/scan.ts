import type { RedisExecutor, ScanPlace } from './executor.js';

/**
 * The keys that fit a pattern, of every master of a cluster: all that are there from the first to the last step, some
 * more than once. Each step is one SCAN, so that others wait for a hundred keys or so at most.
 */
export async function* scanned(commands: RedisExecutor, pattern: string): AsyncGenerator<string> {
  let place: ScanPlace | undefined;
  do {
    const page = await commands.scan(pattern, place);
    yield* page.keys;
    place = page.next;
  } while (place !== undefined);
}

/** Text as a pattern that fits only itself. */
export function asPattern(text: string): string {
  return text.replace(/[\\*?[\]^-]/g, '\\$&');
}
