import type { Cluster, Redis } from 'ioredis';

type Answer = (error: Error | null | undefined, info?: string) => void;

/**
 * Keeps ioredis's wait for a server that loads its data, and has it print nothing where the user of Redis may not use INFO,
 * by which it learns that: it would skip the wait with a line on the console, past every logger, for each connection. It still
 * skips it; whether the server loads its data, each command is then told. Each time that it waits, the client emits `loading`:
 * whoever waits for the client would learn no more than that it takes long.
 */
export function quietReadyCheck<T extends Redis | Cluster>(client: T): T {
  // A cluster makes a client of each node by itself, and connects it later.
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
  // Only what the check asks goes through here: whoever else asks is told of the refusal.
  const asked = Object.create(client, { info: { value: info } }) as Redis;
  Reflect.set(client, '_readyCheck', check.bind(asked));
}
