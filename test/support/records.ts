import type { Redis } from 'ioredis';

/** How many sessions a server holds: tombstones of those that have ended are none. */
export async function recordCount(client: Pick<Redis, 'keys' | 'hexists'>): Promise<number> {
  const there = await Promise.all((await client.keys('*')).map((key) => client.hexists(key, '@v')));
  return there.filter((found) => found === 1).length;
}

/** The key of a session by its public id, where there is no CLUSTER_ID. */
export function keyOf(id: string): string {
  return `session:{${id.slice(0, 4)}}${id.slice(4)}`;
}
