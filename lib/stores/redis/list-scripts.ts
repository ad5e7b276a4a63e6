import { SessionStoreUnavailableError } from '../../core/errors.js';
import type { Timer } from '../../core/clock.js';
import { ThrottledLines } from '../../core/throttled-lines.js';
import type { Argument, RedisExecutor } from '../../redis/executor.js';
import type { Script } from '../../redis/script.js';
import { SET_ASIDE } from './index-scripts.js';

/** How long what cannot be read is kept for a look at it. */
export const ASIDE_MS = 86_400_000;

/** Where it is moved to: beside its place, and so in the same slot. */
export function asideOf(key: string): string {
  return `${key}:unreadable`;
}

/** Whether a key holds another kind of value than a command or script is for. */
export function isWrongType(error: unknown): boolean {
  return error instanceof SessionStoreUnavailableError && error.reason === 'WRONGTYPE';
}

/** Is told the key of a list, or of its note, that held something else, which has been set aside. */
export type StrangeList = (key: string) => void;

/**
 * Scripts on the lists of users. Where the key of a list or note holds another kind of value, that is set aside, as an unreadable record is,
 * and the script runs once more: it reads them before it writes, so that nothing was changed at first. Without that one
 * foreign key would be a 503 at each login of a user, for ever.
 */
export class ListScripts {
  readonly #commands: RedisExecutor;
  readonly #strange: StrangeList | undefined;

  constructor(commands: RedisExecutor, strange: StrangeList | undefined) {
    this.#commands = commands;
    this.#strange = strange;
  }

  /** @param lists Those of the keys that are of lists and notes. Default: all. */
  run(
    script: Script,
    keys: readonly string[],
    args: readonly Argument[],
    lists: readonly string[] = keys,
  ): Promise<unknown> {
    return this.#commands.run(script, keys, args).catch(async (error: unknown) => {
      if (!isWrongType(error)) throw error;
      await this.setAside(lists);
      return this.#commands.run(script, keys, args);
    });
  }

  /** Sets aside what is no hash under these keys. Best effort: never rejects. */
  async setAside(keys: readonly string[]): Promise<void> {
    await Promise.allSettled(
      keys.map(async (key) => {
        const moved = await this.#commands.run(SET_ASIDE, [key, asideOf(key)], [ASIDE_MS]);
        if (Number(moved) === 1) this.#strange?.(key);
      }),
    );
  }
}

/** Tells the operator of such keys: of the first at once, and at most once a minute. */
export function logOfStrangeLists(log: { warn(message: string): void }, timer: Timer): StrangeList {
  const lines = new ThrottledLines(
    {
      first: (message) => log.warn(message),
      again: (message, count) => log.warn(`${count} times more within a minute: ${message}`),
    },
    timer,
  );
  return (key) =>
    lines.note(
      'list',
      `${key}, which is for the list of a user's sessions, held something else. That is set aside for a day, as ${asideOf(key)}, and ` +
        'the list begins anew: a session of before is in it again once it is used after half its idle life. Another ' +
        'application writes under the same prefix: set REDIS_SESSION_CLUSTER_ID.',
    );
}
