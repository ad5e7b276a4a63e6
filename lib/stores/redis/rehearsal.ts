import { SessionStoreUnavailableError, type StoreUnavailableReason } from '../../core/errors.js';
import { idOf, newToken, tagOf, type SessionId } from '../../core/token.js';
import { forbiddenAmong, sampleNodes, type Argument, type RedisExecutor } from '../../redis/executor.js';
import type { Script } from '../../redis/script.js';
import { cause, isForbidden, isOutage, unavailable } from '../../redis/failure.js';
import { ADD_ENTRY, ENTER_ENTRY, REMOVE_ENTRIES } from './index-scripts.js';
import { keyOf } from './record.js';
import { RedisStore, type RedisStoreOptions } from './redis-store.js';

/** Temporary states of a server in which it serves what it can. They do not stop the application from starting. */
const PASSING: ReadonlySet<StoreUnavailableReason> = new Set<StoreUnavailableReason>([
  'OOM',
  'READONLY',
  'NOREPLICAS',
  'MISCONF',
]);

/** The part that all changes of the rehearsal share. */
const BASE = { authenticated: true, remove: [] as string[] };
const BYTES = new Uint8Array([1]);
const ONE = new Map([['rehearsal', BYTES]]);

/**
 * Does with a session of its own what requests will do with theirs, on each master of a cluster: create, load, use, save,
 * update, renew, destroy; and with a list of its own what logins do with that of a user. So refusals are found and named at boot,
 * and not by the first user.
 *
 * @returns What an operator should know: writes that are refused for now, nodes that are down while others serve.
 * @throws SessionStoreUnavailableError where sessions cannot be served.
 */
export async function rehearse(executor: RedisExecutor, options: RedisStoreOptions): Promise<string[]> {
  const store = new RedisStore(executor, options, () => Promise.resolve());
  const ids = sampleNodes(
    executor,
    () => idOf(newToken()),
    (id) => keyOf(options.keyPrefix, id),
  );
  const outcomes = await Promise.allSettled(
    [...ids.values()].map((id) => perform(store, id, executor, options.keyPrefix)),
  );
  const warnings: string[] = [];
  const failures: Error[] = [];
  outcomes.forEach((outcome, at) => {
    if (outcome.status === 'rejected') failures.push(outcome.reason as Error);
    else if (outcome.value !== undefined) warnings.push(`For now: ${outcome.value.message}`);
    if (outcome.status === 'rejected' && isOutage(outcome.reason)) {
      warnings.push(
        `Node ${[...ids.keys()][at] ?? ''} of the cluster does not serve its sessions: ${outcome.reason.message}`,
      );
    }
  });
  const refusal = failures.find((failure) => !isDownNode(failure));
  if (refusal !== undefined) throw refusal;
  const [first] = failures;
  if (first !== undefined && failures.length === outcomes.length) throw first;
  return [...new Set(warnings)];
}

/** Whether a node of a cluster is down, while the rest of it may serve. */
function isDownNode(failure: Error): boolean {
  return (
    isOutage(failure) || (failure instanceof SessionStoreUnavailableError && failure.reason === 'CLUSTERDOWN')
  );
}

/** @returns The refusal that will pass, if there was one. */
async function perform(
  store: RedisStore,
  id: SessionId,
  executor: RedisExecutor,
  keyPrefix: string,
): Promise<SessionStoreUnavailableError | undefined> {
  const newId = idOf(newToken(undefined, tagOf(id)));
  // The list lies in the slot of the record, so that each master is asked about both.
  const keys: Keys = [keyOf(keyPrefix, id), keyOf(keyPrefix, newId), `${keyPrefix}user:{${tagOf(id)}}`];
  const [, , list] = keys;
  const onList =
    (script: Script, ...args: Argument[]) =>
    (): Promise<unknown> =>
      executor.run(script, [list, `${list}:ended`], args);
  const times = { maxInactiveInterval: 60, absoluteTimeout: 0 };
  const steps: (() => Promise<unknown>)[] = [
    onList(ADD_ENTRY, id, 60_000, ''),
    // The script runs further commands from the second entry on.
    onList(ADD_ENTRY, newId, 60_000, ''),
    onList(ENTER_ENTRY, id, 60_000, 0),
    () => store.create(id, { ...times, attributes: ONE, codec: 'rehearsal', authenticated: true }),
    () => store.load(id, { touch: false }),
    () => store.touch(id),
    () => store.save(id, { ...BASE, set: new Map([['saved', BYTES]]), remove: ['rehearsal'] }),
    () => store.compareAndSet(id, 'saved', BYTES, undefined, true),
    () => store.renew(id, { ...BASE, set: ONE, newId }),
    () => store.destroy(newId),
    onList(REMOVE_ENTRIES, 0, id, newId),
    // For what is under a session's name and no record.
    () => executor.call('DEL', ...keys),
  ];
  let passing: SessionStoreUnavailableError | undefined;
  try {
    for (const step of steps) {
      await step().catch((error: unknown) => {
        if (!(error instanceof SessionStoreUnavailableError && PASSING.has(error.reason))) throw error;
        passing ??= error;
      });
    }
  } catch (error) {
    // A node that is down is not asked again.
    if (isOutage(error)) throw error;
    const refusal = await named(error, executor, keys);
    await forget(executor, ...keys);
    throw refusal ?? error;
  }
  return passing;
}

/** Removes what the rehearsal has written, its tombstones included. */
async function forget(executor: RedisExecutor, ...keys: string[]): Promise<void> {
  await executor.call('DEL', ...keys).catch(() => undefined);
}

/** The keys of a record, of what it is renewed to, and of a user's list. */
type Keys = readonly [key: string, newKey: string, list: string];

/** All commands of the scripts, with arguments that do no harm to the rehearsal's keys. */
const commandsOf = ([key, newKey]: Keys): [string, ...string[]][] => [
  ['HGETALL', key],
  ['TIME'],
  ['HMGET', key, 'f'],
  ['HSET', key, 'f', '1'],
  ['PEXPIRE', key, '1000'],
  ['PTTL', key],
  ['HLEN', key],
  ['EXISTS', key],
  ['RENAME', key, newKey],
  ['HDEL', newKey, 'f'],
  ['DEL', newKey],
  ['EVAL', 'return 1', '1', key],
];

/** A refusal with the names of all commands that are refused. A server names none that it refuses inside a script. */
async function named(error: unknown, executor: RedisExecutor, keys: Keys): Promise<Error | undefined> {
  if (!isForbidden(error)) return undefined;
  const { reason } = error;
  const refused = await forbiddenAmong(executor, commandsOf(keys));
  if (refused.length === 0 || refused.length >= commandsOf(keys).length - 1) return undefined;
  const how = reason === 'NOPERM' ? 'NOPERM: this user may not use' : 'it has no command';
  return unavailable(executor.endpoint, cause(reason, `${how} ${refused.join(', ')}`));
}
