import type { Redis } from 'ioredis';

/** How many sessions a server holds: tombstones of those that have ended are none. */
export async function recordCount(client: Pick<Redis, 'keys' | 'hexists'>): Promise<number> {
  const there = await Promise.all((await client.keys('*')).map((key) => client.hexists(key, '@v')));
  return there.filter((found) => found === 1).length;
}
