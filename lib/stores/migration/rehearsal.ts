import { randomBytes } from 'node:crypto';
import { SessionStoreUnavailableError } from '../../core/errors.js';
import { forbiddenAmong, sampleNodes, type RedisExecutor } from '../../redis/executor.js';
import { isForbidden } from '../../redis/failure.js';
import { asPattern } from '../../redis/scan.js';
import { markOf } from './old-sessions.js';
import { END_OLD, READ_OLD, USE_OLD } from './scripts.js';

/** Life of the rehearsal's mark, in case that the process dies before it removes it. */
const MARK_MS = 60_000;

/** The commands of the takeover that our own sessions do not need. */
const commandsOf = (mark: string): [string, ...string[]][] => [
  ['GET', mark],
  ['SET', mark, 'ended', 'PX', String(MARK_MS)],
  ['STRLEN', mark],
];

/**
 * Does with an old session that does not exist what requests will do with theirs, on each master of a cluster: reads it, looks at
 * it, ends it. So it is found at boot, and not by the first logout, that the Redis user may read old sessions and not end them.
 * Nothing remains. Anything else than missing rights is found by the rehearsal with our own sessions.
 *
 * @param oldPrefix What the keys of the library before begin with. @param keyPrefix What ours begin with.
 * @throws SessionStoreUnavailableError where Redis refuses a command or the keys, with the rules to add.
 */
export async function rehearseTakeover(
  commands: RedisExecutor,
  oldPrefix: string,
  keyPrefix: string,
): Promise<void> {
  // No library gives such a name to a session.
  const newKey = (): string => `${oldPrefix}rehearsal-${randomBytes(16).toString('hex')}`;
  const samples = sampleNodes(commands, newKey, (key) => key);
  await Promise.all([...samples.values()].map((key) => perform(commands, key, oldPrefix, keyPrefix)));
}

async function perform(
  commands: RedisExecutor,
  key: string,
  oldPrefix: string,
  keyPrefix: string,
): Promise<void> {
  const mark = markOf(keyPrefix, key);
  const keys = [key, mark];
  try {
    await commands.run(READ_OLD, keys, [1, 0]);
    await commands.run(USE_OLD, keys, [0, 0, 0, '', MARK_MS]);
    await commands.run(END_OLD, keys, [MARK_MS]);
  } catch (error) {
    if (!isForbidden(error)) return;
    const refused = await forbiddenAmong(commands, commandsOf(mark));
    throw refusalOf(error, commands, refused, oldPrefix);
  } finally {
    await commands.call('DEL', mark).catch(() => undefined);
  }
}

function refusalOf(
  { reason }: SessionStoreUnavailableError,
  { endpoint }: RedisExecutor,
  refused: readonly string[],
  oldPrefix: string,
): SessionStoreUnavailableError {
  const pattern = `${asPattern(oldPrefix)}*`;
  const what = refused.length > 0 ? refused.join(', ') : `keys that begin with ${oldPrefix}`;
  const message =
    reason === 'NOPERM'
      ? `this user may not use ${what}. Add ~${pattern} +get +set +strlen to its ACL line (SECURITY.md)`
      : `the server does not have ${what}. It must not rename or disable it`;
  return new SessionStoreUnavailableError(
    `Redis at ${endpoint.address} cannot serve migrateFrom: ${reason}: ${message}; docs/migration.md says what for.`,
    { reason },
  );
}
