/** Where a walk through the keys stands. */
export interface ScanPlace {
  readonly cursor: string;
  /** The masters that are left, as the cluster calls them, the one that is being walked first; none where there is one server. */
  readonly servers: readonly string[];
}

/** One step of such a walk. */
export interface ScanPage {
  readonly keys: readonly string[];
  /** Undefined: that was the last one. */
  readonly next: ScanPlace | undefined;
}

/** What takes the steps: see RedisExecutor. */
interface Walker {
  scan(pattern: string, place?: ScanPlace): Promise<ScanPage>;
}

/**
 * The keys that fit a pattern, of every master of a cluster: all that are there from the first to the last step, some
 * more than once. Each step is one SCAN, so that others wait for a hundred keys or so at most.
 */
export async function* scanned(commands: Walker, pattern: string): AsyncGenerator<string> {
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
