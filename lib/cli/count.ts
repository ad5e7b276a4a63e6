import type { RedisExecutor } from '../redis/executor.js';
import { asPattern, scanned } from '../redis/scan.js';
import { RedisOldSessions, type OldLibrary } from '../stores/migration/old-sessions.js';

/** What there is to take over. */
interface OldSessionCount {
  /** Sessions that would be taken over. */
  live: number;
  /** Of those: somebody is logged in. */
  withPrincipal: number;
  /** A session of ours took their place already. */
  taken: number;
  /** Sessions that would be nobody's, by the reason. */
  readonly unreadable: Map<string, number>;
}

/** What of the settings the count depends on. */
interface CountOptions {
  readonly library: OldLibrary;
  readonly keyPrefix: string;
  readonly maxSessionBytes: number;
  readonly idleTimeoutSeconds: number;
}

/** Records that are looked at at the same time. */
const AT_ONCE = 50;

/** Counts the sessions of another library with SCAN, a few hundred keys at a time. Changes nothing. */
export async function countOldSessions(
  commands: RedisExecutor,
  { library, ...options }: CountOptions,
): Promise<OldSessionCount> {
  const old = new RedisOldSessions(commands, { ...options, libraries: [library] });
  const count: OldSessionCount = { live: 0, withPrincipal: 0, taken: 0, unreadable: new Map() };
  const look = async (key: string): Promise<void> => {
    const outcome = await old.look(`${library.library} ${key.slice(library.prefix.length)}`);
    if (outcome.status === 'taken') count.taken += 1;
    if (outcome.status === 'unreadable')
      count.unreadable.set(outcome.reason, (count.unreadable.get(outcome.reason) ?? 0) + 1);
    if (outcome.status !== 'live') return;
    count.live += 1;
    if (outcome.record.principal !== undefined) count.withPrincipal += 1;
  };
  // SCAN may name a key more than once.
  const seen = new Set<string>();
  let group: string[] = [];
  for await (const key of scanned(commands, `${asPattern(library.prefix)}*`)) {
    if (seen.has(key) || key.startsWith(options.keyPrefix)) continue;
    seen.add(key);
    group.push(key);
    if (group.length < AT_ONCE) continue;
    await Promise.all(group.map(look));
    group = [];
  }
  await Promise.all(group.map(look));
  return count;
}

/** The count in words, a line each. */
export function linesOf({ live, withPrincipal, taken, unreadable }: OldSessionCount): string[] {
  const bad = [...unreadable.values()].reduce((sum, each) => sum + each, 0);
  return [
    `live: ${live}`,
    `with principal: ${withPrincipal}`,
    `guests: ${live - withPrincipal}`,
    `taken over already: ${taken}`,
    `unreadable: ${bad}`,
    ...[...unreadable].map(([reason, times]) => `  ${times} because ${reason}`),
  ];
}
