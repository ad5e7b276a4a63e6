import { Redis, type CommonRedisOptions } from 'ioredis';
import { onCleanup } from './cleanup.js';

/** A client of the test's own, which comes back when its server does, and is closed when the test file ends. */
export function redisClient(
  port: number,
  options: Pick<CommonRedisOptions, 'db' | 'username' | 'password'> = {},
): Redis {
  const client = new Redis({
    host: '127.0.0.1',
    port,
    retryStrategy: () => 20,
    // Where the server loads its data set, ioredis would look again after 10 s, and keep the process alive until then.
    maxLoadingRetryTime: 20,
    // From disconnect() on, where the server is gone already, ioredis would keep the process alive for 2 s.
    disconnectTimeout: 1,
    ...options,
  });
  client.on('error', () => undefined);
  onCleanup(() => client.disconnect());
  return client;
}
