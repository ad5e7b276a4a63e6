import { idOf, newToken, tagOf } from '../../core/token.js';
import type { RedisExecutor } from '../../redis/executor.js';
import { scriptOf } from '../../redis/script.js';
import { keyOf } from './record.js';

/** What stands in front of several servers puts the keys of a pair on one of them by chance, but not those of all pairs. */
const PAIRS = 8;

/**
 * Writes to the second of two keys, and asks for the first.
 * KEYS record, list.
 */
export const WRITE_SECOND = scriptOf(`
redis.call('HMGET', KEYS[1], '@v')
redis.call('HSET', KEYS[2], '@place', 1)
return redis.call('PEXPIRE', KEYS[2], 60000)
`);

/**
 * Whether a script may touch a record and a list at once, which lie in different slots: on a Redis of its own it may. Not on a
 * cluster, nor on a server of one that is reached as if it were alone. A proxy in front of several servers may take such a script and run
 * it where its first key is: so it is looked whether what was written to the second is found where that one is read.
 */
export async function isOnePlace(executor: RedisExecutor, keyPrefix: string): Promise<boolean> {
  const isTogether = async (): Promise<boolean> => {
    const record = keyOf(keyPrefix, idOf(newToken()));
    const list = `${keyPrefix}user:{${tagOf(newToken())}}`;
    if (executor.nodeOf?.(record) !== undefined) return false;
    await executor.run(WRITE_SECOND, [record, list], []);
    const [fields] = await executor.load(list);
    await executor.call('DEL', list);
    return fields.length > 0;
  };
  const answers = await Promise.all(Array.from({ length: PAIRS }, () => isTogether().catch(() => false)));
  return answers.every(Boolean);
}
