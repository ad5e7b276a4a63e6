import type { Cluster, Redis } from 'ioredis';

type Answer = (error: Error | null | undefined, info?: string) => void;

/**
 * Keeps ioredis' wait for a server that loads its data, which needs INFO. Where the Redis user may not use INFO, ioredis skips the
 * wait and writes a line to the console for each connection, past every logger; with this it skips the wait in silence, and
 * commands are told that the server is loading. Each time that it waits, the client emits `loading`, so that the cause is known.
 */
export function quietReadyCheck<T extends Redis | Cluster>(client: T): T {
  // A cluster makes the clients of its nodes itself, and connects them later.
  if (client.isCluster) client.on('+node', (node: Redis) => quieten(node));
  else quieten(client as Redis);
  return client;
}

function quieten(client: Redis): void {
  const check = Reflect.get(client, '_readyCheck') as (this: unknown, answer: unknown) => void;
  const info = (answer: Answer): Promise<string> =>
    client.info((error, text) => {
      const isRefused = error?.message.includes('NOPERM') ?? false;
      if (/^loading:1/m.test(text ?? '')) client.emit('loading');
      if (isRefused) answer(null, '');
      else answer(error, text);
    });
  // Only the check calls this method. Other callers of INFO see the refusal.
  const asked = Object.create(client, { info: { value: info } }) as Redis;
  Reflect.set(client, '_readyCheck', check.bind(asked));
}
