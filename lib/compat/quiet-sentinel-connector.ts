import { SentinelConnector, type SentinelConnectionOptions } from 'ioredis';
import type { EventEmitter } from 'node:events';

/** The part of ioredis's connector that makes a client of one sentinel. */
type ConnectToSentinel = (this: unknown, address: unknown, options?: object) => EventEmitter;

/**
 * ioredis' own connector, with two changes to its connections to sentinels. They print nothing: the failover detector handles none
 * of their errors, so that each would be written to the console with its stack; that no sentinel names the master is told by the
 * client. And they end when the client ends, while each that has failed would keep the process alive for 2 s.
 */
export class QuietSentinelConnector extends SentinelConnector {
  constructor(options: unknown) {
    super(options as SentinelConnectionOptions);
    const { disconnectTimeout } = options as { readonly disconnectTimeout?: number };
    const connect = Reflect.get(this, 'connectToSentinel') as ConnectToSentinel;
    Reflect.set(this, 'connectToSentinel', (address: unknown, more?: object) => {
      const client = connect.call(this, address, {
        ...(disconnectTimeout !== undefined && { disconnectTimeout }),
        ...more,
      });
      client.on('error', () => undefined);
      return client;
    });
  }
}
