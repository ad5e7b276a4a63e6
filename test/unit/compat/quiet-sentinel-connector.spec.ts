import { expect, it } from '@jest/globals';
import type { Redis } from 'ioredis';
import { QuietSentinelConnector } from '../../../lib/compat/quiet-sentinel-connector.js';

/** A canary for each ioredis: what breaks here would print a stack for each sentinel that is down. */
it('makes clients of sentinels whose errors are heard, and that end when the client does', () => {
  const connector = new QuietSentinelConnector({
    name: 'sessions',
    sentinels: [{ host: '127.0.0.1', port: 1 }],
    disconnectTimeout: 100,
  });
  const make = Reflect.get(connector, 'connectToSentinel') as (address: object, options: object) => Redis;
  const client = make({ host: '127.0.0.1', port: 1 }, { lazyConnect: true });
  expect(client.listenerCount('error')).toBe(1);
  expect(client.options).toMatchObject({
    ...{ host: '127.0.0.1', port: 1, retryStrategy: null, disconnectTimeout: 100 },
  });
});
